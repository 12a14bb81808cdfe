import type { Family, GetOptions, Guard, Key, Listed, Lookup, Revision, View, Write } from '../../plan/index.ts'
import { type Image, withEntry } from '../image/index.ts'
import { batchKeysMax, comparedKeysMax } from './limits.ts'
import type { BusyKeys } from './busy-keys.ts'

/** A key that was read, and its revision then; 0 when it was absent. */
export interface Read {
  readonly key: Key<unknown>
  readonly revision: Revision
}

/** A guard that the commit proves. */
export type ProvenGuard = Exclude<Guard, 'hint'>

/** A listing that the commit proves, and the revision up to which it is known. */
export interface GuardedPrefix {
  readonly family: Family<unknown>
  readonly guard: ProvenGuard
  readonly prefix: string
  readonly revision: Revision
}

/** The contents of a batch: what its operations have read, and write. */
export class Contents {
  readonly reads = new Map<string, Read>()
  readonly guards = new Map<string, GuardedPrefix>()
  readonly writes = new Map<string, Write>()
  /** The contention groups of plans that must not share a transaction, each with a key that its plan writes. */
  readonly apartGroups = new Map<string, string>()
  /** Listings with the writes so far, by their prefix. */
  readonly listings = new Map<string, readonly Listed<unknown>[]>()

  get isEmpty(): boolean {
    return this.reads.size === 0 && this.guards.size === 0
  }

  writesTo(family: Family<unknown>): boolean {
    return [...this.writes.values()].some(({ key }) => key.family === family)
  }
}

/** The reason for which an operation could not be added to a batch. */
export type Obstacle =
  /** The batch has no room left, or the operation must not share a transaction with what the batch writes. */
  | { readonly kind: 'full' }
  /** The operation needs more operations than a transaction takes: at least so many. */
  | { readonly kind: 'too-large'; readonly operations: number }
  /** It reads what a commit in flight is writing. */
  | { readonly kind: 'busy'; readonly key: string }
  /** It reads values that are not in memory. */
  | { readonly kind: 'cold'; readonly keys: readonly Key<unknown>[] }
  /** It refuses or changes nothing, on the word of an index or a listing that nothing proves and that may be incomplete. */
  | { readonly kind: 'unproved'; readonly families: readonly Family<unknown>[] }

/** Interrupts a plan whose read cannot be answered yet. No `Error`: collecting a stack for each wait would cost too much. */
class Interruption {
  readonly obstacle: Obstacle
  constructor(obstacle: Obstacle) {
    this.obstacle = obstacle
  }
}

function interrupt(obstacle: Obstacle): never {
  // eslint-disable-next-line @typescript-eslint/only-throw-error
  throw new Interruption(obstacle)
}

/** Runs a plan. Returns the obstacle instead when a read interrupts it. */
export function uninterrupted<Value>(plan: () => Value): { readonly value: Value } | { readonly obstacle: Obstacle } {
  try {
    return { value: plan() }
  } catch (thrown) {
    if (thrown instanceof Interruption) return { obstacle: thrown.obstacle }
    throw thrown
  }
}

/** The view of one operation over the batch so far: answers from the batch's writes, then from memory, and records what was read. */
export class RecordingView implements View {
  readonly reads = new Map<string, Read>()
  readonly guards = new Map<string, GuardedPrefix>()
  /** Families whose index or unproved listing the plan relied on. */
  readonly hinted = new Set<Family<unknown>>()
  readonly #contents: Contents
  readonly #image: Image
  readonly #busy: BusyKeys
  readonly #isFresh: (family: Family<unknown>) => boolean
  #group: string | undefined

  /** `isFresh` tells whether a family was read afresh after the operation was submitted. */
  constructor(contents: Contents, image: Image, busy: BusyKeys, isFresh: (family: Family<unknown>) => boolean) {
    this.#contents = contents
    this.#image = image
    this.#busy = busy
    this.#isFresh = isFresh
  }

  /** The contention group of the plan, if it named one. */
  get group(): string | undefined {
    return this.#group
  }

