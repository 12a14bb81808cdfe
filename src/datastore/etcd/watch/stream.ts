import type { IDuplexStream, IWatchRequest, IWatchResponse } from 'etcd3'
import type { Probe, WatchName } from '../../probe.ts'
import type { EtcdClient } from '../client.ts'
import { asError } from '../faults.ts'

type Stream = IDuplexStream<IWatchRequest, IWatchResponse>

/** What a user of a {@link WatchStream} does with it. */
export interface WatchStreamUser {
  /** Called before each opening. When it throws, the opening is tried again later. `isCurrent` is false once it has been overtaken. */
  prepare?(isCurrent: () => boolean): Promise<void>
  /** Called when a stream is open: creates the watchers. */
  opened(): void
  /** Takes a response of the open stream. */
  received(response: IWatchResponse): void
  /** Called when a stream broke or was given up. Another one is opened after a pause. */
  broke?(): void
}

const firstPauseMs = 50
const longestPauseMs = 2_000

/**
 * A watch stream on etcd that is opened again whenever it breaks, after a pause that doubles. It is ours, not the client's watcher, which
 * loses events when it reconnects (docs/etcd.md section 2). What to watch, and from which revision, is the user's.
 */
export class WatchStream {
  readonly #client: EtcdClient
  readonly #name: WatchName
  readonly #probe: Probe
  readonly #user: WatchStreamUser
  #stream: Stream | undefined
  /** The member that the stream was opened on, or is being opened on. */
  #member = 0
  #id = 0
  #pauseMs = firstPauseMs
  #timer: NodeJS.Timeout | undefined
  #isConfirmed = false
  #brokenSinceMs = 0

  constructor(client: EtcdClient, name: WatchName, probe: Probe, user: WatchStreamUser) {
    this.#client = client
    this.#name = name
    this.#probe = probe
    this.#user = user
  }

  /** Changes whenever a stream is opened anew or closed. Work for an older one is void. */
  get id(): number {
    return this.#id
  }

  get isOpen(): boolean {
    return this.#stream !== undefined
  }

  /** Opens the stream at once; ends one that is open. */
  open(): void {
    this.close()
    this.#brokenSinceMs = performance.now()
    void this.#open()
  }

  /** Sends a request, if the stream is open. */
  send(request: IWatchRequest): void {
    this.#stream?.write(request)
  }

  /** Says that the watchers work. The pause after the next break is short again. */
  confirm(): void {
    if (this.#isConfirmed) return
    this.#isConfirmed = true
    this.#pauseMs = firstPauseMs
    this.#probe.watchOpened({ watch: this.#name, durationMs: performance.now() - this.#brokenSinceMs })
  }

  /** Gives the stream up as faulty, with its connection and its member, and opens another one after a pause. */
  resume(cause: Error): void {
    const stream = this.#stream
    if (this.#isConfirmed) {
      this.#probe.watchBroke({ watch: this.#name, error: cause })
      this.#brokenSinceMs = performance.now()
    }
    this.#forget()
    if (stream !== undefined) dropConnection(stream)
    this.#client.abandonMember(this.#member)
    this.#timer = setTimeout(() => void this.#open(), this.#pauseMs)
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs)
    this.#user.broke?.()
  }

  /** Ends the stream, and opens none. The connection stays. */
  close(): void {
    const stream = this.#stream
    this.#forget()
    if (stream !== undefined) endStream(stream)
  }

  #forget(): void {
    this.#id++
    this.#stream = undefined
    this.#isConfirmed = false
    clearTimeout(this.#timer)
  }

  async #open(): Promise<void> {
    const id = this.#id
    const isCurrent = (): boolean => id === this.#id
    const fail = (cause: unknown): void => {
      if (isCurrent()) this.resume(asError(cause))
    }
    try {
      await this.#user.prepare?.(isCurrent)
      if (!isCurrent()) return
      this.#member = this.#client.member
      const stream = await this.#client.watch()
      // After an error etcd3's stream may also end; only the first of the two counts.
      stream.on('error', fail)
      stream.on('end', () => {
        fail(new Error('The watch stream ended.'))
      })
      if (!isCurrent()) {
        endStream(stream)
        return
      }
      this.#stream = stream
      stream.on('data', (response) => {
        if (isCurrent()) this.#user.received(response)
      })
      this.#user.opened()
    } catch (fault) {
      fail(fault)
    }
  }
}

/** Ends a stream that works and is no longer wanted. */
function endStream(stream: Stream): void {
  // etcd3 takes the cancellation of a stream that could still be written to for a failure of etcd; see `dropConnection`.
  stream.end()
  stream.cancel()
}

/**
 * Cancels a stream that is faulty. If it could still be written to, etcd3 closes its connection under all other streams and calls: a
 * stream that is silent or behind may owe that to its connection, and another one on the same connection would not help.
 */
function dropConnection(stream: Stream): void {
  stream.cancel()
}
