import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { countEachSecond } from '../../datastore/index.ts'
import { isWatch } from '../resources/index.ts'
import { statusOf } from '../schemas/index.ts'
import { onceClosed, reasons, type RefusalError, refuseForNow } from '../wire/index.ts'
import { CallShares, credentialOf, isAdmin, RecentAdmins } from './call-shares.ts'
import { safeHeaders } from './headers.ts'
import type { OnStopping } from './stopping.ts'

/** Which calls are limited, and to how many. */
export interface Limit {
  /** Calls that may be in flight at once. */
  readonly callsMax: number
  /** Number of operations in the datastore, including those whose callers have gone. */
  readonly pending: () => number
  /** How the paths of these calls begin. */
  readonly prefixes: readonly string[]
  /** Request id for a response. */
  readonly requestId: (headers: IncomingHttpHeaders) => string
  readonly onStopping: OnStopping
  /** Hears how many calls are in flight. */
  readonly counted: (calls: number) => void
  /** Hears once a second how many calls were refused before they were read. */
  readonly refused: (calls: number) => void
}

/**
 * Refuses calls below `app` that exceed the limit, before their body is read: of those who have their share of it, and never of admins. A
 * call counts from its head until its response is sent or its connection is closed.
 */
export function limitCalls(app: FastifyInstance, limit: Limit): void {
  const { callsMax, pending, counted } = limit
  // Made once: the server is busy when it is needed.
  const refused = refuseForNow(
    `${callsMax} calls are in flight, which is the limit of this server; nothing was changed. Try again.`,
  )
  const shares = new CallShares(callsMax)
  const admins = new RecentAdmins()
  const isFull = (credential: string): boolean => {
    return (pending() >= callsMax || shares.isFull(credential)) && !admins.has(credential)
  }
  app.addHook('onRequest', ({ query, method, raw, rights }, reply, done) => {
    // A watch waits most of the time, and has a limit of its own.
    if (method === 'GET' && isWatch(query)) {
      done()
      return
    }
    const credential = credentialOf(raw)
    if (isAdmin(rights.caller)) admins.add(credential)
    if (isFull(credential)) {
      done(refused)
      return
    }
    const end = shares.enter(credential)
    counted(shares.total)
    const leave = (): void => {
      end()
      counted(shares.total)
    }
    // `finish` comes before the caller can have the response and send its next call; `close` also comes without a response.
    reply.raw.once('finish', leave)
    onceClosed(reply.raw, leave)
    done()
  })
  refuseEarly(app, limit, isFull, refused)
}

/**
 * Refusals that may be sent in one turn of the event loop. Callers that call again as soon as they are refused would otherwise fill each
 * turn, and calls that are served need several turns.
 */
const refusalsPerTurn = 64

/** Refusals that may wait for their turn: a caller may send many requests in one go. */
const refusalsWaitingMax = 16_384

/**
 * Sends the refusal of the hook above before Fastify sees the request, at a fraction of the cost: an overload brings many such requests,
 * and all of them wait for one event loop. Only for calls that are certain to be refused for this: Fastify handles all others, and those
 * of web pages. Logs the number of refused calls once a second instead of a line for each.
 */
function refuseEarly(
  app: FastifyInstance,
  limit: Limit,
  isFull: (credential: string) => boolean,
  refused: RefusalError,
): void {
  const { server } = app
  const body = JSON.stringify(statusOf(refused))
  const headers = [
    ...Object.entries(safeHeaders).flat(),
    ...['content-type', 'application/json; charset=utf-8'],
    ...['retry-after', String(refused.retryAfterSeconds)],
    ...['content-length', String(Buffer.byteLength(body))],
  ]
  const count = countEachSecond((calls) => {
    app.log.warn({ calls }, 'calls were refused: the limit of calls in flight is reached')
    limit.refused(calls)
  })
  const isLimited = (url: string): boolean =>
    limit.prefixes.some((prefix) => url.startsWith(prefix)) && !url.includes('watch')
  const { code } = reasons[refused.refusal.reason]
  const sendInTurn = eachInTurn((response: ServerResponse) => {
    response.writeHead(code, ['x-request-id', limit.requestId(response.req.headers), ...headers]).end(body)
  })
  let isStopping = false
  limit.onStopping(() => {
    isStopping = true
  })
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // A server that is stopping gives another response.
    if (!isFull(credentialOf(request)) || !isLimited(request.url ?? '') || isStopping || isFromPage(request)) {
      app.routing(request, response)
      return
    }
    count(undefined)
    sendInTurn(response)
  })
}

/** Returns a function that sends at most {@link refusalsPerTurn} of the responses that it is given in a turn of the event loop. */
function eachInTurn(send: (response: ServerResponse) => void): (response: ServerResponse) => void {
  const waiting: ServerResponse[] = []
  const sendSome = (): void => {
    const some = waiting.splice(0, refusalsPerTurn)
    if (waiting.length > 0) setImmediate(sendSome)
    for (const response of some) send(response)
  }
  return (response) => {
    if (waiting.length >= refusalsWaitingMax) {
      send(response)
      return
    }
    if (waiting.push(response) === 1) setImmediate(sendSome)
  }
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
