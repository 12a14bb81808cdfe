import { annexes, type JsonObject, jsonObject, stringifyJson } from '../../../model/index.ts'
import { inStages, type Key, put, type Revision, type Write } from '../../../plan/index.ts'
import type { Image } from '../../image/index.ts'
import type { PlannedBatch } from '../../planning/index.ts'
import { type ApiRefusal, revisionOf } from '../api/index.ts'
import { objectAt, parsedObject, textAt } from '../forms/index.ts'
import type { Patience, Present, Written } from '../objects/index.ts'
import type { StoredKind, StoredKinds } from './kinds.ts'
import { countedAnew, type KeyChange, undone } from './undo.ts'

/** What became of a stage. Unless it is done, nothing of the batch counts, or will. */
export type StageOutcome =
  | { readonly kind: 'done' }
  /** Another writer came first: `keys` have other values now, which are in memory. */
  | { readonly kind: 'conflict'; readonly keys: readonly string[] }
  | { readonly kind: 'refused'; readonly refusal: ApiRefusal }
  | { readonly kind: 'unsent'; readonly error: Error }
  /** Nobody can tell whether a part of it is stored. */
  | { readonly kind: 'unknown'; readonly error: Error }

/** A write that is stored. */
interface Done extends KeyChange {
  /** The object that it made; undefined after a removal. */
  readonly object: JsonObject | undefined
}

/** What was found or made under a key in the course of a commit. */
interface Current {
  readonly value: unknown
  /** What a write of the key has to keep; undefined: there is no object. */
  readonly stored: JsonObject | undefined
}

const done: StageOutcome = { kind: 'done' }

/** How often a write is repeated on what others have stored meanwhile, when it must not be left half-way. */
const repeatsMax = 20

/**
 * Writes the objects of a batch, stage by stage (docs/decisions/0021). If a stage fails, {@link takeBack} undoes those before it. What is
 * found and written goes into memory.
 */
export class ObjectCommit {
  readonly #kinds: StoredKinds
  readonly #patience: Patience
  readonly #leads: readonly Write[]
  readonly #commits: readonly Write[]
  readonly #finals: readonly Write[]
  /** Each belongs to the uid of its object, so it is written after that. */
  readonly #annexes: readonly Write[]
  readonly #uids = new Map<string, string>()
  readonly #reads: ReadonlyMap<string, Revision>
  readonly #current = new Map<string, Current>()
  readonly #done: Done[] = []
  #revision: Revision = 0n

  /** To be made in the turn of the event loop in which the batch was planned. */
  constructor(kinds: StoredKinds, image: Image, batch: PlannedBatch, patience: Patience) {
    this.#kinds = kinds
    this.#patience = patience
    this.#reads = new Map(Array.from(batch.reads, ({ key, revision }) => [key.text, revision]))
    const writes = [...batch.writes.values()]
    for (const { key } of writes) {
      const lookup = image.lookup(key)
      const metadata = lookup?.kind === 'absent' ? undefined : kinds.of(key.family).feed.metadataOf(key.text)
      const stored = metadata && jsonObject([['metadata', metadata]])
      this.#current.set(key.text, { value: lookup?.kind === 'value' ? lookup.value : undefined, stored })
    }
    const { leads, commits, finals } = inStages(writes, (key) => this.#current.get(key.text)?.value)
    const isAnnex = ({ key }: Write): boolean => key.family === annexes
    this.#leads = leads.filter((write) => !isAnnex(write))
    this.#annexes = leads.filter(isAnnex)
    this.#commits = commits
    this.#finals = finals
  }

  /** The revision of the commit, or of the last write if it has none. 0 before. */
  get revision(): Revision {
    return this.#revision
  }

  /** See {@link Outcome.uids}. */
  get uids(): ReadonlyMap<string, string> {
    return this.#uids
  }

  /** True if the batch changes blocks. */
  get hasCommits(): boolean {
    return this.#commits.length > 0
  }

  /** Stores what must be there before the blocks say so. All at the same time, but new blocks after their affinities. */
  async lead(): Promise<StageOutcome> {
    const isBlock = ({ key }: Write): boolean => key.family.part === 'block'
    const outcome = await this.#writeAll(this.#leads.filter((write) => !isBlock(write)))
    return outcome.kind === 'done' ? this.#writeInTurn(this.#leads.filter(isBlock)) : outcome
  }

  /** Stores the blocks, one after the other. */
  async commit(): Promise<StageOutcome> {
    return this.#writeInTurn(this.#commits)
  }

  /** Stores what depends on the blocks, and counts as much as they do. Without blocks, that is everything. */
  async conclude(): Promise<StageOutcome> {
    const outcome = await this.#writeInTurn(this.#finals.filter((write) => !this.#isMended(write)))
    if (outcome.kind !== 'done') return outcome
    return this.#writeInTurn(this.#annexes.map((write) => annexOf(write, this.#uids)))
  }

  /**
   * Stores what follows from the blocks. Handles that others have changed since are counted anew, and an affinity that another server took
   * back is stored again: the blocks say what is true. What cannot be stored is left to upkeep.
   */
  async follow(): Promise<void> {
    for (const write of this.#finals.filter((one) => this.#isMended(one))) {
      const { kind } = await this.#write(write)
      if (kind !== 'conflict') continue
      if (write.key.family.part === 'handle') await this.#countAnew(write)
      else if (write.kind === 'put') await this.#settle(write.key, () => write.encode())
    }
  }

  /** True for what follows from blocks: if it is missing, the next plans or upkeep mend it. */
  #isMended({ key }: Write): boolean {
    return this.hasCommits && (key.family.part === 'handle' || key.family.part === 'affinity')
  }

