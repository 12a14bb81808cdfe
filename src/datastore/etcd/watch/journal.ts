import type { IDuplexStream, IKeyValue, IWatchRequest, IWatchResponse } from 'etcd3'
import type { Revision } from '../../../plan/index.ts'
import { type Change, type ChangeSource, type Ending, Follower } from '../../changes.ts'
import { RevisionCompacted } from '../../faults.ts'
import { endWatch, type EtcdClient } from '../client.ts'
import { type JournalLimits, journalLimits } from '../limits.ts'

/** The keys from `start` up to, and not including, `end`. */
export interface KeyRange {
  readonly start: Buffer
  readonly end: Buffer
}

/**
 * The changes of a range of keys, in their order, for any number of followers at the cost of one watch on etcd. It remembers some of
 * them, so that a follower who takes long, or comes back, finds what he missed; the rest is read from etcd's history, as far as it
 * goes. It runs while there are followers, and for a while after.
 */
export class Journal implements ChangeSource {
  readonly #client: EtcdClient
  readonly #range: KeyRange
  readonly #limits: JournalLimits
  readonly #followers = new Set<Follower>()
  /** All changes after the floor and up to the ceiling, and their sizes together. */
  #changes: Change[] = []
  #characters = 0
  #floor: Revision = 0n
  #ceiling: Revision = 0n
  /** How many keys there are at the ceiling. */
  #keys = 0
  /** Whether changes after the floor were once remembered, and dropped for want of room. */
  #isTrimmed = false
  #isRunning = false
  #stream: IDuplexStream<IWatchRequest, IWatchResponse> | undefined
  /** Counts the streams, tried or open; whatever belongs to another than the last is of no interest any more. */
  #attempt = 0
  #retryDelayMs = 50
  #retryTimer: NodeJS.Timeout | undefined
  #proofTimer: NodeJS.Timeout | undefined
  #idleTimer: NodeJS.Timeout | undefined
  #proof: Promise<void> | undefined
  /** The ceiling at which the last proof failed, and since when it is the same. */
  #unproven: { readonly ceiling: Revision; readonly sinceMs: number } | undefined
  /** Followers are let in one by one. */
  #door: Promise<void> = Promise.resolve()

  constructor(client: EtcdClient, range: KeyRange, limits = journalLimits) {
    this.#client = client
    this.#range = range
    this.#limits = limits
  }

