import type { Transport } from '../api/index.ts'
import { Refused } from '../failures.ts'
import {
  type ObjectEntry,
  type ObjectKind,
  type PrefixEntry,
  printRange,
  type Range,
  readRange,
} from '../formats/index.ts'
import { isSameObject, objectOf, objectPaths, readObjects } from './objects.ts'
import type { Outcome, Subject } from './outcome.ts'
import { compareRanges, Ranges } from './ranges.ts'
import type { Sourced } from './sources.ts'

/** What the summary calls the objects of a kind. */
const subjectOf: Readonly<Record<ObjectKind, Subject>> = {
  AccessPolicy: 'policies',
  IPPool: 'pools',
  IPReservation: 'reservations',
  Node: 'nodes',
  IPAMConfiguration: 'configuration',
}

/**
 * Marks a pool that the file has disabled. It is enabled until its addresses are there, because a disabled pool takes none, and a later run
 * knows by the mark that it may disable it.
 */
const unfinishedMark = 'ippoold.io/unfinished-import'

/** Creates objects. Those that are there already stay as they are. */
export class ObjectImport {
  readonly #transport: Transport
  readonly #outcome: Outcome
  readonly #isDryRun: boolean
  readonly #there = new Map<ObjectKind, Promise<Map<string, ObjectEntry>>>()
  /** The pools to disable at the end. */
  readonly #toDisable: string[] = []
  /** The ranges of pools that this run has created, or a dry run would. */
  readonly #created: Range[] = []

  constructor(transport: Transport, outcome: Outcome, isDryRun: boolean) {
    this.#transport = transport
    this.#outcome = outcome
    this.#isDryRun = isDryRun
  }

  /** The pools that this run has created, or a dry run would. */
  get createdPools(): Ranges<undefined> {
    return new Ranges(this.#created.map((range) => ({ range, value: undefined })))
  }

  /** Creates an object of an export unless it is there. */
  async import({ entry, file, line }: Sourced<ObjectEntry>): Promise<void> {
    const { kind } = entry
    const subject = subjectOf[kind]
    const { name } = entry.metadata
    const there = (await this.#objects(kind)).get(name)
    if (there === undefined) {
      await this.#create({ entry, file, line }, `${subject}/${name}`)
      return
    }
    const said = isSameObject(there, entry) ? there : await this.#withDefaults(entry)
    const isUnfinished = there.metadata.annotations?.[unfinishedMark] !== undefined
    if (isUnfinished && entry.spec['disabled'] === true && isSameObject(enabled(there), enabled(said))) {
      this.#toDisable.push(name)
      this.#outcome.of(subject).unchanged += 1
    } else if (isSameObject(there, said)) {
      this.#outcome.of(subject).unchanged += 1
    } else {
      this.#outcome.conflict({
        subject,
        file,
        line,
        what: `${subject}/${name}`,
        there: describe(there),
        said: describe(entry),
        remedy: 'change one of them, so that they say the same, or delete the one that is there',
      })
    }
  }

