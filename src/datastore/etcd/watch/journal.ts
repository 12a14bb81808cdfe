import type { IKeyValue, IWatchResponse } from 'etcd3'
import { firstAtOrAfter, type Revision } from '../../../plan/index.ts'
import { type Change, type ChangeSource, type Ending, Follower } from '../../changes.ts'
import { RevisionCompacted } from '../../faults.ts'
import { type Probe, silentProbe } from '../../probe.ts'
import type { JournalFigures } from '../../store.ts'
import type { EtcdClient } from '../client.ts'
import type { KeyRange } from '../keys.ts'
import { type JournalLimits, journalLimits } from '../limits.ts'
import { WatchStream } from './stream.ts'

/** The parts of a journal. */
export interface JournalOptions {
  readonly client: EtcdClient
  /** For its figures. */
  readonly name?: string
  readonly range: KeyRange
  readonly limits?: JournalLimits
  readonly probe?: Probe
}

/**
 * The changes of a range of keys, in order, for any number of followers at the cost of one watch on etcd. It remembers recent changes for
 * followers that are slow or come back; older ones are read from etcd's history while etcd keeps it. It runs while it has followers, and
 * for a while after.
 */
export class Journal implements ChangeSource {
  readonly #client: EtcdClient
  readonly #name: string
  readonly #range: KeyRange
  readonly #limits: JournalLimits
  readonly #probe: Probe
  readonly #stream: WatchStream
  readonly #followers = new Set<Follower>()
  /** All changes after the floor and up to the ceiling, and the length of their values. */
  #changes: Change[] = []
  #characters = 0
  #floor: Revision = 0n
  #ceiling: Revision = 0n
  /** The number of keys at the ceiling. */
  #keys = 0
  /** True once changes after the first floor were dropped for lack of room. */
  #isTrimmed = false
  #isRunning = false
  #proofTimer: NodeJS.Timeout | undefined
  #idleTimer: NodeJS.Timeout | undefined
  #proof: Promise<void> | undefined
  /** The ceiling at which the last proof failed, and since when proofs have failed at it. */
  #unproven: { readonly ceiling: Revision; readonly sinceMs: number } | undefined
  /** Followers are admitted one after the other. */
  #admission: Promise<void> = Promise.resolve()