  get<Value>(key: Key<Value>, options?: GetOptions): Lookup<Value> {
    const written = this.#contents.writes.get(key.text)
    if (written !== undefined && options?.awaitCommit === true) interrupt({ kind: 'full' })
    if (written?.kind === 'delete') return { kind: 'absent' }
    // A write to a key carries a value of the key's family.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion
    if (written?.kind === 'put') return { kind: 'value', value: written.value as Value, revision: 0n }
    const lookup = this.#lookup(key, options?.assumeAbsent ?? false)
    this.reads.set(key.text, { key, revision: lookup.kind === 'absent' ? 0n : lookup.revision })
    // A plan that has read more than a transaction proves ends here: it could go on for long.
    if (this.reads.size >= batchKeysMax) interrupt(tooMany(this.#contents, this.reads.size + 1))
    return lookup
  }

  prefetch(keys: readonly Key<unknown>[]): void {
    const unwritten = new Map(keys.filter(({ text }) => !this.#contents.writes.has(text)).map((key) => [key.text, key]))
    const cold = [...unwritten.values()]
      // Fetching more keys than a plan may read is a waste.
      .slice(0, batchKeysMax)
      .filter((key) => !this.#busy.has(key.text) && this.#image.lookup(key) === undefined)
    if (cold.length > 0) interrupt({ kind: 'cold', keys: cold })
  }

  list<Value>(family: Family<Value>, guard: Guard, prefix = family.prefix): readonly Listed<Value>[] {
    if (guard === 'hint') this.hinted.add(family)
    else this.#guard(family, guard === 'current' ? this.#guardOfCurrent(family, prefix) : guard, prefix)
    const known = this.#contents.listings.get(prefix)
    // The prefix belongs to one family, so what was listed below it has that family's type.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion
    if (known !== undefined) return known as readonly Listed<Value>[]
    const listing = this.#withWrites(this.#image.list(family, prefix), prefix)
    this.#contents.listings.set(prefix, listing)
    return listing
  }

  consult(family: Family<unknown>, guard: 'created' | 'hint' = 'hint'): void {
    this.hinted.add(family)
    if (guard === 'hint') return
    // The index does not know what the batch is going to write.
    if (this.#contents.writesTo(family)) interrupt({ kind: 'full' })
    this.#guard(family, guard, family.prefix)
  }

  waitWith(group: string): void {
    if (this.#contents.apartGroups.has(group)) interrupt({ kind: 'full' })
    const key = this.#busy.awaitedBy(group)
    if (key !== undefined) interrupt({ kind: 'busy', key })
    this.#group = group
  }

  isBusy(key: Key<unknown>): boolean {
    return this.#busy.has(key.text)
  }

  isContested(key: Key<unknown>): boolean {
    if (this.#busy.isContested(key.text)) return true
    return this.#busy.isBackingOff && this.#image.of(key.family).isOthers(key.text)
  }

  #lookup<Value>(key: Key<Value>, assumeAbsent: boolean): Lookup<Value> {
    if (this.#busy.has(key.text)) interrupt({ kind: 'busy', key: key.text })
    const lookup = this.#image.lookup(key)
    if (lookup !== undefined) return lookup
    if (assumeAbsent) return { kind: 'absent' }
    interrupt({ kind: 'cold', keys: [key] })
  }

  /** The guard by which a listing is proved to be current. Memory must be the family at one revision, which is not older than the call. */
  #guardOfCurrent(family: Family<unknown>, prefix: string): 'changed' | 'current' {
    const held = this.#image.of(family)
    if (family.isAnnounced !== true || held.size <= comparedKeysMax) return 'changed'
    const key = this.#busy.below(prefix, 'current')
    if (key !== undefined) interrupt({ kind: 'busy', key })
    if (!this.#isFresh(family) || !held.isExact) interrupt({ kind: 'unproved', families: [family] })
    return 'current'
  }

  #guard(family: Family<unknown>, guard: ProvenGuard, prefix: string): void {
    const name = `${guard} ${prefix}`
    this.guards.set(name, this.#contents.guards.get(name) ?? this.#newGuard(family, guard, prefix))
  }

  #newGuard(family: Family<unknown>, guard: ProvenGuard, prefix: string): GuardedPrefix {
    const held = this.#image.of(family)
    const key = this.#busy.below(prefix, guard) ?? held.createdAside(prefix)
    if (key !== undefined) interrupt({ kind: 'busy', key })
    return { family, guard, prefix, revision: held.provenRevision(guard, prefix) }
  }

  #withWrites<Value>(stored: readonly Listed<Value>[], prefix: string): readonly Listed<Value>[] {
    let listing = stored
    for (const write of this.#contents.writes.values()) {
      const key = write.key.text
      if (!key.startsWith(prefix)) continue
      // As in `list`.
      // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion
      const value = write.kind === 'put' ? (write.value as Value) : undefined
      listing = withEntry(listing, key, value === undefined ? undefined : { key, kind: 'value', value, revision: 0n })
    }
    return listing
  }
}

/** The obstacle of an operation that needs so many operations beside the contents of its batch. */
export function tooMany(contents: Contents, operations: number): Obstacle {
  return contents.isEmpty ? { kind: 'too-large', operations } : { kind: 'full' }
}
