import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { DatastoreUnavailable, type Probe, silentProbe } from '../../datastore/index.ts'
import type { Reason } from '../../plan/index.ts'
import { statusOf } from '../schemas/index.ts'
import { noteChange, reasons, RefusalError, refusal, refuseUnknownOutcome, quoteUrl } from '../wire/index.ts'
import { safeHeaders } from './headers.ts'
import { refuseUnknownRoutes } from './unknown-routes.ts'

/**
 * Answers every error of every route below `app` with a `Status`, and every request without a route too. Call it once, at the root, before
 * any route or plugin is registered. A refusal gets the status code of its reason, a fault of the datastore 503, 504, 413 or 500.
 * Anything else is a bug: it is logged with its stack, and the response names only the request id. `probe` hears of all refusals, and of
 * requests for which the datastore was not available.
 */
export function handleErrors(app: FastifyInstance, probe: Probe = silentProbe): void {
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof DatastoreUnavailable && error.code === 'ServiceUnavailable')
      probe.requestUnavailable({ fault: error })
    answerError(error, request, reply, probe)
  })
  refuseUnknownRoutes(app)
}

/** Answers a path that cannot be read with a `Status`: Fastify gives up on it before it looks for a route (`frameworkErrors`). */
export function answerUnreadablePath(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const message = `The path ${quoteUrl(request.url)} cannot be read: it is not percent-encoded, or a part of it is too long`
  void reply.header('x-request-id', request.id).headers(safeHeaders)
  answerError(refusal('BadRequest', message, { cause: error }), request, reply)
}

/** Answers `error` with a `Status`. */
function answerError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  probe: Pick<Probe, 'requestRefused'> = silentProbe,
): void {
  if (isBodyTooLong(error)) {
    // Reads and discards the rest: a client that is still sending when the connection closes never sees the response.
    void reply.removeHeader('connection')
    request.raw.resume()
  }
  const refused = refusalOf(error, request)
  const { reason } = refused.refusal
  noteChange(request, { reason, message: refused.message })
  probe.requestRefused({ refusal: refused.refusal, action: request.action })
  if (reason === 'OutcomeUnknown') request.log.error({ problem: refused.message }, 'the outcome of a change is unknown')
  const { code } = reasons[reason]
  void reply.code(code).headers(refused.headers).type('application/json; charset=utf-8')
  if (refused.retryAfterSeconds !== undefined) void reply.header('retry-after', String(refused.retryAfterSeconds))
  void reply.send(statusOf(refused))
}

function isBodyTooLong(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'FST_ERR_CTP_BODY_TOO_LARGE'
}

/** Reasons for the errors that Fastify and its plugins attribute to the caller, by their status code. */
const reasonsByStatusCode: ReadonlyMap<unknown, Reason> = new Map([
  [400, 'BadRequest'],
  [403, 'Forbidden'],
  [404, 'NotFound'],
  [413, 'RequestEntityTooLarge'],
  [415, 'UnsupportedMediaType'],
])

function refusalOf(error: unknown, request: FastifyRequest): RefusalError {
  if (error instanceof RefusalError) return error
  if (error instanceof DatastoreUnavailable) {
    if (error.code === 'OutcomeUnknown') return refuseUnknownOutcome(error)
    return refusalOfFault(error, error.code)
  }
  if (error instanceof Error && 'statusCode' in error) {
    const reason = reasonsByStatusCode.get(error.statusCode)
    if (reason) return refusal(reason, error.message, { cause: error })
  }
  request.log.error({ err: error }, 'bug')
  const trace = request.trace === undefined ? '' : ` and the trace id ${request.trace.ids.traceId}`
  const message = `This is a fault of the server; its log has the details under the request id ${request.id}${trace}`
  return refusal('InternalError', message, { cause: error })
}

/** None of these faults changed anything. Only for the first is it known when a retry may succeed. */
function refusalOfFault(
  fault: DatastoreUnavailable,
  reason: 'ServiceUnavailable' | 'Timeout' | 'RequestEntityTooLarge',
): RefusalError {
  const retryAfterSeconds = reason === 'ServiceUnavailable' ? fault.retryAfterSeconds : undefined
  return refusal(reason, fault.message, { cause: fault, retryAfterSeconds })
}
