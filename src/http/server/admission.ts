import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { countEachSecond, type ServedStore } from '../../datastore/index.ts'
import { isWatch } from '../resources/index.ts'
import { statusOf } from '../schemas/index.ts'
import { reasons, type RefusalError, refuseForNow } from '../wire/index.ts'
import { safeHeaders } from './headers.ts'
import type { OnStopping } from './stopping.ts'
import { TurnQueue } from './turn-queue.ts'

/** Which calls are limited, and to how many. */
export interface Limit {
  /** Calls that may be in flight at once. */
  readonly callsMax: number
  /** Milliseconds after which an operation that is not done fails. */
  readonly deadlineMs: number
  /** Its operations include those whose callers have gone. */
  readonly store: Pick<ServedStore, 'pending' | 'waitedMs'>
  /** How the paths of these calls begin. */
  readonly prefixes: readonly string[]
  /** Request id for a response. */
  readonly requestId: (headers: IncomingHttpHeaders) => string
  readonly onStopping: OnStopping
}

/** Fewer calls in flight are no crowd, and begin as they arrive. */
const crowdMin = 128

/**
 * Calls of a crowd that a turn of the event loop begins. A turn then takes some milliseconds, however many calls have arrived, and health,
 * new connections and refusals wait for no more than that.
 */
const callsPerTurn = 32

/** Share of its deadline that a call may wait for those before it. Beyond it, more of them only wait longer. */
const waitShareMax = 0.1

/** Fewer calls in flight may wait until their deadline. */
const waitingMin = 512

/** Refusals that a turn sends. Callers that call again as soon as they are refused would otherwise leave no time for the calls. */
const refusalsPerTurn = 32

/** Refusals that may wait for their turn: a caller may send many requests in one go. */
const refusalsWaitingMax = 16_384

/**
 * Refuses calls below `app` before their body is read if too many are in flight, or if those wait too long, and begins the others a few at
 * a time. A call counts from its head until its response is sent or its connection is closed.
 */
export function limitCalls(app: FastifyInstance, limit: Limit): void {
  const { callsMax, deadlineMs, store } = limit
  // Made once: the server is busy when it is needed.
  const refused = refuseForNow(
    'More calls are in flight than this server can serve soon; nothing was changed. Try again.',
  )
  let inFlight = 0
  app.addHook('onRequest', ({ query, method }, reply, done) => {
    // A watch waits most of the time, and has a limit of its own.
    if (method === 'GET' && isWatch(query)) {
      done()
      return
    }
    if (isFull()) {
      done(refused)
      return
    }
    inFlight++
    let isOver = false
    const leave = (): void => {
      if (!isOver) inFlight--
      isOver = true
    }
    // `finish` comes before the caller can have the response and send its next call; `close` also comes without a response.
    reply.raw.once('finish', leave).once('close', leave)
    done()
  })
  const calls = new TurnQueue<Exchange>(callsPerTurn, ({ request, response }) => {
    // A caller that has gone in the meantime wants nothing any more.
    if (!request.socket.destroyed) app.routing(request, response)
  })
  const load = (): Load => ({
    calls: Math.max(inFlight, store.pending) + calls.waiting,
    waitedMs: Math.max(store.waitedMs, calls.first === undefined ? 0 : performance.now() - calls.first.arrivedMs),
  })
  const isFull = (): boolean => {
    const { calls, waitedMs } = load()
    return calls >= callsMax || (calls >= waitingMin && waitedMs > deadlineMs * waitShareMax)
  }
  const refuse = refuseEarly(app, limit, refused, load)
  let isStopping = false
  limit.onStopping(() => {
    isStopping = true
  })
  app.server.removeAllListeners('request')
  app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // A server that is stopping gives another response.
    if (isStopping || !isCall(request, limit.prefixes)) app.routing(request, response)
    else if (isFull()) {
      if (isFromPage(request)) app.routing(request, response)
      else refuse(response)
    } else if (load().calls < crowdMin) app.routing(request, response)
    else calls.add({ request, response, arrivedMs: performance.now() })
  })
}

/** Returns a function that refuses a call before Fastify sees it. Logs the number of these calls once a second, not a line for each. */
function refuseEarly(
  app: FastifyInstance,
  { requestId }: Limit,
  refused: RefusalError,
  load: () => Load,
): (response: ServerResponse) => void {
  const send = prepareRefusal(refused, requestId)
  const refusals = new TurnQueue(refusalsPerTurn, send)
  const count = countEachSecond((refused, { calls, waitedMs }: Load) => {
    app.log.warn(
      { refused, inFlight: calls, waitedMs: Math.round(waitedMs) },
      'calls were refused: too many are in flight',
    )
  })
  return (response) => {
    count(load())
    if (refusals.waiting < refusalsWaitingMax) refusals.add(response)
    else send(response)
  }
}

/** A request and its response, before Fastify has seen them. */
interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly arrivedMs: number
}

/** What the server has to do. */
interface Load {
  /** Calls in flight, and those that have not begun. */
  readonly calls: number
  /** How long the oldest of them has waited. */
  readonly waitedMs: number
}

/** Returns a function that sends the refusal which Fastify would send, at a fraction of the cost. */
function prepareRefusal(refused: RefusalError, requestId: Limit['requestId']): (response: ServerResponse) => void {
  const body = JSON.stringify(statusOf(refused))
  const { code } = reasons[refused.refusal.reason]
  const headers = [
    ...Object.entries(safeHeaders).flat(),
    ...['content-type', 'application/json; charset=utf-8'],
    ...['retry-after', String(refused.retryAfterSeconds)],
    ...['content-length', String(Buffer.byteLength(body))],
  ]
  return (response) => {
    response.writeHead(code, ['x-request-id', requestId(response.req.headers), ...headers]).end(body)
  }
}

/** Whether a request is a call that counts, as far as its path tells: Fastify handles all others. */
function isCall({ url = '' }: IncomingMessage, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => url.startsWith(prefix)) && !url.includes('watch')
}

/** A web page gets other headers, or another refusal. */
function isFromPage({ headers }: IncomingMessage): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined
}

/** Share of its deadline that an operation may spend waiting for the event loop. Beyond it, more work only makes everything slower. */
const eventLoopShareMax = 0.5

/** Refuses requests while the event loop is late. */
export function limitEventLoopDelay(app: FastifyInstance, deadlineMs: number): void {
  void app.register(underPressure, {
    maxEventLoopDelay: deadlineMs * eventLoopShareMax,
    pressureHandler: refuseUnderPressure,
  })
}

/** The delay is infinite after a second in which it could not be measured at all: that is no evidence of overload. */
function refuseUnderPressure(
  _request: FastifyRequest,
  _reply: FastifyReply,
  _type: string,
  delayMs: number | undefined,
): Promise<void> {
  if (delayMs === Number.POSITIVE_INFINITY) return Promise.resolve()
  return Promise.reject(refuseForNow('The server is overloaded; nothing was changed.'))
}
