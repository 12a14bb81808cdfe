import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'
import type { ServedStore } from '../../datastore/index.ts'
import { statusOf } from '../schemas/index.ts'
import { reasons, refusal, type RefusalError } from '../wire/index.ts'
import type { FairGate } from './fair-gate.ts'
import { safeHeaders } from './headers.ts'
import { RetryAfter } from './retry-after.ts'
import { TurnQueue } from './turn-queue.ts'

/** The observers of calls that are refused before Fastify sees them, and the sources of the figures in the log. */
export interface EarlyRefusalOptions {
  readonly log: FastifyBaseLogger
  /** Request id for a response. */
  readonly requestId: (headers: IncomingHttpHeaders) => string
  /** Hears once a second how many calls were refused before they were read. */
  readonly refused: (calls: number) => void
  readonly gate: Pick<FairGate, 'open' | 'served' | 'waitedMs'>
  readonly store: Pick<ServedStore, 'pending' | 'waitedMs'>
}

/** Refusals that a turn of the event loop sends. */
const perTurn = 32

/**
 * As many are sent in a turn while more than {@link backlogMax} wait after a second: callers call again at once, and would otherwise leave
 * no time for calls.
 */
const perTurnOfBacklog = 8
const backlogMax = 256

/** Refusals that may wait for their turn: a caller may send many requests in one go. */
const waitingMax = 16_384

/**
 * Refuses calls because too many are in flight. Sends what Fastify would send, at a fraction of the cost: an overload brings many calls,
 * and all of them wait for one event loop. The more are refused, the later they are asked to come again, and those who do not wait so long
 * get few refusals. Logs their number once a second instead of a line for each.
 */
export class EarlyRefusals {
  readonly #options: EarlyRefusalOptions
  readonly #queue = new TurnQueue<ServerResponse>(perTurn, (response) => this.#send(response))
  readonly #retryAfter = new RetryAfter()
  /** Calls that were refused since the last report. */
  #calls = 0
  /** Made once: the server is busy when it is needed. */
  #prepared = prepare(1)

  constructor(options: EarlyRefusalOptions) {
    this.#options = options
  }

  /** The refusal of a call that Fastify has to refuse. */
  get error(): RefusalError {
    return this.#current().error
  }

  /** Refuses a call in this turn of the event loop or a later one. */
  send(response: ServerResponse): void {
    this.#count()
    if (this.#queue.waiting < waitingMax) this.#queue.add(response)
    else this.#send(response)
  }

  #send(response: ServerResponse): void {
    const { code, headers, body } = this.#current()
    response.writeHead(code, ['x-request-id', this.#options.requestId(response.req.headers), ...headers]).end(body)
  }

  #count(): void {
    this.#calls++
    if (this.#calls > 1) return
    const servedBefore = this.#options.gate.served
    setTimeout(() => this.#report(servedBefore), 1_000).unref()
  }

  #report(servedBefore: number): void {
    const { log, refused, gate, store } = this.#options
    const now = performance.now()
    const calls = this.#calls
    this.#calls = 0
    this.#retryAfter.note(calls, gate.served - servedBefore, now)
    this.#queue.perTurn = this.#queue.waiting > backlogMax ? perTurnOfBacklog : perTurn
    const inFlight = Math.max(gate.open, store.pending)
    const waitedMs = Math.round(Math.max(gate.waitedMs(now), store.waitedMs))
    log.warn({ calls, inFlight, waitedMs }, 'calls were refused: too many are in flight')
    refused(calls)
  }

  #current(): Prepared {
    const seconds = this.#retryAfter.secondsAt(performance.now())
    if (seconds !== this.#prepared.error.retryAfterSeconds) this.#prepared = prepare(seconds)
    return this.#prepared
  }
}

/** A refusal, and the parts of its response. */
interface Prepared {
  readonly error: RefusalError
  readonly code: number
  readonly headers: readonly string[]
  readonly body: string
}

function prepare(retryAfterSeconds: number): Prepared {
  const message = 'More calls are in flight than this server can serve soon; nothing was changed. Try again.'
  const error = refusal('ServiceUnavailable', message, { retryAfterSeconds })
  const body = JSON.stringify(statusOf(error))
  const headers = [
    ...Object.entries(safeHeaders).flat(),
    ...['content-type', 'application/json; charset=utf-8'],
    ...['retry-after', String(retryAfterSeconds)],
    ...['content-length', String(Buffer.byteLength(body))],
  ]
  return { error, code: reasons.ServiceUnavailable.code, headers, body }
}