  /** Undoes what was stored. False if something of it may stay. */
  async takeBack(): Promise<boolean> {
    let isComplete = true
    // A new block that others use already stays, and with it the affinity that it names.
    const staying: string[] = []
    for (const change of this.#done.splice(0).toReversed()) {
      const { part } = change.key.family
      if (part === 'affinity' && staying.length > 0) continue
      const isUndone = await this.#settle(change.key, (present, revision) => {
        const isUnchanged = change.object !== undefined ? revision === revisionOf(change.object) : present === undefined
        const text = undone(change, present, isUnchanged)
        if (part === 'block' && change.before === undefined && text !== undefined) staying.push(change.key.text)
        return text
      })
      isComplete &&= isUndone
    }
    return isComplete
  }

  async #writeInTurn(writes: readonly Write[]): Promise<StageOutcome> {
    for (const write of writes) {
      const outcome = await this.#write(write)
      if (outcome.kind !== 'done') return outcome
    }
    return done
  }

  async #writeAll(writes: readonly Write[]): Promise<StageOutcome> {
    const outcomes = await Promise.all(writes.map((write) => this.#write(write)))
    const failures = outcomes.filter(({ kind }) => kind !== 'done')
    const keys = failures.flatMap((outcome) => (outcome.kind === 'conflict' ? outcome.keys : []))
    const [worst] = failures.filter(({ kind }) => kind !== 'conflict')
    if (worst !== undefined) return worst
    return keys.length > 0 ? { kind: 'conflict', keys } : done
  }

  async #write(write: Write): Promise<StageOutcome> {
    const { key } = write
    const kind = this.#kinds.of(key.family)
    const current = this.#current.get(key.text)
    const isFirst = !this.#done.some((change) => change.key.text === key.text)
    const expected = this.#reads.get(key.text) ?? 0n
    if (write.kind === 'delete' && current?.stored === undefined && expected === 0n) return done
    if (isFirst && versionOf(current?.stored) !== expected) {
      // Memory has the value, and not what the object has beside it.
      const found = await this.#find(kind, key)
      if ('kind' in found) return found
      if (versionOf(found.object) !== expected) return this.#conflict(kind, key, found)
      this.#current.set(key.text, { value: current?.value, stored: found.object })
    }
    const stored = this.#current.get(key.text)?.stored
    const [after, text] = write.kind === 'put' ? [write.value, write.encode()] : [undefined, undefined]
    const written = await send(kind, key, text, stored, this.#patience)
    if (written.kind === 'conflict') return this.#conflict(kind, key, written.present)
    if (written.kind !== 'applied') return written
    const object = kind.form.isResource === true ? await this.#asResource(kind, text, written.object) : written.object
    if (object !== undefined && text !== undefined) {
      if (key.family !== annexes) this.#revision = revisionOf(object)
      // The API server has its say in what a resource is.
      if (kind.form.isResource === true) kind.feed.found(object, revisionOf(object))
      else kind.feed.committed(object, key.text, after, text.length)
    } else kind.feed.gone(key.text, versionOf(stored))
    this.#done.push({ key, before: current?.value, after, object })
    this.#current.set(key.text, { value: after, stored: object })
    return done
  }

  /** Writes the status of a resource, if it is another one than that stored, and notes the uid that it got. */
  async #asResource(
    { form, objects }: StoredKind,
    text: string | undefined,
    made: JsonObject | undefined,
  ): Promise<JsonObject | undefined> {
    if (text === undefined || made === undefined) return made
    const [given, shown] = [parsedObject(text), parsedObject(form.read(made)?.text ?? '{}')]
    const [wanted, got] = [given, shown].map((object) => textAt(objectAt(object, 'metadata'), 'uid'))
    if (wanted !== undefined && got !== undefined && wanted !== got) this.#uids.set(wanted, got)
    const { status } = given
    if (status === undefined || stringifyJson(status) === stringifyJson(made['status'] ?? null)) return made
    const outcome = await objects.replaceStatus(jsonObject([...Object.entries(made), ['status', status]]))
    // An older Calico has no status. What is missing for another reason is written when conditions are looked at again.
    return outcome.kind === 'answered' ? outcome.object : made
  }

  /** The present object of a key, or why it could not be read. */
  async #find({ form, objects }: StoredKind, key: Key<unknown>): Promise<Present | StageOutcome> {
    const name = form.nameOf(key.text)
    if (!name.ok) return { kind: 'refused', refusal: { status: 422, reason: 'Invalid', message: name.problem } }
    try {
      return { object: await objects.get(name.name) }
    } catch (error) {
      return { kind: 'unsent', error: error instanceof Error ? error : new Error(String(error)) }
    }
  }

  #conflict(kind: StoredKind, key: Key<unknown>, present: Present | undefined): StageOutcome {
    take(kind, key, present, this.#reads.get(key.text) ?? 0n)
    return { kind: 'conflict', keys: [key.text] }
  }

  async #countAnew(write: Write): Promise<void> {
    const before = this.#current.get(write.key.text)?.value
    const change = { key: write.key, before, after: write.kind === 'put' ? write.value : undefined }
    await this.#settle(write.key, (present) => countedAnew(change, present))
  }

  /** Stores what `next` makes of the present text, until nobody comes between. False if that cannot be done. */
  async #settle(
    key: Key<unknown>,
    next: (present: string | undefined, revision: Revision) => string | undefined,
  ): Promise<boolean> {
    const kind = this.#kinds.of(key.family)
    for (let repeats = 0; repeats < repeatsMax; repeats++) {
      const found = await this.#find(kind, key)
      if ('kind' in found) return false
      const entry = found.object === undefined ? undefined : kind.form.read(found.object)
      // Whoever has marked it as deleted, deletes it.
      if (entry !== undefined && (entry.isDeleted || entry.key !== key.text)) return true
      const text = next(entry?.text, versionOf(found.object))
      if (text === entry?.text) {
        take(kind, key, found, versionOf(found.object))
        return true
      }
      const written = await send(kind, key, text, found.object, this.#patience)
      if (written.kind === 'applied') {
        take(kind, key, { object: written.object }, versionOf(found.object))
        return true
      }
      if (written.kind !== 'conflict') return false
    }
    return false
  }
}

