import { createHash, type Hash } from 'node:crypto'
import { canonicalAddress } from './addresses.ts'
import {
  type AddressEntry,
  type AffinityEntry,
  type CoolingEntry,
  type Entry,
  type Holder,
  type Located,
  type ObjectEntry,
  type ObjectKind,
  objectKinds,
} from './entries.ts'
import { FormatProblem } from './problem.ts'
import { type Members, parseJson, Shapes } from './shapes.ts'

/** The entries that an export has. */
export type ExportEntry = ObjectEntry | AffinityEntry | AddressEntry | CoolingEntry

/** Numbers of entries, by their kinds. */
export type Counts = Readonly<Record<string, number>>

/** The first line of an export. */
export interface Header {
  readonly kind: 'Export'
  /** Of the format. A reader refuses a version that it does not know. */
  readonly version: 1
  readonly server: string
  /** Everything was read at this revision of etcd. */
  readonly revision: string
  readonly time: string
  /** The counts that the server has announced. */
  readonly counts: Counts
  /** Kinds that the caller may not read, so that they are missing. */
  readonly forbidden: readonly string[]
}

/** Prints an export line by line, and its checksum at the end. */
export class ExportPrinter {
  readonly #hash: Hash = createHash('sha256')
  readonly #counts: Record<string, number> = {}
  #lines = 0

  header(header: Omit<Header, 'kind' | 'version'>): string {
    return this.#print({ kind: 'Export', version: 1, ...header })
  }

  /** The lines of entries, one for each. */
  entries(entries: readonly ExportEntry[]): string {
    let text = ''
    for (const entry of entries) {
      this.#counts[entry.kind] = (this.#counts[entry.kind] ?? 0) + 1
      text += lineOf(entry)
    }
    this.#lines += entries.length
    this.#hash.update(text)
    return text
  }

  /** The last line: how much there is before it, the checksum of that, and how much of the data the server could not read. */
  end(unreadable: number): string {
    const sha256 = this.#hash.digest('hex')
    return lineOf({ kind: 'End', lines: this.#lines, counts: this.#counts, unreadable, sha256 })
  }

  /** The number of printed entries of each kind. */
  get counts(): Counts {
    return this.#counts
  }

  #print(value: object): string {
    const line = lineOf(value)
    this.#lines += 1
    this.#hash.update(line)
    return line
  }
}

function lineOf(value: object): string {
  return `${JSON.stringify(value)}\n`
}

/**
 * Reads the lines of an export. Throws a {@link FormatProblem} if a line cannot be read, and, at the end, if the file is shorter than it
 * should be or was changed.
 */
export async function* readExport(lines: AsyncIterable<string>): AsyncGenerator<Located<ExportEntry>, void> {
  const hash = createHash('sha256')
  const counts: Record<string, number> = {}
  let number = 0
  let isEnded = false
  for await (const line of lines) {
    number += 1
    const position = { line: number }
    if (isEnded) throw new FormatProblem('there is something behind the closing line', position)
    const shapes = new Shapes(position)
    const members = shapes.members(parseJson(line, number), 'the line')
    if (number === 1) requireHeader(members, shapes)
    else if (members['kind'] === 'End') {
      requireWhole(members, { lines: number - 1, counts, sha256: hash.digest('hex') }, shapes)
      isEnded = true
      continue
    } else {
      const entry = entryOf(members, shapes)
      counts[entry.kind] = (counts[entry.kind] ?? 0) + 1
      yield { entry, line: number }
    }
    hash.update(line).update('\n')
  }
  if (!isEnded) throw new FormatProblem('the file is cut off: the closing line is missing', { line: number })
}

function requireHeader({ kind, version }: Members, shapes: Shapes): void {
  if (kind !== 'Export') throw shapes.problem('kind', kind, '"Export": is this a file of "ippool export"?')
  if (version !== 1) throw shapes.problem('version', version, '1: a newer ippool can read it')
}

function requireWhole(
  { lines, counts, sha256 }: Members,
  found: { readonly lines: number; readonly counts: Counts; readonly sha256: string },
  shapes: Shapes,
): void {
  if (lines !== found.lines) {
    throw shapes.problem('lines', lines, `${found.lines}, the lines before it: some are missing or new`)
  }
  const said = shapes.members(counts, 'counts')
  for (const kind of new Set([...Object.keys(said), ...Object.keys(found.counts)])) {
    const count = found.counts[kind]
    if (said[kind] !== count) throw shapes.problem(`counts.${kind}`, said[kind], `${count ?? 0}, as many as there are`)
  }
  if (sha256 !== found.sha256) {
    throw shapes.problem('sha256', sha256, `${found.sha256}, the checksum of the lines before: one was changed`)
  }
}

function entryOf(members: Members, shapes: Shapes): ExportEntry {
  const { kind } = members
  switch (kind) {
    case 'Affinity':
      return {
        kind,
        cidr: shapes.text(members['cidr'], 'cidr'),
        node: shapes.text(members['node'], 'node'),
        type: shapes.text(members['type'], 'type'),
        state: shapes.text(members['state'], 'state'),
      }
    case 'Address': {
      const { alternate } = members
      return {
        kind,
        address: addressIn(members, shapes),
        handle: shapes.textOrNull(members['handle'], 'handle'),
        ...holderOf(members, '', shapes),
        ...(alternate !== undefined && {
          alternate: holderOf(shapes.members(alternate, 'alternate'), 'alternate.', shapes),
        }),
        sequenceNumber: shapes.text(members['sequenceNumber'], 'sequenceNumber'),
      }
    }
    case 'Cooling':
      return {
        kind,
        address: addressIn(members, shapes),
        releasedAt: shapes.text(members['releasedAt'], 'releasedAt'),
      }
    default:
      return objectOf(members, shapes)
  }
}

function addressIn(members: Members, shapes: Shapes): string {
  const address = shapes.text(members['address'], 'address')
  if (canonicalAddress(address) === address) return address
  throw shapes.problem('address', address, 'an address such as 10.1.0.7 or fd00::7')
}

function holderOf({ node, attributes }: Members, at: string, shapes: Shapes): Holder {
  return { node: shapes.textOrNull(node, `${at}node`), attributes: shapes.texts(attributes, `${at}attributes`) }
}

function objectOf({ kind, metadata, spec }: Members, shapes: Shapes): ObjectEntry {
  if (!isObjectKind(kind)) {
    throw shapes.problem('kind', kind, `one of ${[...objectKinds, 'Affinity', 'Address', 'Cooling', 'End'].join(', ')}`)
  }
  const { name, labels, annotations } = shapes.members(metadata, 'metadata')
  return {
    kind,
    metadata: {
      name: shapes.text(name, 'metadata.name'),
      ...(labels !== undefined && { labels: shapes.texts(labels, 'metadata.labels') }),
      ...(annotations !== undefined && { annotations: shapes.texts(annotations, 'metadata.annotations') }),
    },
    spec: shapes.members(spec, 'spec'),
  }
}

function isObjectKind(kind: unknown): kind is ObjectKind {
  return objectKinds.some((one) => one === kind)
}

/** True if an entry is an object of the API. */
export function isObjectEntry(entry: Entry): entry is ObjectEntry {
  return isObjectKind(entry.kind)
}