  constructor({ client, name = '', range, limits = journalLimits, probe = silentProbe }: JournalOptions) {
    this.#client = client
    this.#name = name
    this.#range = range
    this.#limits = limits
    this.#probe = probe
    this.#stream = new WatchStream(client, 'journal', probe, {
      opened: () => {
        this.#createWatcher()
      },
      received: (response) => {
        this.#receive(response)
      },
    })
  }

  /**
   * Follows the changes after a revision that etcd has reached. Throws {@link RevisionCompacted} when some of them are lost to history,
   * {@link DatastoreUnavailable} when etcd does not answer.
   */
  async follow(after: Revision): Promise<Follower> {
    const admitted = this.#admission.then(() => this.#reachBackTo(after))
    this.#admission = admitted.catch(() => undefined)
    await admitted
    const follower = new Follower(this, after, () => {
      this.#followers.delete(follower)
      this.#probe.followerEnded({ ending: follower.ending ?? 'closed' })
      if (this.#followers.size === 0) this.#closeUnlessFollowed()
    })
    clearTimeout(this.#idleTimer)
    this.#followers.add(follower)
    this.#probe.followerStarted({})
    return follower
  }

  changesAfter(seen: Revision, max: number): readonly Change[] {
    const first = this.#indexAfter(seen)
    if (first + max >= this.#changes.length) return this.#changes.slice(first)
    const last = this.#changes[first + max - 1]?.revision ?? seen
    return this.#changes.slice(first, this.#indexAfter(last))
  }

  get figures(): JournalFigures {
    const { length: changes } = this.#changes
    return { journal: this.#name, keys: this.#isRunning ? this.#keys : 0, changes, bytes: this.#characters }
  }

  get ceiling(): Revision {
    return this.#ceiling
  }

  /**
   * Compares the journal with etcd by a linearizable read: when no key is newer than the ceiling, and there are as many keys as at the
   * ceiling, nothing has happened since. Otherwise the watch is about to bring it. Callers during a read share it.
   */
  prove(): Promise<void> {
    this.#proof ??= this.#prove().finally(() => {
      this.#proof = undefined
    })
    return this.#proof
  }

  /** Ends all followers, and forgets everything. The next follower starts the journal again. */
  close(ending: Ending): void {
    this.#isRunning = false
    this.#stream.close()
    clearTimeout(this.#idleTimer)
    clearInterval(this.#proofTimer)
    this.#changes = []
    this.#characters = 0
    for (const follower of [...this.#followers]) follower.end(ending)
  }

  async #prove(): Promise<void> {
    const { id } = this.#stream
    const [ceiling, keys] = [this.#ceiling, this.#keys]
    const newer = { keys_only: true, limit: 1, min_mod_revision: String(ceiling + 1n) }
    const found = await this.#client.range({ ...this.#rangeRequest(), ...newer })
    if (id !== this.#stream.id || !this.#isRunning) return
    const revision = BigInt(found.header.revision)
    if (found.kvs.length === 0 && Number(found.count) === keys) {
      if (revision > this.#ceiling) this.#ceiling = revision
      this.#unproven = undefined
      return
    }
    const nowMs = performance.now()
    if (this.#unproven?.ceiling !== this.#ceiling) this.#unproven = { ceiling: this.#ceiling, sinceMs: nowMs }
    else if (nowMs - this.#unproven.sinceMs >= this.#limits.proofMs / 2) {
      this.#unproven = undefined
      // Its member may be cut off from the others.
      this.#stream.resume(new Error('The watch is behind.'))
    }
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
    this.#stream.open()
  }

  #rangeRequest(): { key: Buffer; range_end: Buffer } {
    return { key: this.#range.start, range_end: this.#range.end }
  }

  /** From the ceiling, which is known, not from the next revision; see `Watch`. */
  #createWatcher(): void {
    this.#stream.send({
      create_request: { ...this.#rangeRequest(), start_revision: String(this.#ceiling), prev_kv: true },
    })
  }

  /** All changes of one revision come in one response. */
  #receive(response: IWatchResponse): void {
    if (response.canceled) {
      if (BigInt(response.compact_revision) > 0n) this.close('expired')
      else this.#stream.resume(new Error(`etcd cancelled a watch: ${response.cancel_reason}`))
      return
    }
    this.#stream.confirm()
    const known = this.#ceiling
    for (const { type, kv, prev_kv } of response.events) {
      const revision = BigInt(kv.mod_revision)
      // A new stream may begin with what the last one brought.
      if (revision <= known) continue
      const isDeletion = type === 'Delete'
      const isCreation = kv.create_revision === kv.mod_revision
      if (isDeletion) this.#keys--
      else if (isCreation) this.#keys++
      const before = textOf(prev_kv)
      if (before === undefined && !isCreation) {
        // etcd looks it up when it sends the event, and history may have been compacted by then.
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

  /** Drops the oldest changes, and the followers that still need them. Drops more than it must, so as to be called seldom. */
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
    return firstAtOrAfter(this.#changes, revision + 1n, (change) => change.revision)
  }

  #closeUnlessFollowed(): void {
    clearTimeout(this.#idleTimer)
    this.#idleTimer = setTimeout(() => {
      if (this.#followers.size === 0) this.close('closed')
    }, this.#limits.idleMs)
    this.#idleTimer.unref()
  }
}

/** A key has no previous value before its first, whatever etcd3's types say. */
function textOf(pair: IKeyValue | null): string | undefined {
  return pair?.value.toString()
}

function sizeOf(text: string | undefined): number {
  return text?.length ?? 0
}