/** The write of an annex, for the uid that its object got. */
function annexOf(write: Write, uids: ReadonlyMap<string, string>): Write {
  if (write.kind === 'delete') return write
  const annex = annexes.decode(write.key.text, write.encode())
  const uid = annex.ok ? uids.get(annex.value.uid) : undefined
  return annex.ok && uid !== undefined ? put({ family: annexes, text: write.key.text }, { ...annex.value, uid }) : write
}

/** Sends one write, in place of `stored`. An object that is marked as deleted is deleted first. */
async function send(
  { form, writer }: StoredKind,
  key: Key<unknown>,
  text: string | undefined,
  stored: JsonObject | undefined,
  patience: Patience,
): Promise<Written> {
  const name = form.nameOf(key.text)
  if (!name.ok || form.write === undefined) {
    const message = name.ok ? `${key.family.name} are not written` : name.problem
    return { kind: 'refused', refusal: { status: 422, reason: 'Invalid', message } }
  }
  if (text === undefined) {
    return stored === undefined ? { kind: 'applied', object: undefined } : writer.remove(stored, patience)
  }
  const object = form.write(key.text, text, stored)
  if (stored !== undefined) return writer.replace(object, patience)
  const created = await writer.create(object, patience)
  const obstacle = created.kind === 'conflict' ? created.present?.object : undefined
  if (obstacle === undefined || form.read(obstacle)?.isDeleted !== true) return created
  const removed = await writer.remove(obstacle, patience)
  return removed.kind === 'applied' ? writer.create(object, patience) : removed
}

/** Takes the present object of a key into memory. `seen` is a revision at which it was another one. */
function take({ form, feed }: StoredKind, key: Key<unknown>, present: Present | undefined, seen: Revision): void {
  if (present === undefined) return
  const entry = present.object === undefined ? undefined : form.read(present.object)
  if (present.object === undefined || entry === undefined || entry.isDeleted) feed.gone(key.text, seen)
  else if (entry.key === key.text) feed.found(present.object, revisionOf(present.object))
  else feed.taken(key.text, present.object)
}

/** The version of an object; 0 if there is none. */
function versionOf(object: JsonObject | undefined): Revision {
  return object === undefined ? 0n : revisionOf(object)
}
