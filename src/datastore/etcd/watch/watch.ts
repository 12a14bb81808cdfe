import type { IDuplexStream, IWatchRequest, IWatchResponse } from 'etcd3'
import type { Revision } from '../../../plan/index.ts'
import type { StoreLogger } from '../../store.ts'
import type { EtcdClient } from '../client.ts'
import { type HeldFamily, loadFamily } from '../image/index.ts'
import { prefixEnd } from '../keys.ts'
import { watchProgressMs, watchSilenceMaxMs } from '../limits.ts'

/**
 * Keeps the families in memory up to date by one watch stream with one watcher per family. The stream is ours and not the
 * client's watcher, which loses events when it reconnects (docs/etcd.md section 2): a watcher resumes after the last
 * revision that its family is known to be complete at, and a family whose history has been compacted is read afresh. A stream that
 * lives and says nothing is told from one on which nothing happens by asking for progress; one that is behind, as that of a member
 * cut off from the others is, by the revisions that reads have seen.
 */
export class Watch {
  readonly #client: EtcdClient
  readonly #families: readonly HeldFamily[]
  readonly #logger: StoreLogger
  #stream: IDuplexStream<IWatchRequest, IWatchResponse> | undefined
  /** The families by the ids of their watchers, and those of them whose watcher etcd has confirmed on the present stream. */
  readonly #watched = new Map<string, HeldFamily>()
  readonly #confirmed = new Set<HeldFamily>()
  /** Families of which nothing that is held may be resumed from. */
  readonly #lost = new Set<HeldFamily>()
  #lastWatchId = 0
  /** Counts the streams, tried or open; whatever belongs to another than the last is of no interest any more. */
  #attempt = 0
  #heardAtMs = 0
  /** A revision that etcd is known to have reached and the stream has yet to speak of, and since when. */
  #overdue: { readonly revision: Revision; readonly sinceMs: number } | undefined
  #closed = false
  #retryDelayMs = 50
  #retryTimer: NodeJS.Timeout | undefined
  #progressTimer: NodeJS.Timeout | undefined

  constructor(client: EtcdClient, families: readonly HeldFamily[], logger: StoreLogger) {
    this.#client = client
    this.#families = families
    this.#logger = logger
  }

  /** Whether the events of all families are arriving. While they are not, plans stand on older data and commits fail more often. */
  get isConnected(): boolean {
    return this.#confirmed.size === this.#families.length
  }

