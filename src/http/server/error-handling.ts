import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { DatastoreUnavailable } from '../../datastore/index.ts'
import type { Reason } from '../../plan/index.ts'
import { statusOf } from '../schemas/index.ts'
import { reasons, RefusalError, refusal, refuseToGuess, quoteUrl } from '../wire/index.ts'
import { recordMethods } from './allowed-methods.ts'

/**
 * Answers every error of every route below `app` as a `Status`. To be called once, at the root, before any route or plugin is
 * registered: a refusal gets the code of its reason, a fault of the datastore 503, 504 or 413, and anything else is a bug, which
 * is logged with its stack and answered with nothing but the request id.
 */
export function handleErrors(app: FastifyInstance): void {
  const allowedMethods = recordMethods(app)
  app.setErrorHandler(answerError)
  app.setNotFoundHandler((request) => {
    throw refuseRoute(request, allowedMethods(request.url))
  })
  // Before the body is looked at: whatever it holds, the route does not exist.
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.is404) done(refuseRoute(request, allowedMethods(request.url)))
    else done()
  })
}

/** Answers, as a `Status`, a path that cannot be read: Fastify gives up on it before there is a route (`frameworkErrors`). */
export function answerUnreadablePath(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const message = `The path ${quoteUrl(request.url)} cannot be read: it is not percent-encoded, or a part of it is too long`
  void reply.header('x-request-id', request.id)
  answerError(refusal('BadRequest', message, { cause: error }), request, reply)
}

/** Answers `error` as a `Status`. */
function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  if (isBodyTooLong(error)) {
    // The rest of it is read and thrown away: to hang up on somebody who is still sending takes the answer from him.
    void reply.removeHeader('connection')
    request.raw.resume()
  }
  const refused = refusalOf(error, request)
  const { reason } = refused.refusal
  if (reason === 'OutcomeUnknown') request.log.error({ err: refused }, 'the outcome of a change is not known')
  const { code } = reasons[reason]
  void reply.code(code).headers(refused.headers).type('application/json; charset=utf-8')
  if (refused.retryAfterSeconds !== undefined) void reply.header('retry-after', String(refused.retryAfterSeconds))
  void reply.send(statusOf(refused))
}

function isBodyTooLong(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'FST_ERR_CTP_BODY_TOO_LARGE'
}

/**
 * Answers what is not even HTTP, or took too long to arrive, as a `Status` too. Node has no request for it, and Fastify no reply:
 * there is a socket, and an error.
 */
export function answerClientError(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const refused = refusalOfConnection(error.code)
  const body = JSON.stringify(statusOf(refused))
  const { code } = reasons[refused.refusal.reason]
  const head = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ''}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

function refusalOfConnection(code: string): RefusalError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return refusal('RequestEntityTooLarge', 'The headers of the request are too long.')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refusal('BadRequest', 'The request took too long to arrive.')
    default:
      return refusal('BadRequest', 'This is not an HTTP request.')
  }
}

/** What Fastify and its plugins blame on the caller, by the status code they give it. */
const reasonsOfOthers: ReadonlyMap<unknown, Reason> = new Map([
  [400, 'BadRequest'],
  [403, 'Forbidden'],
  [404, 'NotFound'],
  [413, 'RequestEntityTooLarge'],
  [415, 'UnsupportedMediaType'],
])

function refusalOf(error: unknown, request: FastifyRequest): RefusalError {
  if (error instanceof RefusalError) return error
  if (error instanceof DatastoreUnavailable) {
    if (error.code === 'OutcomeUnknown') return refuseToGuess(error)
    if (error.code === 'ServiceUnavailable') request.log.warn({ err: error }, 'the datastore is not available')
    return refusalOfFault(error, error.code)
  }
  if (error instanceof Error && 'statusCode' in error) {
    const reason = reasonsOfOthers.get(error.statusCode)
    if (reason) return refusal(reason, error.message, { cause: error })
  }
  request.log.error({ err: error }, 'bug')
  const message = `This is a fault of the server; its log tells more under the request id ${request.id}`
  return refusal('InternalError', message, { cause: error })
}

/** Nothing was changed by any of these. Only of the first is it known when a repeated call may fare better. */
function refusalOfFault(
  fault: DatastoreUnavailable,
  reason: 'ServiceUnavailable' | 'Timeout' | 'RequestEntityTooLarge',
): RefusalError {
  const retryAfterSeconds = reason === 'ServiceUnavailable' ? fault.retryAfterSeconds : undefined
  return refusal(reason, fault.message, { cause: fault, retryAfterSeconds })
}

function refuseRoute({ method, url }: FastifyRequest, allowed: readonly string[]): RefusalError {
  const path = quoteUrl(url)
  // A route that exists may still find nothing, as the one for the files of /docs does.
  if (allowed.length === 0 || allowed.includes(method)) {
    return refusal('NotFound', `There is nothing at ${path}; /openapi.json lists every route`)
  }
  const methods = allowed.join(', ')
  const message = `${method} is not allowed on ${path}; allowed are ${methods}`
  return refusal('MethodNotAllowed', message, { headers: { allow: methods } })
}
