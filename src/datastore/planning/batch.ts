import type { Family, Plan, View, Write } from '../../plan/index.ts'
import type { Image } from '../image/index.ts'
import { batchKeysMax } from './limits.ts'
import type { BusyKeys } from './busy-keys.ts'
import {
  Contents,
  type GuardedPrefix,
  type Obstacle,
  type Read,
  RecordingView,
  tooMany,
  uninterrupted,
} from './recording-view.ts'

/** An operation as a batch needs it. */
export interface Plannable {
  plan(view: View): Plan<unknown>
  /** Plan and validate, but write nothing. */
  readonly isDryRun: boolean
  /** True if `family` was read afresh after the operation was submitted. */
  isFresh(family: Family<unknown>): boolean
}

/** The outcome of planning one operation. */
export type Planned = { readonly kind: 'added'; readonly answer: unknown } | Obstacle

/** Operations planned one after the other, each seeing the writes of those before it, to be committed together. */
export class PlannedBatch {
  readonly #image: Image
  readonly #busy: BusyKeys
  readonly #contents = new Contents()

  constructor(image: Image, busy: BusyKeys) {
    this.#image = image
    this.#busy = busy
  }

  get reads(): Iterable<Read> {
    return this.#contents.reads.values()
  }

  get guards(): Iterable<GuardedPrefix> {
    return this.#contents.guards.values()
  }

  get writes(): ReadonlyMap<string, Write> {
    return this.#contents.writes
  }

  /** Contention groups of which no other plan can be committed before this batch, each with a key that the batch writes. */
  get apartGroups(): ReadonlyMap<string, string> {
    return this.#contents.apartGroups
  }

  /** The announced families that the batch changes. */
  get announced(): ReadonlySet<Family<unknown>> {
    return announcedBy(this.#contents.writes.values())
  }

  /** Plans `operation` on top of the batch. Unless the outcome is `added`, the batch is unchanged. */
  add(operation: Plannable): Planned {
    const view = new RecordingView(this.#contents, this.#image, this.#busy, (family) => operation.isFresh(family))
    const outcome = uninterrupted(() => operation.plan(view))
    if ('obstacle' in outcome) {
      const { obstacle } = outcome
      if (obstacle.kind === 'busy' && view.group !== undefined) this.#busy.letGroupWait(view.group, obstacle.key)
      return obstacle
    }
    const plan = outcome.value
    const obstacle = this.#obstacleOfHints(plan, operation, view)
    if (obstacle !== undefined) return obstacle
    const writes = operation.isDryRun ? [] : plan.writes
    for (const { key } of writes) {
      const isRead = view.reads.has(key.text) || this.#contents.reads.has(key.text)
      if (!isRead) throw new Error(`The plan writes ${key.text} without reading it.`)
    }
    const isApart = writes.some(
      ({ key: { family } }) => family.isChangedSingly === true && this.#contents.writesTo(family),
    )
    if (isApart || !this.mayShare(writes)) return { kind: 'full' }
    const size = this.#sizeWith(view, writes)
    if (size > batchKeysMax) return tooMany(this.#contents, size)
    this.#take(view, writes)
    const apart = writes.find(({ key: { family } }) => family.isChangedSingly === true)
    if (apart !== undefined && view.group !== undefined) this.#contents.apartGroups.set(view.group, apart.key.text)
    return { kind: 'added', answer: plan.answer }
  }

  /** True if these writes may be committed together with those of the batch. */
  protected mayShare(_writes: readonly Write[]): boolean {
    return true
  }

  /**
   * The obstacle of a plan that changes nothing because of hints, if there is one: such a plan is believed only when the hints are
   * complete. A stored answer that expires is no change either.
   */
  #obstacleOfHints(plan: Plan<unknown>, operation: Plannable, view: RecordingView): Obstacle | undefined {
    if (!plan.writes.every((write) => write.kind === 'put' && write.isExpiring)) return undefined
    const hinted = [...view.hinted]
    const families = hinted.filter((family) => !operation.isFresh(family) || !this.#image.of(family).isExact)
    if (families.length > 0) return { kind: 'unproved', families }
    // Memory is exact at one revision; with the writes of the batch it may never be.
    return hinted.some((family) => this.#contents.writesTo(family)) ? { kind: 'full' } : undefined
  }

  /** The longest list of the transaction with `view` and `writes` added, announcements included; one for the slot. */
  #sizeWith(view: RecordingView, writes: readonly Write[]): number {
    const contents = this.#contents
    let reads = contents.reads.size
    for (const key of view.reads.keys()) if (!contents.reads.has(key)) reads++
    let guards = contents.guards.size
    for (const name of view.guards.keys()) if (!contents.guards.has(name)) guards++
    let changes = contents.writes.size
    for (const { key } of writes) if (!contents.writes.has(key.text)) changes++
    const announcements = announcedBy([...contents.writes.values(), ...writes]).size
    return Math.max(reads + guards, changes + announcements) + 1
  }

  #take(view: RecordingView, writes: readonly Write[]): void {
    const { reads, guards, listings } = this.#contents
    for (const [text, read] of view.reads) if (!reads.has(text)) reads.set(text, read)
    for (const [name, guard] of view.guards) if (!guards.has(name)) guards.set(name, guard)
    for (const write of writes) {
      this.#write(write)
      for (const prefix of listings.keys()) if (write.key.text.startsWith(prefix)) listings.delete(prefix)
    }
  }

  /** A key that was absent before the batch and is deleted by it needs no write. */
  #write(write: Write): void {
    const { text } = write.key
    const { reads, writes } = this.#contents
    if (write.kind === 'delete' && reads.get(text)?.revision === 0n) writes.delete(text)
    else writes.set(text, write)
  }
}

/** The announced families that these writes change. */
function announcedBy(writes: Iterable<Write>): ReadonlySet<Family<unknown>> {
  const families = new Set<Family<unknown>>()
  for (const { key } of writes) if (key.family.isAnnounced === true) families.add(key.family)
  return families
}
