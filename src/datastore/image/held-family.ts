import type { Family, Listed, Lookup, Observer, Revision } from '../../plan/index.ts'
import { recentValuesMax } from './limits.ts'
import { withEntry } from './listing.ts'
import { SortedKeys } from './sorted-keys.ts'

/** One key as etcd stores it: its mod revision, its value's text, and the revision of etcd at which this was true. */
export interface StoredValue {
  readonly revision: Revision
  readonly text: string
  readonly asOf: Revision
}

/** A value that has not been needed, and so not been decoded yet. */
interface Undecoded {
  readonly kind: 'undecoded'
  readonly text: string
}

/**
 * A key in memory, as of a revision. `lookup` is undefined when only the key's existence is held. Absence is held only in a family whose
 * keys are not all in memory.
 */
interface Held {
  readonly revision: Revision
  lookup: Lookup<unknown> | Undecoded | undefined
  /** The length of the stored value. */
  readonly valueBytes: number
  /** Another server wrote the key while this one watched. */
  readonly isOthers?: boolean
  /** The same entry as listings return it. It stays the same object while the key does not change, so callers can cache by it. */
  listed?: Listed<unknown>
}

/** A change of a key that the watch brought. */
interface WatchedChange {
  readonly revision: Revision
  /** The revision at which the key was created; 0 for its deletion. */
  readonly createRevision: Revision
  /** Its new value; undefined for its deletion. */
  readonly value: Buffer | undefined
}

/** Listings cached for one family: more than a cluster has nodes. */
const listingsMax = 10_000

/** A longer listing is built again on demand: copying it for every change would cost more. */
const listingUpdatedMax = 4_096

/** For so many revisions, a key that another server has written counts as that server's: a second of two busy servers. */
const revisionsOfOthers = 1_000n

/** Called with values that cannot be decoded. */
export type ProblemReport = (key: string, problem: string) => void

/**
 * The keys of one family in memory. It may be behind etcd, because a commit compares what was read. It must not go back: a change is
 * applied only if it is newer than what is held.
 */
export class HeldFamily {
  readonly family: Family<unknown>
  readonly #observer: Observer<unknown> | undefined
  readonly #report: ProblemReport
  readonly #entries = new Map<string, Held>()
  readonly #sortedKeys: SortedKeys | undefined
  /** Keys whose value is in memory, the least recently used first. Not used by a family that holds all its values. */
  readonly #recent = new Set<string>()
  readonly #recentMax: number
  /** Keys absent since a revision that the watch has yet to reach, so that its older events cannot bring them back. */
  readonly #absentSince = new Map<string, Revision>()
  #keySetChanges = 0
  #bytes = 0
  #newestRevision = 0n
  readonly #provenRevisions = new Map<string, Revision>()
  /** Listings by prefix, each until a key below it changes. */
  readonly #listings = new Map<string, readonly Listed<unknown>[]>()
  /** Keys that a commit of this server is writing, each with the last change that the watch has brought meanwhile. */
  readonly #awaited = new Map<string, { change: WatchedChange | undefined }>()
  #completeRevision = 0n

  constructor(family: Family<unknown>, observer: Observer<unknown> | undefined, report: ProblemReport) {
    this.family = family
    this.#observer = observer
    this.#report = report
    this.#sortedKeys = family.held === 'values' ? new SortedKeys() : undefined
    this.#recentMax = family.held === 'values' ? Infinity : recentValuesMax[family.held]
  }

  /** True if all keys of the family are held: then a key that is not held does not exist. */
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

  /** The length of all keys in memory, and of the values that are held with them, as they are stored. */
  get bytes(): number {
    return this.#bytes
  }

  /** Counts keys that came or went. Compare it before and after an await. */
  get keySetChanges(): number {
    return this.#keySetChanges
  }

  /**
   * True if memory is the family as it was at one revision, `completeRevision`. False while we hold something newer, from a commit or a
   * read: changes in between may not have arrived yet.
   */
  get isExact(): boolean {
    return this.#newestRevision <= this.#completeRevision && !this.#hasPutAside()
  }

  /** The stored value of `key`; undefined when it is not in memory. */
  lookup(key: string): Lookup<unknown> | undefined {
    const held = this.#entries.get(key)
    if (held === undefined) return this.isComplete ? { kind: 'absent' } : undefined
    if (held.lookup === undefined) return undefined
    this.#touch(key)
    return this.#decoded(key, held)
  }