  /**
   * Creates pools of prefixes of another system, unless a pool has their addresses already. A prefix that contains others of the files
   * makes no pool: those that it contains do.
   */
  async importPrefixes(prefixes: readonly Sourced<PrefixEntry>[]): Promise<void> {
    const existing = new Ranges(
      [...(await this.#objects('IPPool')).values()].flatMap((pool) => {
        const range = readRange(String(pool.spec['cidr']))
        return range === undefined ? [] : [{ range, value: pool.metadata.name }]
      }),
    )
    for (const { prefix, range } of withoutOuter(prefixes)) {
      const { entry, file, line } = prefix
      const around = existing.around(range)
      const inside = existing.inside(range)
      if (around !== undefined) {
        this.#outcome.of('pools').unchanged += 1
      } else if (inside !== undefined) {
        this.#outcome.conflict({
          subject: 'pools',
          file,
          line,
          what: entry.cidr,
          there: `the pool ${inside.value} with ${printRange(inside.range)}, which overlaps it`,
          said: `a prefix ${entry.cidr}`,
          remedy: `delete the pool ${inside.value}, or take the prefix out of the file`,
        })
      } else {
        await this.#create({ entry: poolFor(entry, range), file, line }, entry.cidr)
      }
    }
  }

  /** Disables the pools that the file has disabled, once their addresses are there. */
  async finish(): Promise<void> {
    if (this.#isDryRun) return
    for (const name of this.#toDisable) {
      await this.#transport.send({
        method: 'PATCH',
        path: `${objectPaths.IPPool}/${encodeURIComponent(name)}`,
        headers: { 'content-type': 'application/merge-patch+json' },
        body: JSON.stringify({
          metadata: { annotations: { [unfinishedMark]: null } },
          spec: { disabled: true },
        }),
      })
    }
  }

  async #create({ entry, file, line }: Sourced<ObjectEntry>, what: string): Promise<void> {
    const { kind, metadata, spec } = entry
    const subject = subjectOf[kind]
    const isToDisable = kind === 'IPPool' && spec['disabled'] === true
    const body = isToDisable
      ? {
          metadata: { ...metadata, annotations: { ...metadata.annotations, [unfinishedMark]: 'true' } },
          spec: { ...spec, disabled: false },
        }
      : { metadata, spec }
    try {
      await this.#transport.send({
        method: 'POST',
        path: `${objectPaths[kind]}${this.#isDryRun ? '?dryRun=All' : ''}`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    } catch (problem) {
      if (!(problem instanceof Refused) || !isAboutTheObject(problem)) throw problem
      this.#outcome.conflict({
        subject,
        file,
        line,
        what,
        there: `the server refuses it: ${problem.message.replaceAll(/\s*\n\s*/g, '; ')}`,
        said: describe(entry),
        remedy: 'change what the message names, there or in the file',
      })
      return
    }
    this.#outcome.of(subject).created += 1
    if (isToDisable) this.#toDisable.push(metadata.name)
    const range = kind === 'IPPool' ? readRange(String(spec['cidr'])) : undefined
    if (range !== undefined) this.#created.push(range)
  }

  /**
   * The object with the defaults of the server, as an update would store it: a file may leave out what is the default. If the server
   * refuses the update, the object as it is.
   */
  async #withDefaults({ kind, metadata, spec }: ObjectEntry): Promise<ObjectEntry> {
    try {
      const { text } = await this.#transport.send({
        method: 'PUT',
        path: `${objectPaths[kind]}/${encodeURIComponent(metadata.name)}?dryRun=All`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ metadata, spec }),
      })
      return objectOf(kind, JSON.parse(text))
    } catch (problem) {
      if (problem instanceof Refused && isAboutTheObject(problem)) return { kind, metadata, spec }
      throw problem
    }
  }

  #objects(kind: ObjectKind): Promise<Map<string, ObjectEntry>> {
    const known =
      this.#there.get(kind) ??
      readObjects(this.#transport, kind).then(
        ({ objects }) => new Map(objects.map((object) => [object.metadata.name, object])),
      )
    this.#there.set(kind, known)
    return known
  }
}

const objectReasons: readonly (string | undefined)[] = [
  'AlreadyExists',
  'Conflict',
  'Invalid',
  'BadRequest',
  'Forbidden',
]

function isAboutTheObject({ status: { reason } }: Refused): boolean {
  return objectReasons.includes(reason)
}

/** The object without what disables it, and without the mark of an unfinished import. */
function enabled({ metadata, spec, kind }: ObjectEntry): ObjectEntry {
  const { [unfinishedMark]: _mark, ...annotations } = metadata.annotations ?? {}
  const { disabled: _, ...rest } = spec
  return { kind, metadata: { ...metadata, annotations }, spec: rest }
}

function describe({ metadata: { labels, annotations }, spec }: ObjectEntry): string {
  return JSON.stringify({ ...(labels && { labels }), ...(annotations && { annotations }), spec })
}

interface RangedPrefix {
  readonly prefix: Sourced<PrefixEntry>
  readonly range: Range
}

/** The prefixes that contain no other one, each once, in the order of their addresses. */
function withoutOuter(prefixes: readonly Sourced<PrefixEntry>[]): readonly RangedPrefix[] {
  const ranged = prefixes.flatMap((prefix) => {
    const range = readRange(prefix.entry.cidr)
    return range === undefined ? [] : [{ prefix, range }]
  })
  const sorted = ranged.sort((one, other) => compareRanges(one.range, other.range))
  // Those that a prefix contains, and equal ones, follow it.
  return sorted.filter(({ range }, place) => {
    const next = sorted[place + 1]?.range
    return next === undefined || next.family !== range.family || next.first > range.last
  })
}

const usualBlockSizes = { 4: 26, 6: 122 } as const

/** The pool for a prefix, called by its range. Its blocks are as large as usual, unless it is smaller. */
function poolFor(
  { cidr, isDisabled, blockSize, annotations }: PrefixEntry,
  { family, prefixLength }: Range,
): ObjectEntry {
  return {
    kind: 'IPPool',
    metadata: { name: cidr.replaceAll(/[./:]/g, '-'), annotations },
    spec: {
      cidr,
      blockSize: blockSize ?? Math.max(usualBlockSizes[family], prefixLength),
      ...(isDisabled && { disabled: true }),
    },
  }
}
