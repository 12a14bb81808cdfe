import type { Family, Listed, Lookup, Observer, Revision } from '../../../plan/index.ts'
import { recentValuesMax } from '../limits.ts'
import { withEntry } from './listing.ts'
import { SortedKeys } from './sorted-keys.ts'

/** One key as etcd stores it: its mod revision, its value's bytes, and the revision of etcd at which this was so. */
export interface StoredValue {
  readonly revision: Revision
  readonly text: string
  readonly asOf: Revision
}

/** A value as etcd gave it, which nobody has looked at. */
interface Undecoded {
  readonly kind: 'undecoded'
  readonly text: string
}

/**
 * A key in memory, as of a revision. `lookup` is undefined when only its existence is held. That a key is absent is held only in a
 * family of which not every key is in memory.
 */
interface Held {
  readonly revision: Revision
  lookup: Lookup<unknown> | Undecoded | undefined
  /** Somebody else wrote it while this server was looking. */
  readonly isOthers?: boolean
  /** The same as part of a listing, once there has been one: what is derived from an entry can be kept for as long as it stays. */
  listed?: Listed<unknown>
}

/** What the watch tells of a key. */
interface Change {
  readonly revision: Revision
  /** Since when there has been the key; 0 for its deletion. */
  readonly createRevision: Revision
  /** Its new value; undefined for its deletion. */
  readonly value: Buffer | undefined
}

/** Listings kept of one family: more than a cluster has nodes. */
const listingsMax = 10_000

/** A longer listing is made anew when it is asked for: to copy it with every change would cost more. */
const listingUpdatedMax = 4_096

/** For how many revisions what somebody else has written counts as theirs: a second of two busy servers. */
const revisionsOfOthers = 1_000n

/** Told of values that cannot be decoded. */
export type ProblemReport = (key: string, problem: string) => void

/**
 * The keys of one family in memory. It may be behind etcd, for a commit compares what was read; it must not go back: a change
 * is applied only when its revision is above what is held.
 */
export class HeldFamily {
  readonly family: Family<unknown>
  readonly #observer: Observer<unknown> | undefined
  readonly #report: ProblemReport
  readonly #entries = new Map<string, Held>()
  readonly #sortedKeys: SortedKeys | undefined
  /** Keys whose value is in memory, the least recently used first. Unused by a family that holds all its values. */
  readonly #recent = new Set<string>()
  readonly #recentMax: number
  /** Keys found or made absent at a revision that the watch has yet to pass, so that its older events cannot bring them back. */
  readonly #absentSince = new Map<string, Revision>()
  #keySetChanges = 0
  #newestRevision = 0n
  readonly #provenRevisions = new Map<string, Revision>()
  /** Listings by their prefix, each until a key below it changes. */
  readonly #listings = new Map<string, readonly Listed<unknown>[]>()
  /** Keys that a commit of this server is writing, with the change of each that the watch has told of meanwhile. */
  readonly #awaited = new Map<string, { change: Change | undefined }>()
  #completeRevision = 0n

  constructor(family: Family<unknown>, observer: Observer<unknown> | undefined, report: ProblemReport) {
    this.family = family
    this.#observer = observer
    this.#report = report
    this.#sortedKeys = family.held === 'values' ? new SortedKeys() : undefined
    this.#recentMax = family.held === 'values' ? Infinity : recentValuesMax[family.held]
  }

  /** Whether all keys of the family are held, and so a key that is not held does not exist. */
  get isComplete(): boolean {
    return this.family.held !== 'recent'
  }

  /** Every change of the family up to this revision is in memory. */
  get completeRevision(): Revision {
    return this.#completeRevision
  }

  get size(): number {
    return this.#entries.size
  }

  /** How often a key has come or gone; tells whether one did while something else was awaited. */
  get keySetChanges(): number {
    return this.#keySetChanges
  }

  /**
   * Whether what is in memory is the family as it was at one revision, the complete one. It is not when a commit of this server or a
   * read has brought something newer, and what somebody else changed before that is still on its way.
   */
  get isExact(): boolean {
    return this.#newestRevision <= this.#completeRevision && !this.#hasPutAside()
  }

  /** What is stored under `key`, or undefined when that is not in memory. */
  lookup(key: string): Lookup<unknown> | undefined {
    const held = this.#entries.get(key)
    if (held === undefined) return this.isComplete ? { kind: 'absent' } : undefined
    if (held.lookup === undefined) return undefined
    this.#touch(key)
    return this.#decoded(key, held)
  }

  /** Whether somebody else has written `key` a short time ago, and this server has not since. */
  isOthers(key: string): boolean {
    const held = this.#entries.get(key)
    return held?.isOthers === true && this.#newestRevision - held.revision < revisionsOfOthers
  }

  /** The value that `key` was given at `revision`; undefined when it is not in memory, or cannot be read. */
  valueAt(key: string, revision: Revision): unknown {
    const held = this.#entries.get(key)
    // After a rewind nothing is held at the revision that it was read at: etcd may count another value by the same one.
    return held?.revision === revision && held.lookup?.kind === 'value' ? held.lookup.value : undefined
  }