  /** True if another server has written `key` a short time ago, and this one has not since. */
  isOthers(key: string): boolean {
    const held = this.#entries.get(key)
    return held?.isOthers === true && this.#newestRevision - held.revision < revisionsOfOthers
  }

  /** The value that `key` got at `revision`; undefined when it is not in memory, or cannot be read. */
  valueAt(key: string, revision: Revision): unknown {
    const held = this.#entries.get(key)
    // After a rewind, no entry keeps the revision it was read at: etcd may use the same revision for another value.
    return held?.revision === revision && held.lookup?.kind === 'value' ? held.lookup.value : undefined
  }

  /**
   * The entries below `prefix`, in key order. The list stays the same object while none of them changes, so callers can cache by it. Only
   * for a family that holds all its values.
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
    // Callers may ask for the affinities of any number of nodes that do not exist.
    if (this.#listings.size >= listingsMax) this.#listings.clear()
    this.#listings.set(prefix, listing)
    return listing
  }

  /** The keys in memory, in no order. */
  keys(): Iterable<string> {
    return this.#entries.keys()
  }

  /** Applies a value that was read from etcd. It is decoded on first use, unless the observer needs it at once. */
  store(key: string, stored: StoredValue): void {
    this.#store(key, stored, { isKept: true, isOthers: this.isComplete })
  }

  /** Applies a value that was read with its whole family: recently used values do not make room for it. */
  load(key: string, stored: StoredValue): void {
    this.#store(key, stored, { isKept: this.#recent.size < this.#recentMax || this.#recent.has(key), isOthers: false })
  }

