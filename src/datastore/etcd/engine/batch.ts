import type { ICompare, IRequestOp } from 'etcd3'
import type {
  Family,
  GetOptions,
  Guard,
  Key,
  Listed,
  Lookup,
  Plan,
  Revision,
  View,
  Write,
} from '../../../plan/index.ts'
import { type Image, withEntry } from '../image/index.ts'
import { compareKey, comparePrefix } from '../keys.ts'
import { transactionOperationsMax } from '../limits.ts'
import type { BusyKeys } from './busy-keys.ts'

/** What a batch needs to know of an operation. */
export interface Plannable {
  plan(view: View): Plan<unknown>
  /** Plan and prove, but write nothing. */
  readonly isDryRun: boolean
  /** Whether `family` has been read afresh since the operation was submitted. */
  isFresh(family: Family<unknown>): boolean
}

/** What came of planning one operation. */
export type Planned =
  | { readonly kind: 'added'; readonly answer: unknown }
  /**
   * The transaction has no room for it any more, or it must not stand on what the others of the batch write, or be written beside that.
   */
  | { readonly kind: 'full' }
  /** It does not fit into a transaction of its own: it takes so many operations, or more. */
  | { readonly kind: 'too-large'; readonly operations: number }
  /** It reads what a commit under way is writing. */
  | { readonly kind: 'busy'; readonly key: string }
  /** It reads values that are not in memory. */
  | { readonly kind: 'cold'; readonly keys: readonly Key<unknown>[] }
  /** It refuses, or changes nothing, on the word of an index or a listing that nothing proves, and that is not known to be exact. */
  | { readonly kind: 'unproved'; readonly families: readonly Family<unknown>[] }

/** A listing to prove at commit. */
interface GuardedPrefix {
  readonly family: Family<unknown>
  readonly guard: 'changed' | 'created'
  readonly prefix: string
  readonly revision: Revision
}

/** Interrupts a plan whose read cannot be answered at once. Never leaves this file, and is no error: nobody looks at its stack. */
class Interruption {
  readonly planned: Planned
  constructor(planned: Planned) {
    this.planned = planned
  }
}

/** Costs a fraction of an error, which would collect its stack each time that an operation has to wait. */
function interrupt(planned: Planned): never {
  // eslint-disable-next-line @typescript-eslint/only-throw-error
  throw new Interruption(planned)
}

/**
 * Operations planned one after the other, each seeing the writes of those before it, to be committed as one transaction: `If`
 * everything read is still as it was read, `Then` the writes, `Else` the current values of the keys read.
 */
export class Batch {
  readonly #image: Image
  readonly #busy: BusyKeys
  readonly #reads = new Map<string, { key: Key<unknown>; revision: Revision }>()
  readonly #guards = new Map<string, GuardedPrefix>()
  readonly #writes = new Map<string, Write>()
  readonly #listings = new Map<string, readonly Listed<unknown>[]>()

  constructor(image: Image, busy: BusyKeys) {
    this.#image = image
    this.#busy = busy
  }

  get reads(): Iterable<{ key: Key<unknown>; revision: Revision }> {
    return this.#reads.values()
  }

  get guards(): Iterable<GuardedPrefix> {
    return this.#guards.values()
  }

  get writes(): ReadonlyMap<string, Write> {
    return this.#writes
  }