  /**
   * Follows the changes after a revision that etcd has reached. Throws {@link RevisionCompacted} when they are not all known any
   * more, {@link DatastoreUnavailable} when etcd does not answer.
   */
  async follow(after: Revision): Promise<Follower> {
    const opened = this.#door.then(() => this.#reachBackTo(after))
    this.#door = opened.catch(() => undefined)
    await opened
    const follower = new Follower(this, after, () => {
      this.#followers.delete(follower)
      if (this.#followers.size === 0) this.#restUnlessFollowed()
    })
    clearTimeout(this.#idleTimer)
    this.#followers.add(follower)
    return follower
  }

  /** Changes after `seen`, at the most `max` and one transaction's: those of one transaction are never torn apart. */
  changesAfter(seen: Revision, max: number): readonly Change[] {
    const first = this.#indexAfter(seen)
    if (first + max >= this.#changes.length) return this.#changes.slice(first)
    const last = this.#changes[first + max - 1]?.revision ?? seen
    return this.#changes.slice(first, this.#indexAfter(last))
  }

  /** The revision up to which all changes are known. */
  get ceiling(): Revision {
    return this.#ceiling
  }

  /**
   * Makes sure that the ceiling is what etcd has reached, by a linearizable read: when no key is newer than the ceiling, and there are as
   * many as at the ceiling, nothing has happened since. Otherwise the watch is about to tell of it. Who asks while a read is under way
   * shares it.
   */
  prove(): Promise<void> {
    this.#proof ??= this.#prove().finally(() => {
      this.#proof = undefined
    })
    return this.#proof
  }

  async #prove(): Promise<void> {
    const [attempt, ceiling, keys] = [this.#attempt, this.#ceiling, this.#keys]
    const newer = { keys_only: true, limit: 1, min_mod_revision: String(ceiling + 1n) }
    const found = await this.#client.range({ ...this.#rangeRequest(), ...newer })
    if (attempt !== this.#attempt || !this.#isRunning) return
    const revision = BigInt(found.header.revision)
    if (found.kvs.length === 0 && Number(found.count) === keys) {
      if (revision > this.#ceiling) this.#ceiling = revision
      this.#unproven = undefined
      return
    }
    const now = performance.now()
    if (this.#unproven?.ceiling !== this.#ceiling) this.#unproven = { ceiling: this.#ceiling, sinceMs: now }
    else if (now - this.#unproven.sinceMs >= this.#limits.proofMs / 2) {
      // As of a member that is cut off from the others.
      this.#client.abandonMember()
      this.#unproven = undefined
      this.#reconnect()
    }
  }

  /** Ends all followers, and forgets everything. */
  close(ending: Ending): void {
    this.#isRunning = false
    this.#attempt++
    if (this.#stream !== undefined) endWatch(this.#stream)
    this.#stream = undefined
    clearTimeout(this.#retryTimer)
    clearTimeout(this.#idleTimer)
    clearInterval(this.#proofTimer)
    this.#changes = []
    this.#characters = 0
    for (const follower of [...this.#followers]) follower.end(ending)
  }

  /** Makes the journal begin at `after`, or earlier. */
  async #reachBackTo(after: Revision): Promise<void> {
    if (this.#isRunning && after >= this.#floor) return
    if (this.#isRunning && this.#isTrimmed) throw new RevisionCompacted(undefined)
    const then = await this.#client.range({ ...this.#rangeRequest(), count_only: true, revision: String(after) })
    this.#isRunning = true
    this.#isTrimmed = false
    this.#floor = after
    this.#ceiling = after
    this.#keys = Number(then.count)
    this.#changes = []
    this.#characters = 0
    this.#unproven = undefined
    clearInterval(this.#proofTimer)
    this.#proofTimer = setInterval(() => void this.prove().catch(() => undefined), this.#limits.proofMs)
    this.#reconnect(0)
  }

  #rangeRequest(): { key: Buffer; range_end: Buffer } {
    return { key: this.#range.start, range_end: this.#range.end }
  }

  #reconnect(delayMs = this.#retryDelayMs): void {
    this.#stream?.cancel()
    this.#stream = undefined
    this.#attempt++
    clearTimeout(this.#retryTimer)
    this.#retryTimer = setTimeout(() => void this.#connect(), delayMs)
    this.#retryDelayMs = Math.min(this.#retryDelayMs * 2, 2_000)
  }

  async #connect(): Promise<void> {
    const attempt = this.#attempt
    const fail = (): void => {
      if (attempt === this.#attempt) this.#reconnect()
    }
    try {
      const stream = await this.#client.watch()
      if (attempt !== this.#attempt) {
        endWatch(stream)
        return
      }
      this.#stream = stream
      stream.on('error', fail)
      stream.on('end', fail)
      stream.on('data', (response) => {
        if (attempt === this.#attempt) this.#receive(response)
      })
      // From the ceiling on, which is known, and not from after it: of the first revision asked for, etcd forgets the deletions when it is
      // compacted, and says nothing; when it has been compacted further, it refuses.
      stream.write({
        create_request: { ...this.#rangeRequest(), start_revision: String(this.#ceiling), prev_kv: true },
      })
    } catch {
      fail()
    }
  }

  /** All changes of one revision come in one response. */
  #receive(response: IWatchResponse): void {
    if (response.canceled) {
      if (BigInt(response.compact_revision) === 0n) this.#reconnect()
      else this.close('expired')
      return
    }
    this.#retryDelayMs = 50
    const known = this.#ceiling
    for (const { type, kv, prev_kv } of response.events) {
      const revision = BigInt(kv.mod_revision)
      // A stream that was opened anew may begin with what the last one has told.
      if (revision <= known) continue
      const isDeletion = type === 'Delete'
      const isCreation = kv.create_revision === kv.mod_revision
      if (isDeletion) this.#keys--
      else if (isCreation) this.#keys++
      const before = textOf(prev_kv)
      if (before === undefined && !isCreation) {
        // etcd looks it up when it sends the event, and history may have been compacted meanwhile.
        this.close('expired')
        return
      }
      const text = isDeletion ? undefined : kv.value.toString()
      this.#changes.push({ key: kv.key.toString(), revision, text, before })
      this.#characters += sizeOf(text) + sizeOf(before)
      this.#ceiling = revision
    }
    if (this.#ceiling === known) return
    this.#trim()
    for (const follower of this.#followers) follower.wake()
  }

  /** Drops the oldest changes, some more than must be, so that it is seldom done, and the followers that still needed them. */
  #trim(): void {
    const { changesMax, charactersMax } = this.#limits
    if (this.#changes.length <= changesMax && this.#characters <= charactersMax) return
    let dropped = 0
    for (const { text, before } of this.#changes) {
      const isEnough = this.#changes.length - dropped <= changesMax * 0.9 && this.#characters <= charactersMax * 0.9
      if (isEnough) break
      this.#characters -= sizeOf(text) + sizeOf(before)
      dropped++
    }
    this.#isTrimmed = true
    this.#floor = this.#changes[dropped - 1]?.revision ?? this.#floor
    const first = this.#indexAfter(this.#floor)
    // The rest of the last transaction goes too.
    for (const { text, before } of this.#changes.slice(dropped, first))
      this.#characters -= sizeOf(text) + sizeOf(before)
    this.#changes = this.#changes.slice(first)
    for (const follower of [...this.#followers]) if (follower.seen < this.#floor) follower.end('overrun')
  }

  /** The index of the first change after `revision`. */
  #indexAfter(revision: Revision): number {
    let [low, high] = [0, this.#changes.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#changes[middle]?.revision ?? 0n) <= revision) low = middle + 1
      else high = middle
    }
    return low
  }

  #restUnlessFollowed(): void {
    clearTimeout(this.#idleTimer)
    this.#idleTimer = setTimeout(() => {
      if (this.#followers.size === 0) this.close('closed')
    }, this.#limits.idleMs)
    this.#idleTimer.unref()
  }
}

/** There is none before the first value of a key, whatever etcd3's types say. */
function textOf(pair: IKeyValue | null): string | undefined {
  return pair?.value.toString()
}

function sizeOf(text: string | undefined): number {
  return text?.length ?? 0
}
