import type { IWatchResponse } from 'etcd3'
import type { Revision } from '../../../plan/index.ts'
import type { Probe } from '../../probe.ts'
import type { EtcdClient } from '../client.ts'
import { asError } from '../faults.ts'
import { type HeldFamily, loadFamily } from '../image/index.ts'
import { prefixEnd } from '../keys.ts'
import { watchProgressMs, watchSilenceMaxMs } from '../limits.ts'
import { WatchStream } from './stream.ts'

/** A revision that etcd has reached, and since when the watch is expected to reach it. */
interface Expected {
  readonly revision: Revision
  readonly sinceMs: number
}

/**
 * Keeps the families in memory up to date, with one watcher for each on one stream. A watcher resumes from the last revision that its
 * family is known to be complete at; a family whose history has been compacted is read again. Progress requests tell a stream that is
 * silent from one on which nothing happens. A stream that is behind, because its member is cut off from the others, shows by the revisions
 * that reads have seen.
 */
export class ImageWatch {
  readonly #client: EtcdClient
  readonly #families: readonly HeldFamily[]
  readonly #probe: Probe
  readonly #stream: WatchStream
  /** The families by the ids of their watchers, and those whose watcher etcd has confirmed on the open stream. */
  readonly #watched = new Map<string, HeldFamily>()
  readonly #confirmed = new Set<HeldFamily>()
  /** Families to be read from scratch: nothing that is held of them is valid. */
  readonly #lost = new Set<HeldFamily>()
  #lastWatchId = 0
  #isClosed = false
  #heardAtMs = 0
  #expected: Expected | undefined
  #progressTimer: NodeJS.Timeout | undefined