  /** Why the families may be older than {@link watchSilenceMaxMs}; undefined while they are not. */
  get problem(): string | undefined {
    if (this.#lost.size > 0) return 'is reading everything afresh: etcd was put back to an earlier state'
    if (!this.isConnected) return 'is not connected to etcd'
    return this.#isOverdue(performance.now()) ? 'is behind: the member of etcd that it follows is' : undefined
  }

  /** Starts watching after what the families hold, and goes on until closed. */
  start(): void {
    this.#progressTimer = setInterval(() => {
      this.#askForProgress()
    }, watchProgressMs)
    void this.#connect()
  }

  /** Says that etcd has reached `revision`; the stream must speak of it, or of a later one, before long. */
  expect(revision: Revision): void {
    this.#overdue ??= { revision, sinceMs: performance.now() }
  }

  /** Reads all families afresh, what they hold having been {@link HeldFamily.rewind | rewound}, and watches from there. */
  startAfresh(cause: Error): void {
    for (const held of this.#families) this.#lost.add(held)
    this.#reconnect(cause)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retryTimer)
    clearInterval(this.#progressTimer)
    this.#stream?.cancel()
  }

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt
    this.#heardAtMs = performance.now()
    try {
      for (const held of this.#lost) {
        await loadFamily(this.#client, held)
        if (attempt !== this.#attempt) return
        this.#lost.delete(held)
      }
      const stream = await this.#client.watch()
      if (this.#closed || attempt !== this.#attempt) {
        stream.cancel()
        return
      }
      this.#stream = stream
      // After an error etcd3's stream may also end; only the first of the two counts.
      const fail = (cause: unknown): void => {
        if (this.#stream === stream) this.#reconnect(cause)
      }
      stream.on('error', fail)
      stream.on('end', () => {
        fail(new Error('The watch stream ended.'))
      })
      stream.on('data', (response) => {
        if (this.#stream === stream) this.#receive(response)
      })
      for (const held of this.#families) this.#createWatcher(held)
    } catch (error) {
      if (attempt === this.#attempt) this.#reconnect(error)
    }
  }

  /** The answer goes by no watcher: it says that the stream lives, and at which revision its member is, and nothing of events. */
  #askForProgress(): void {
    const nowMs = performance.now()
    // While a family is being read afresh there may be no watcher for etcd to speak of.
    const isMissingAny = this.#stream !== undefined && this.#watched.size < this.#families.length
    const isReading = this.#lost.size > 0 || isMissingAny
    if (!isReading && nowMs - this.#heardAtMs > watchSilenceMaxMs) this.#reconnect(new Error('The watch is silent.'))
    else if (!isReading && this.#isOverdue(nowMs)) this.#reconnect(new Error('The watch is behind.'))
    else this.#stream?.write({ progress_request: {} })
  }

  #isOverdue(nowMs: number): boolean {
    return this.#overdue !== undefined && nowMs - this.#overdue.sinceMs > watchSilenceMaxMs
  }

  /** Every watcher has an id of its own: etcd does not give that of a cancelled one to another on the same stream. */
  #createWatcher(held: HeldFamily): void {
    const id = String(++this.#lastWatchId)
    this.#watched.set(id, held)
    this.#stream?.write({
      create_request: {
        watch_id: id,
        key: Buffer.from(held.family.prefix),
        range_end: prefixEnd(held.family.prefix),
        // Which is known, and not the one after it: of the first revision asked for, etcd forgets the deletions when it is compacted, and
        // says nothing; when it has been compacted further, it refuses.
        start_revision: String(held.completeRevision),
        progress_notify: true,
      },
    })
  }

  #receive(response: IWatchResponse): void {
    this.#heardAtMs = performance.now()
    if (this.#overdue !== undefined && BigInt(response.header.revision) >= this.#overdue.revision) {
      this.#overdue = undefined
    }
    const held = this.#watched.get(response.watch_id)
    if (held === undefined) {
      if (response.canceled) this.#reconnect(new Error(`etcd refused a watch: ${response.cancel_reason}`))
      return
    }
    if (response.canceled && BigInt(response.compact_revision) === 0n) {
      // As for a token that has expired: the stream keeps the one that it was opened with.
      this.#reconnect(new Error(`etcd cancelled a watch: ${response.cancel_reason}`))
      return
    }
    if (response.canceled) {
      this.#watched.delete(response.watch_id)
      this.#confirmed.delete(held)
      void this.#restore(held, response)
      return
    }
    if (response.created) {
      this.#confirmed.add(held)
      if (this.isConnected) this.#retryDelayMs = 50
      return
    }
    for (const event of response.events) {
      const revision = BigInt(event.kv.mod_revision)
      if (revision <= held.completeRevision) continue
      const key = event.kv.key.toString()
      const isDeleted = event.type === 'Delete'
      held.watched(key, {
        revision,
        createRevision: isDeleted ? 0n : BigInt(event.kv.create_revision),
        value: isDeleted ? undefined : event.kv.value,
      })
    }
    // All events of one revision come in one response. The header's revision is the store's, which may be ahead of the events
    // still to come; only a response without events (a progress notification) speaks for the watcher itself.
    const last = response.events.at(-1)
    held.completeUpTo(BigInt(last === undefined ? response.header.revision : last.kv.mod_revision))
  }

  async #restore(held: HeldFamily, response: IWatchResponse): Promise<void> {
    this.#logger.warn(
      { family: held.family.name, compactRevision: response.compact_revision, reason: response.cancel_reason },
      'etcd cancelled a watch; reading the family afresh',
    )
    const stream = this.#stream
    try {
      await loadFamily(this.#client, held)
      if (this.#stream === stream) this.#createWatcher(held)
    } catch (error) {
      if (this.#stream === stream) this.#reconnect(error)
    }
  }

  #reconnect(cause: unknown): void {
    const stream = this.#stream
    this.#stream = undefined
    this.#attempt++
    this.#heardAtMs = performance.now()
    // What the next stream owes is asked of it from its beginning; else it would be given up before it can speak.
    this.#overdue = undefined
    stream?.cancel()
    clearTimeout(this.#retryTimer)
    if (this.#closed) return
    if (this.isConnected || this.#lost.size > 0) this.#logger.warn({ err: cause }, 'the watch on etcd broke; resuming')
    this.#watched.clear()
    this.#confirmed.clear()
    this.#client.abandonMember()
    this.#retryTimer = setTimeout(() => void this.#connect(), this.#retryDelayMs)
    this.#retryDelayMs = Math.min(this.#retryDelayMs * 2, 2_000)
  }
}
