import type { IDuplexStream, IWatchRequest, IWatchResponse } from 'etcd3'
import type { EtcdClient } from './client.ts'
import type { HeldFamily } from './held-family.ts'
import { prefixEnd } from './keys.ts'
import { loadFamily } from './snapshot.ts'

/** What the watch needs to say about itself. */
export interface WatchLogger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

/**
 * Keeps the families in memory up to date by one watch stream with one watcher per family. The stream is ours and not the
 * client's watcher, which loses events when it reconnects (reliability.md section 6): a watcher resumes after the last
 * revision that its family is known to be complete at, and a family whose history has been compacted is read afresh.
 */
export class Watch {
  readonly #client: EtcdClient
  readonly #families: readonly HeldFamily[]
  readonly #logger: WatchLogger
  #stream: IDuplexStream<IWatchRequest, IWatchResponse> | undefined
  /** The families by the ids of their watchers, and those of them whose watcher etcd has confirmed on the present stream. */
  readonly #watched = new Map<string, HeldFamily>()
  readonly #confirmed = new Set<HeldFamily>()
  #lastWatchId = 0
  #closed = false
  #retryDelayMs = 50
  #retryTimer: NodeJS.Timeout | undefined

  constructor(client: EtcdClient, families: readonly HeldFamily[], logger: WatchLogger) {
    this.#client = client
    this.#families = families
    this.#logger = logger
  }

  /** Whether the events of all families are arriving. While they are not, plans stand on older data and commits fail more often. */
  get isConnected(): boolean {
    return this.#confirmed.size === this.#families.length
  }

  /** Starts watching after what the families hold, and goes on until closed. */
  start(): void {
    void this.#connect()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retryTimer)
    this.#stream?.cancel()
  }

  async #connect(): Promise<void> {
    try {
      const stream = await this.#client.watch()
      if (this.#closed) {
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
      this.#reconnect(error)
    }
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
        start_revision: String(held.completeRevision + 1n),
        progress_notify: true,
      },
    })
  }

  #receive(response: IWatchResponse): void {
    const held = this.#watched.get(response.watch_id)
    if (held === undefined) {
      if (response.canceled) this.#reconnect(new Error(`etcd refused a watch: ${response.cancel_reason}`))
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
      held.watched(key, revision, event.type === 'Delete' ? undefined : event.kv.value)
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
    stream?.cancel()
    if (this.#closed) return
    if (this.isConnected) this.#logger.warn({ err: cause }, 'the watch on etcd broke; resuming')
    this.#watched.clear()
    this.#confirmed.clear()
    this.#client.abandonMember()
    this.#retryTimer = setTimeout(() => void this.#connect(), this.#retryDelayMs)
    this.#retryDelayMs = Math.min(this.#retryDelayMs * 2, 2_000)
  }
}