  constructor(client: EtcdClient, families: readonly HeldFamily[], probe: Probe) {
    this.#client = client
    this.#families = families
    this.#probe = probe
    this.#stream = new WatchStream(client, 'image', probe, {
      prepare: (isCurrent) => this.#readLost(isCurrent),
      opened: () => {
        for (const held of this.#families) this.#createWatcher(held)
      },
      received: (response) => {
        this.#receive(response)
      },
      broke: () => {
        this.#reset()
      },
    })
  }

  /** True while the events of all families arrive. Otherwise plans work on older data, and more commits fail. */
  get isConnected(): boolean {
    return this.#confirmed.size === this.#families.length
  }

  /** The reason for which memory may be older than {@link watchSilenceMaxMs}; undefined while it is not. */
  get problem(): string | undefined {
    if (this.#lost.size > 0) return 'is reading everything afresh: etcd was put back to an earlier state'
    if (!this.isConnected) return 'is not connected to etcd'
    return this.#isOverdue(performance.now()) ? 'is behind: the member of etcd that it follows is' : undefined
  }

  /** Watches from what the families hold, until closed. */
  start(): void {
    this.#progressTimer = setInterval(() => {
      this.#askForProgress()
    }, watchProgressMs)
    this.#reset()
    this.#stream.open()
  }

  /** Says that etcd has reached `revision`: the stream must reach it before long. */
  expect(revision: Revision): void {
    this.#expected ??= { revision, sinceMs: performance.now() }
  }

  /** Reads all families from scratch, after {@link HeldFamily.rewind}, and watches from there. */
  startAfresh(): void {
    // A ping that was under way when the store was closed may come back now.
    if (this.#isClosed) return
    for (const held of this.#families) this.#lost.add(held)
    this.#reset()
    this.#stream.open()
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#progressTimer)
    this.#stream.close()
  }

  async #readLost(isCurrent: () => boolean): Promise<void> {
    this.#heardAtMs = performance.now()
    for (const held of this.#lost) {
      await loadFamily(this.#client, held)
      if (!isCurrent()) return
      this.#lost.delete(held)
    }
  }

  /** Forgets the watchers of the last stream. What the next one must reach counts from its opening: else it is given up too early. */
  #reset(): void {
    this.#heardAtMs = performance.now()
    this.#expected = undefined
    this.#watched.clear()
    this.#confirmed.clear()
  }

  /** Asks for progress, or gives a stream up that is silent or behind. The answer tells the member's revision, and nothing of events. */
  #askForProgress(): void {
    const nowMs = performance.now()
    // While a family is read, etcd may have no watcher to report on.
    const isReading = this.#lost.size > 0 || (this.#stream.isOpen && this.#watched.size < this.#families.length)
    if (!isReading && nowMs - this.#heardAtMs > watchSilenceMaxMs)
      this.#stream.resume(new Error('The watch is silent.'))
    else if (!isReading && this.#isOverdue(nowMs)) this.#stream.resume(new Error('The watch is behind.'))
    else this.#stream.send({ progress_request: {} })
  }

  #isOverdue(nowMs: number): boolean {
    return this.#expected !== undefined && nowMs - this.#expected.sinceMs > watchSilenceMaxMs
  }

  /** Each watcher gets a new id: on one stream, etcd does not give the id of a cancelled watcher to another. */
  #createWatcher(held: HeldFamily): void {
    const id = String(++this.#lastWatchId)
    this.#watched.set(id, held)
    this.#stream.send({
      create_request: {
        watch_id: id,
        key: Buffer.from(held.family.prefix),
        range_end: prefixEnd(held.family.prefix),
        // The revision that is known, not the next: compaction removes deletions at the first revision asked for, and etcd does not say
        // so. It refuses when compaction went further.
        start_revision: String(held.completeRevision),
        progress_notify: true,
      },
    })
  }

  #receive(response: IWatchResponse): void {
    this.#hear(BigInt(response.header.revision))
    const held = this.#watched.get(response.watch_id)
    if (held === undefined) {
      if (response.canceled) this.#stream.resume(new Error(`etcd refused a watch: ${response.cancel_reason}`))
    } else if (response.canceled) this.#cancelled(held, response)
    else if (response.created) {
      this.#confirmed.add(held)
      if (this.isConnected) this.#stream.confirm()
    } else this.#takeEvents(held, response)
  }

  #hear(revision: Revision): void {
    this.#heardAtMs = performance.now()
    if (this.#expected === undefined || revision < this.#expected.revision) return
    this.#probe.watchCaughtUp({ watch: 'image', lagMs: this.#heardAtMs - this.#expected.sinceMs })
    this.#expected = undefined
  }

  #takeEvents(held: HeldFamily, response: IWatchResponse): void {
    for (const event of response.events) {
      const revision = BigInt(event.kv.mod_revision)
      if (revision <= held.completeRevision) continue
      const key = event.kv.key.toString()
      const isDeleted = event.type === 'Delete'
      held.applyChange(key, {
        revision,
        createRevision: isDeleted ? 0n : BigInt(event.kv.create_revision),
        value: isDeleted ? undefined : event.kv.value,
      })
    }
    // All events of one revision come in one response. The header's revision is the store's, which may be ahead of events still to come;
    // it speaks for the watcher only in a response without events, a progress notification.
    const last = response.events.at(-1)
    held.completeUpTo(BigInt(last === undefined ? response.header.revision : last.kv.mod_revision))
  }

  #cancelled(held: HeldFamily, response: IWatchResponse): void {
    const reason = response.cancel_reason
    if (BigInt(response.compact_revision) === 0n) {
      // The stream keeps the token that it was opened with, which may have expired.
      this.#stream.resume(new Error(`etcd cancelled a watch: ${reason}`))
      return
    }
    this.#watched.delete(response.watch_id)
    this.#confirmed.delete(held)
    this.#probe.familyReread({
      family: held.family.name,
      reason: `compacted at ${response.compact_revision}: ${reason}`,
    })
    void this.#reread(held)
  }

  /** Reads a family whose history was compacted, and watches it from there. */
  async #reread(held: HeldFamily): Promise<void> {
    const { id } = this.#stream
    try {
      await loadFamily(this.#client, held)
      if (this.#stream.id === id) this.#createWatcher(held)
    } catch (fault) {
      if (this.#stream.id === id) this.#stream.resume(asError(fault))
    }
  }
}
