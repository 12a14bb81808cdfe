import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { isWatch } from '../resources/index.ts'
import { statusOf } from '../schemas/index.ts'
import { reasons, type RefusalError, refuseForNow } from '../wire/index.ts'

/** Which calls are limited, and to how many. */
export interface Limit {
  /** Calls that may be under way at once. */
  readonly callsMax: number
  /** How many go on without their callers. */
  readonly pending: () => number
  /** What the paths of these calls begin with, as they are usually written. */
  readonly prefixes: readonly string[]
  /** The request id to answer with. */
  readonly requestId: (headers: IncomingHttpHeaders) => string
}

/**
 * Turns away calls below `app` beyond the limit at once, before their body is read. A call counts from its head until its answer
 * is through or its connection has gone.
 */
export function limitCalls(app: FastifyInstance, limit: Limit): void {
  const { callsMax, pending } = limit
  // Made once: it is given when there is no time to lose.
  const refused = refuseForNow(
    `${callsMax} calls are under way, which is all that this server takes; nothing was changed. Try again.`,
  )
  let underWay = 0
  const isFull = (): boolean => Math.max(underWay, pending()) >= callsMax
  app.addHook('onRequest', ({ query, method }, reply, done) => {
    // A watch waits for most of its time, and is counted by itself.
    if (method === 'GET' && isWatch(query)) {
      done()
      return
    }
    if (isFull()) {
      done(refused)
      return
    }
    underWay++
    let isOver = false
    const leave = (): void => {
      if (!isOver) underWay--
      isOver = true
    }
    // The first comes before the caller can have the answer and send the next call, the second also without an answer.
    reply.raw.once('finish', leave).once('close', leave)
    done()
  })
  refuseEarly(app, limit, isFull, refused)
}

/**
 * Gives the answer of the hook above before Fastify has the request, at a fraction of its cost: those who are turned away come in
 * crowds, and all wait for the one event loop. Only for calls that are plainly to be refused; Fastify decides about all others. No
 * line in the log for each, but their number, once a second.
 */
function refuseEarly(app: FastifyInstance, limit: Limit, isFull: () => boolean, refused: RefusalError): void {
  const { server } = app
  const body = JSON.stringify(statusOf(refused))
  const headers = [
    ...['content-type', 'application/json; charset=utf-8'],
    ...['retry-after', String(refused.retryAfterSeconds)],
    ...['content-length', String(Buffer.byteLength(body))],
  ]
  const count = countEachSecond((calls) => {
    app.log.warn({ calls }, 'calls were turned away: as many are under way as this server takes')
  })
  const isPlainCall = (url: string): boolean =>
    limit.prefixes.some((prefix) => url.startsWith(prefix)) && !url.includes('watch')
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // A server that is stopping has another answer.
    if (!isFull() || !isPlainCall(request.url ?? '') || !server.listening) {
      app.routing(request, response)
      return
    }
    count()
    const { code } = reasons[refused.refusal.reason]
    response.writeHead(code, ['x-request-id', limit.requestId(request.headers), ...headers]).end(body)
  })
}

/** A function to count with; `tell` is given the number a second after the first, and then it begins anew. */
function countEachSecond(tell: (counted: number) => void): () => void {
  let counted = 0
  return () => {
    counted++
    if (counted > 1) return
    setTimeout(() => {
      tell(counted)
      counted = 0
    }, 1_000).unref()
  }
}