  /**
   * The entries below `prefix`, in key order: the same list for as long as none of them changes, so that what is derived from it can
   * be kept as long. Only for a family that holds all its values.
   */
  listing(prefix: string): readonly Listed<unknown>[] {
    const known = this.#listings.get(prefix)
    if (known !== undefined) return known
    if (this.#sortedKeys === undefined) throw new Error(`The values of ${this.family.name} are not all in memory.`)
    const listing: Listed<unknown>[] = []
    for (const key of this.#sortedKeys.startingWith(prefix)) {
      const held = this.#entries.get(key)
      const entry = held === undefined ? undefined : this.#listed(key, held)
      if (entry !== undefined) listing.push(entry)
    }
    // Anybody can ask for the claims of nodes that do not exist.
    if (this.#listings.size >= listingsMax) this.#listings.clear()
    this.#listings.set(prefix, listing)
    return listing
  }

  /** The keys in memory, in no order. */
  keys(): Iterable<string> {
    return this.#entries.keys()
  }

  /** Takes over a value that etcd gave. It is decoded when somebody looks at it, if the observer can do without. */
  store(key: string, stored: StoredValue): void {
    this.#store(key, stored, { isKept: true, isOthers: this.isComplete })
  }

  /** Takes over a value that was read because all are: no recently used one makes room for it. */
  load(key: string, stored: StoredValue): void {
    this.#store(key, stored, { isKept: this.#recent.size < this.#recentMax || this.#recent.has(key), isOthers: false })
  }

  /** Takes over a value that this server has just committed. */
  storeCommitted(key: string, value: unknown, revision: Revision): void {
    if (this.#isOutdated(key, revision, revision)) return
    const lookup = { kind: 'value', value, revision } as const
    const held = { revision, lookup }
    this.#keep(key, held)
    this.#updateListings(key, held)
    this.#observer?.changed(key, lookup)
  }

  /** Takes over that `key` did not exist at `revision`. */
  storeAbsent(key: string, revision: Revision): void {
    if (this.isComplete) this.#rememberAbsence(key, revision)
    const held = this.#entries.get(key)
    if (held !== undefined && held.revision > revision) return
    // Where a key that is not held may exist, its absence is something to hold.
    if (!this.isComplete) this.#keep(key, { revision, lookup: { kind: 'absent' } })
    else if (held !== undefined) this.#drop(key, revision)
    if (held !== undefined && held.lookup?.kind !== 'absent') this.#observer?.changed(key, { kind: 'absent' })
  }

  /**
   * Says that a commit of this server is going to write `key`. What the watch tells of the key meanwhile is put aside until {@link
   * settled}: it is the commit itself as a rule, whose value is known without decoding it once more.
   */
  awaitCommit(key: string): void {
    this.#awaited.set(key, { change: undefined })
  }

  /** The commit that was going to write `key` is over, and what it brought has been taken over. */
  settled(key: string): void {
    const awaited = this.#awaited.get(key)
    if (awaited === undefined) return
    this.#awaited.delete(key)
    const { change } = awaited
    // What the map has outgrown may still refer to it; see OpenOperations.
    awaited.change = undefined
    if (change !== undefined) this.#takeOver(key, change)
  }

  /** Takes over a change that the watch tells of. */
  watched(key: string, change: Change): void {
    const awaited = this.#awaited.get(key)
    if (awaited !== undefined) awaited.change = change
    else this.#takeOver(key, change)
  }

  /**
   * A key below `prefix` that somebody else has created anew while a commit of this server is writing what it was before. As what the
   * watch told of it is put aside, the complete revision speaks for all keys but this.
   */
  createdAside(prefix: string): string | undefined {
    for (const [key, { change }] of this.#awaited) {
      if (change === undefined || !key.startsWith(prefix)) continue
      if (change.createRevision > (this.#entries.get(key)?.revision ?? 0n)) return key
    }
    return undefined
  }

  #hasPutAside(): boolean {
    for (const [key, { change }] of this.#awaited) {
      if (change !== undefined && !this.#isOutdated(key, change.revision, change.revision)) return true
    }
    return false
  }

  #takeOver(key: string, { revision, value }: Change): void {
    if (value === undefined) this.storeAbsent(key, revision)
    else if (!this.#isOutdated(key, revision, revision)) {
      this.store(key, { revision, text: value.toString(), asOf: revision })
    }
  }

  /** Every change up to `revision` has been taken over, or is put aside for the end of a commit. */
  completeUpTo(revision: Revision): void {
    if (revision <= this.#completeRevision) return
    this.#completeRevision = revision
    for (const [key, since] of this.#absentSince) {
      if (since > revision) break
      this.#absentSince.delete(key)
    }
  }

  /**
   * Forgets how new what is held is, because etcd has been put back to an earlier state: whatever is read next is believed. Values that
   * can be fetched again are dropped.
   */
  rewind(): void {
    this.#completeRevision = 0n
    this.#newestRevision = 0n
    this.#absentSince.clear()
    this.#provenRevisions.clear()
    for (const awaited of this.#awaited.values()) awaited.change = undefined
    if (!this.isComplete) this.#entries.clear()
    for (const [key, { lookup }] of this.#entries) {
      this.#entries.set(key, { revision: 0n, lookup: this.family.held === 'values' ? lookup : undefined })
    }
    this.#recent.clear()
  }

  /** The newest revision at which anything that is held was changed. */
  get newestRevision(): Revision {
    return this.#newestRevision
  }

  /** The revision up to which everything below `prefix` is known, in the sense of `guard`. */
  provenRevision(guard: 'changed' | 'created', prefix: string): Revision {
    const proven = this.#provenRevisions.get(`${guard} ${prefix}`) ?? 0n
    return proven > this.#completeRevision ? proven : this.#completeRevision
  }

  /** A commit at `revision` has proved that nothing below `prefix` was unknown. */
  prove(guard: 'changed' | 'created', prefix: string, revision: Revision): void {
    // Only saves retries until the watch catches up, so that dropping it all is fine.
    if (this.#provenRevisions.size > 1_000) this.#provenRevisions.clear()
    this.#provenRevisions.set(`${guard} ${prefix}`, revision)
  }

  #isOutdated(key: string, revision: Revision, asOf: Revision): boolean {
    if ((this.#absentSince.get(key) ?? 0n) >= revision) return true
    const held = this.#entries.get(key)
    // A key that is not held has not existed at the complete revision, whatever a late answer says of the time before. A read that
    // is as new is believed: etcd may have lost an event of the watch (docs/etcd.md section 1).
    if (held === undefined) return this.isComplete && asOf < this.#completeRevision
    return held.revision > revision || (held.revision === revision && held.lookup !== undefined)
  }

  #rememberAbsence(key: string, revision: Revision): void {
    const since = this.#absentSince.get(key) ?? this.#completeRevision
    if (revision > since) this.#absentSince.set(key, revision)
  }

  #store(
    key: string,
    { revision, text, asOf }: StoredValue,
    { isKept, ...options }: { readonly isKept: boolean; readonly isOthers: boolean },
  ): void {
    if (this.#isOutdated(key, revision, asOf)) return
    // One that was only read again has not been written since.
    const isOthers = options.isOthers && this.#entries.get(key)?.revision !== revision
    const held: Held = { revision, lookup: isKept ? { kind: 'undecoded', text } : undefined, isOthers }
    this.#keep(key, held)
    if (this.#observer?.changedText?.(key, text) === true) return
    const lookup = this.#decode(key, text, revision)
    if (isKept) held.lookup = lookup
    this.#updateListings(key, held)
    this.#observer?.changed(key, lookup)
  }

  /** What is held of a key, decoded if it was not. */
  #decoded(key: string, held: Held): Lookup<unknown> | undefined {
    if (held.lookup?.kind !== 'undecoded') return held.lookup
    const lookup = this.#decode(key, held.lookup.text, held.revision)
    held.lookup = lookup
    // The observer took the text for one that can be decoded.
    if (lookup.kind === 'unreadable') this.#observer?.changed(key, lookup)
    return lookup
  }

  #decode(key: string, text: string, revision: Revision): Lookup<unknown> {
    const decoded = this.family.decode(key, text)
    if (decoded.ok) return { kind: 'value', value: decoded.value, revision }
    this.#report(key, decoded.problem)
    return { kind: 'unreadable', problem: decoded.problem, revision }
  }

  /** What is held, as a listing has it. */
  #listed(key: string, held: Held): Listed<unknown> | undefined {
    const lookup = this.#decoded(key, held)
    if (lookup === undefined || lookup.kind === 'absent') return undefined
    return (held.listed ??= { key, ...lookup })
  }

  #updateListings(key: string, held: Held | undefined): void {
    for (const [prefix, listing] of this.#listings) {
      if (!key.startsWith(prefix)) continue
      if (listing.length > listingUpdatedMax) this.#listings.delete(prefix)
      else this.#listings.set(prefix, withEntry(listing, key, held && this.#listed(key, held)))
    }
  }

  #keep(key: string, held: Held): void {
    this.#seeNew(held.revision)
    if (!this.#entries.has(key)) {
      this.#keySetChanges++
      this.#sortedKeys?.add(key)
    }
    this.#entries.set(key, held)
    if (held.lookup !== undefined) this.#touch(key)
  }

  #drop(key: string, revision: Revision): void {
    this.#seeNew(revision)
    this.#keySetChanges++
    this.#entries.delete(key)
    this.#recent.delete(key)
    this.#sortedKeys?.delete(key)
    this.#updateListings(key, undefined)
  }

  #seeNew(revision: Revision): void {
    if (revision > this.#newestRevision) this.#newestRevision = revision
  }

  #touch(key: string): void {
    if (this.family.held === 'values') return
    this.#recent.delete(key)
    this.#recent.add(key)
    if (this.#recent.size <= this.#recentMax) return
    for (const oldest of this.#recent) {
      this.#recent.delete(oldest)
      if (this.isComplete) this.#forgetValue(oldest)
      else this.#entries.delete(oldest)
      return
    }
  }

  #forgetValue(key: string): void {
    const held = this.#entries.get(key)
    if (held !== undefined) held.lookup = undefined
  }
}