  /** Plans `operation` on top of the batch; the batch is unchanged unless the outcome is `added`. */
  add(operation: Plannable): Planned {
    const view = new RecordingView(this)
    let plan: Plan<unknown>
    try {
      plan = operation.plan(view)
    } catch (interruption) {
      if (!(interruption instanceof Interruption)) throw interruption
      const { planned } = interruption
      if (planned.kind === 'busy' && view.company !== undefined) this.#busy.letWait(view.company, planned.key)
      return planned
    }
    // A note of what was answered, which is to be forgotten, changes nothing either.
    if (plan.writes.every((write) => write.kind === 'put' && write.isExpiring)) {
      const unproved = [...view.hinted].filter(
        (family) => !operation.isFresh(family) || !this.#image.of(family).isExact,
      )
      if (unproved.length > 0) return { kind: 'unproved', families: unproved }
      // What is in memory was true at one revision, and with the writes of earlier operations it may never be.
      if ([...view.hinted].some((family) => this.#writesTo(family))) return { kind: 'full' }
    }
    const writes = operation.isDryRun ? [] : plan.writes
    for (const { key } of writes) {
      if (!view.reads.has(key.text) && !this.#reads.has(key.text)) throw new Error(`${key.text} is written unread.`)
    }
    if (writes.some(({ key: { family } }) => family.isChangedSingly === true && this.#writesTo(family))) {
      return { kind: 'full' }
    }
    const size = this.#sizeWith(view, writes)
    if (size > transactionOperationsMax) return this.#outgrown(size)
    this.#take(view, writes)
    return { kind: 'added', answer: plan.answer }
  }

  /** The compares, writes and reads of the transaction, without those of its slot. */
  compares(): ICompare[] {
    const keys = [...this.#reads.values()].map(({ key, revision }) => compareKey(key.text, revision))
    const prefixes = [...this.#guards.values()].map(({ prefix, guard, revision }) =>
      comparePrefix(prefix, guard, revision),
    )
    return [...keys, ...prefixes]
  }

  /** The writes, encoded; those of keys that are to expire are attached to `expiringLease`. */
  changes(expiringLease: string): IRequestOp[] {
    return [...this.#writes.values()].map((write) => {
      const key = Buffer.from(write.key.text)
      if (write.kind === 'delete') return { request_delete_range: { key } }
      const value = Buffer.from(write.encode())
      return { request_put: write.isExpiring ? { key, value, lease: expiringLease } : { key, value } }
    })
  }

  /** A read of every key that was compared. */
  rereads(): IRequestOp[] {
    return [...this.#reads.keys()].map((key) => ({ request_range: { key: Buffer.from(key) } }))
  }

  /** For {@link RecordingView}: what the batch knows of a key. */
  lookup<Value>(key: Key<Value>, assumeAbsent: boolean): Lookup<Value> {
    if (this.#busy.has(key.text)) interrupt({ kind: 'busy', key: key.text })
    const lookup = this.#image.lookup(key)
    if (lookup !== undefined) return lookup
    if (assumeAbsent) return { kind: 'absent' }
    interrupt({ kind: 'cold', keys: [key] })
  }

  /** For {@link RecordingView}: the write of an earlier operation of the batch. */
  written(key: string): Write | undefined {
    return this.#writes.get(key)
  }

  /** For {@link RecordingView}: an index knows nothing of what earlier operations of the batch are going to write. */
  requireUnwritten(family: Family<unknown>): void {
    if (this.#writesTo(family)) interrupt({ kind: 'full' })
  }

  waitWith(company: string): void {
    const key = this.#busy.awaitedBy(company)
    if (key !== undefined) interrupt({ kind: 'busy', key })
  }

  isBusy(key: string): boolean {
    return this.#busy.has(key)
  }

  isContested(key: Key<unknown>): boolean {
    if (this.#busy.isContested(key.text)) return true
    return this.#busy.isTruce && this.#image.of(key.family).isOthers(key.text)
  }

  /** Of more keys than a plan may read, the rest is not worth fetching. */
  prefetch(keys: readonly Key<unknown>[]): void {
    const unwritten = new Map(keys.filter(({ text }) => !this.#writes.has(text)).map((key) => [key.text, key]))
    const cold = [...unwritten.values()]
      .slice(0, transactionOperationsMax)
      .filter((key) => !this.#busy.has(key.text) && this.#image.lookup(key) === undefined)
    if (cold.length > 0) interrupt({ kind: 'cold', keys: cold })
  }

  /** For {@link RecordingView}: ends a plan that has read more than can be proved, whatever else it would do; it could go on for long. */
  admit(readCount: number): void {
    if (readCount >= transactionOperationsMax) interrupt(this.#outgrown(readCount + 1))
  }

  #outgrown(operations: number): Planned {
    const isEmpty = this.#reads.size === 0 && this.#guards.size === 0
    return isEmpty ? { kind: 'too-large', operations } : { kind: 'full' }
  }

  /** For {@link RecordingView}: the guard of a listing, as of what is known. */
  guard(family: Family<unknown>, guard: 'changed' | 'created', prefix: string, name: string): GuardedPrefix {
    const known = this.#guards.get(name)
    if (known !== undefined) return known
    const held = this.#image.of(family)
    const key = this.#busy.below(prefix, guard) ?? held.createdAside(prefix)
    if (key !== undefined) interrupt({ kind: 'busy', key })
    return { family, guard, prefix, revision: held.provenRevision(guard, prefix) }
  }

  list<Value>(family: Family<Value>, prefix: string): readonly Listed<Value>[] {
    const known = this.#listings.get(prefix)
    // The prefix belongs to one family, so what was listed below it has that family's type.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion
    if (known !== undefined) return known as readonly Listed<Value>[]
    const listing = this.#overlaid(this.#image.list(family, prefix), prefix)
    this.#listings.set(prefix, listing)
    return listing
  }

  #overlaid<Value>(stored: readonly Listed<Value>[], prefix: string): readonly Listed<Value>[] {
    let listing = stored
    for (const write of this.#writes.values()) {
      const key = write.key.text
      if (!key.startsWith(prefix)) continue
      // As in `list`.
      // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion
      const value = write.kind === 'put' ? (write.value as Value) : undefined
      listing = withEntry(listing, key, value === undefined ? undefined : { key, kind: 'value', value, revision: 0n })
    }
    return listing
  }

  #writesTo(family: Family<unknown>): boolean {
    return [...this.#writes.values()].some(({ key }) => key.family === family)
  }

  /** The longest list of the transaction with `view` and `writes` added; one for the slot. */
  #sizeWith(view: RecordingView, writes: readonly Write[]): number {
    let reads = this.#reads.size
    for (const key of view.reads.keys()) if (!this.#reads.has(key)) reads++
    let guards = this.#guards.size
    for (const name of view.guards.keys()) if (!this.#guards.has(name)) guards++
    let changes = this.#writes.size
    for (const { key } of writes) if (!this.#writes.has(key.text)) changes++
    return Math.max(reads + guards, changes) + 1
  }

  #take(view: RecordingView, writes: readonly Write[]): void {
    for (const [text, read] of view.reads) if (!this.#reads.has(text)) this.#reads.set(text, read)
    for (const [name, guard] of view.guards) if (!this.#guards.has(name)) this.#guards.set(name, guard)
    for (const write of writes) {
      this.#write(write)
      for (const prefix of this.#listings.keys()) if (write.key.text.startsWith(prefix)) this.#listings.delete(prefix)
    }
  }

  /** A key that did not exist and is deleted again within the batch needs no write at all. */
  #write(write: Write): void {
    const { text } = write.key
    if (write.kind === 'delete' && this.#reads.get(text)?.revision === 0n) this.#writes.delete(text)
    else this.#writes.set(text, write)
  }
}

/** Bytes of the keys and values that are written. */
export function sizeOf(changes: readonly IRequestOp[]): number {
  return changes.reduce((sum, { request_put: put }) => sum + (put?.key?.length ?? 0) + (put?.value?.length ?? 0), 0)
}

/** The view of one operation: answers from the batch, and keeps what was asked. */
class RecordingView implements View {
  readonly reads = new Map<string, { key: Key<unknown>; revision: Revision }>()
  readonly guards = new Map<string, GuardedPrefix>()
  readonly hinted = new Set<Family<unknown>>()
  company: string | undefined
  readonly #batch: Batch

  constructor(batch: Batch) {
    this.#batch = batch
  }

  get<Value>(key: Key<Value>, options?: GetOptions): Lookup<Value> {
    const written = this.#batch.written(key.text)
    if (written !== undefined && options?.awaitCommit === true) interrupt({ kind: 'full' })
    if (written?.kind === 'delete') return { kind: 'absent' }
    // A write to a key carries a value of the key's family.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion
    if (written?.kind === 'put') return { kind: 'value', value: written.value as Value, revision: 0n }
    const lookup = this.#batch.lookup(key, options?.assumeAbsent ?? false)
    this.reads.set(key.text, { key, revision: lookup.kind === 'absent' ? 0n : lookup.revision })
    this.#batch.admit(this.reads.size)
    return lookup
  }

  prefetch(keys: readonly Key<unknown>[]): void {
    this.#batch.prefetch(keys)
  }

  list<Value>(family: Family<Value>, guard: Guard, prefix = family.prefix): readonly Listed<Value>[] {
    if (guard === 'hint') this.hinted.add(family)
    else this.#guard(family, guard, prefix)
    return this.#batch.list(family, prefix)
  }

  consult(family: Family<unknown>, guard: 'created' | 'hint' = 'hint'): void {
    this.hinted.add(family)
    if (guard === 'hint') return
    this.#batch.requireUnwritten(family)
    this.#guard(family, guard, family.prefix)
  }

  waitWith(company: string): void {
    this.#batch.waitWith(company)
    this.company = company
  }

  isBusy(key: Key<unknown>): boolean {
    return this.#batch.isBusy(key.text)
  }

  isContested(key: Key<unknown>): boolean {
    return this.#batch.isContested(key)
  }

  #guard(family: Family<unknown>, guard: 'changed' | 'created', prefix: string): void {
    const name = `${guard} ${prefix}`
    this.guards.set(name, this.#batch.guard(family, guard, prefix, name))
  }
}