  /** Applies a value that this server has just committed, and that is stored in `valueBytes`. */
  storeCommitted(key: string, value: unknown, revision: Revision, valueBytes: number): void {
    if (this.#isOutdated(key, revision, revision)) return
    const lookup = { kind: 'value', value, revision } as const
    const held = { revision, lookup, valueBytes }
    this.#keep(key, held)
    this.#updateListings(key, held)
    this.#observer?.changed(key, lookup)
  }

  /** Applies that `key` did not exist at `revision`. */
  storeAbsent(key: string, revision: Revision): void {
    if (this.isComplete) this.#rememberAbsence(key, revision)
    const held = this.#entries.get(key)
    if (held !== undefined && held.revision > revision) return
    // In a family that is not complete, absence must be held too.
    if (!this.isComplete) this.#keep(key, { revision, lookup: { kind: 'absent' }, valueBytes: 0 })
    else if (held !== undefined) this.#drop(key, revision)
    if (held !== undefined && held.lookup?.kind !== 'absent') this.#observer?.changed(key, { kind: 'absent' })
  }

  /**
   * A commit of this server is about to write `key`. Changes of the key that the watch brings are put aside until {@link commitEnded}: usually
   * they are the commit itself, whose value need not be decoded again.
   */
  awaitCommit(key: string): void {
    this.#awaited.set(key, { change: undefined })
  }

  /** The commit that was to write `key` is over, and its results have been applied. */
  commitEnded(key: string): void {
    const awaited = this.#awaited.get(key)
    if (awaited === undefined) return
    if (awaited.change !== undefined) this.#takeOver(key, awaited.change)
    this.#awaited.delete(key)
    // An outgrown table of the map may still refer to it; see OpenOperations.
    awaited.change = undefined
  }

  /** Applies a change that the watch brought. */
  applyChange(key: string, change: WatchedChange): void {
    const awaited = this.#awaited.get(key)
    if (awaited !== undefined) awaited.change = change
    else this.#takeOver(key, change)
  }

  /**
   * A key below `prefix` that another server has created again while a commit of this server is writing its predecessor; undefined when
   * there is none. Its change is put aside, so `completeRevision` does not cover this key.
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

  #takeOver(key: string, { revision, value }: WatchedChange): void {
    if (value === undefined) this.storeAbsent(key, revision)
    else if (!this.#isOutdated(key, revision, revision)) {
      this.store(key, { revision, text: value.toString(), asOf: revision })
    }
  }

  /** All changes up to `revision` have been applied, or are put aside until a commit ends. */
  completeUpTo(revision: Revision): void {
    if (revision <= this.#completeRevision) return
    this.#completeRevision = revision
    for (const [key, since] of this.#absentSince) {
      if (since > revision) break
      this.#absentSince.delete(key)
    }
  }

  /**
   * Forgets the revisions of what is held, because etcd has been put back to an earlier state: the next read is believed. Drops values that
   * can be fetched again.
   */
  rewind(): void {
    this.#completeRevision = 0n
    this.#newestRevision = 0n
    this.#absentSince.clear()
    this.#provenRevisions.clear()
    for (const awaited of this.#awaited.values()) awaited.change = undefined
    if (!this.isComplete) this.#entries.clear()
    this.#bytes = 0
    for (const [key, { lookup, valueBytes }] of this.#entries) {
      const held = { revision: 0n, lookup: this.family.held === 'values' ? lookup : undefined, valueBytes }
      this.#entries.set(key, held)
      this.#bytes += key.length + bytesOf(held)
    }
    this.#recent.clear()
  }

  /** The revision of the newest change that is held. */
  get newestRevision(): Revision {
    return this.#newestRevision
  }

  /** The revision up to which all of `prefix` is known, in the sense of `guard`. */
  provenRevision(guard: 'changed' | 'created' | 'current', prefix: string): Revision {
    const proven = this.#provenRevisions.get(`${guard} ${prefix}`) ?? 0n
    return proven > this.#completeRevision ? proven : this.#completeRevision
  }

  /** A commit at `revision` has proved that all of `prefix` was known. */
  prove(guard: 'changed' | 'created' | 'current', prefix: string, revision: Revision): void {
    // It only saves retries until the watch catches up, so it may be dropped at any time.
    if (this.#provenRevisions.size > 1_000) this.#provenRevisions.clear()
    this.#provenRevisions.set(`${guard} ${prefix}`, revision)
  }

  #isOutdated(key: string, revision: Revision, asOf: Revision): boolean {
    if ((this.#absentSince.get(key) ?? 0n) >= revision) return true
    const held = this.#entries.get(key)
    // A key that is not held did not exist at the complete revision, whatever a late answer says of the time before, unless a change of it
    // was put aside. A read as new as that revision is believed: etcd may have lost an event of the watch (docs/etcd.md section 1).
    if (held === undefined)
      return this.isComplete && asOf < this.#completeRevision && this.#awaited.get(key)?.change === undefined
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
    // A key that was only read again has not been written since.
    const isOthers = options.isOthers && this.#entries.get(key)?.revision !== revision
    const lookupLater = isKept ? ({ kind: 'undecoded', text } as const) : undefined
    const held: Held = { revision, lookup: lookupLater, valueBytes: text.length, isOthers }
    this.#keep(key, held)
    if (this.#observer?.changedText?.(key, text) === true) return
    const lookup = this.#decode(key, text, revision)
    if (isKept) held.lookup = lookup
    this.#updateListings(key, held)
    this.#observer?.changed(key, lookup)
  }

  /** The held value of a key, decoded now if it was not before. */
  #decoded(key: string, held: Held): Lookup<unknown> | undefined {
    if (held.lookup?.kind !== 'undecoded') return held.lookup
    const lookup = this.#decode(key, held.lookup.text, held.revision)
    held.lookup = lookup
    // The observer assumed that the text can be decoded.
    if (lookup.kind === 'unreadable') this.#observer?.changed(key, lookup)
    return lookup
  }

  #decode(key: string, text: string, revision: Revision): Lookup<unknown> {
    const decoded = this.family.decode(key, text)
    if (decoded.ok) return { kind: 'value', value: decoded.value, revision }
    this.#report(key, decoded.problem)
    return { kind: 'unreadable', problem: decoded.problem, revision }
  }

  /** The held value as an entry of listings. */
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
    const before = this.#entries.get(key)
    if (before === undefined) {
      this.#keySetChanges++
      this.#sortedKeys?.add(key)
      this.#bytes += key.length
    } else this.#bytes -= bytesOf(before)
    this.#bytes += bytesOf(held)
    this.#entries.set(key, held)
    if (held.lookup !== undefined) this.#touch(key)
  }

  #drop(key: string, revision: Revision): void {
    this.#seeNew(revision)
    this.#keySetChanges++
    this.#deleteEntry(key)
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
      else this.#deleteEntry(oldest)
      return
    }
  }

  #forgetValue(key: string): void {
    const held = this.#entries.get(key)
    if (held === undefined) return
    this.#bytes -= bytesOf(held)
    held.lookup = undefined
  }

  #deleteEntry(key: string): void {
    const held = this.#entries.get(key)
    if (held !== undefined) this.#bytes -= key.length + bytesOf(held)
    this.#entries.delete(key)
  }
}

/** The length of a value that is in memory. */
function bytesOf({ lookup, valueBytes }: Held): number {
  return lookup === undefined ? 0 : valueBytes
}
