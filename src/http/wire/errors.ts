import { DatastoreUnavailable } from '../../datastore/index.ts'
import { type Cause, listSome, type Reason, type Refusal, type Result } from '../../plan/index.ts'

/** How HTTP expresses a reason. */
export interface ReasonEntry {
  /** The HTTP status code. */
  readonly code: number
  /** When a request gets it, and what to do about it; part of the OpenAPI document. */
  readonly when: string
}

/**
 * All reasons for failure, with the HTTP status code and the meaning of each. Programs should read `reason`; the message is for people
 * and may change.
 */
export const reasons: Readonly<Record<Reason, ReasonEntry>> = {
  BadRequest: {
    code: 400,
    when: 'The request cannot be read: it is not JSON or YAML, or has a wrong type, an unknown field or an unknown parameter.',
  },
  Unauthorized: { code: 401, when: 'The credential is missing or not valid.' },
  Forbidden: {
    code: 403,
    when: 'The caller may not do this: a web page of another origin sent the request, or the credential does not allow it.',
  },
  NotFound: { code: 404, when: 'The object, pool, address, handle or route does not exist.' },
  MethodNotAllowed: {
    code: 405,
    when: 'The route exists, but not with this method; the header `Allow` lists its methods.',
  },
  NotAcceptable: { code: 406, when: 'The server has none of the media types in `Accept`.' },
  RequestTimeout: { code: 408, when: 'The request did not arrive whole in time. Nothing was changed.' },
  AlreadyExists: { code: 409, when: 'An object with this name exists already.' },
  AddressInUse: { code: 409, when: 'One of the named addresses is held by a handle, or is cooling down.' },
  Conflict: {
    code: 409,
    when: 'The object changed after it was read, or a precondition does not hold; read it again.',
  },
  InsufficientAddresses: {
    code: 409,
    when: 'Fewer addresses are available than requested; the causes say why, pool by pool. Nothing was assigned.',
  },
  Expired: { code: 410, when: 'The continue token or revision is too old; list again.' },
  RequestEntityTooLarge: { code: 413, when: 'The headers, the body, or the change that it requests exceed a limit.' },
  UnsupportedMediaType: {
    code: 415,
    when: 'The server does not accept the media type of the body; the message lists those that it accepts.',
  },
  MisdirectedRequest: { code: 421, when: 'The server does not serve the host that the request names.' },
  IdempotencyKeyReused: { code: 422, when: 'The same Idempotency-Key was sent before with another body.' },
  Invalid: { code: 422, when: 'The request is well formed, but has wrong values; there is one cause for each field.' },
  TooManyRequests: { code: 429, when: 'The caller exceeded its own limit; `Retry-After` says when to try again.' },
  InternalError: { code: 500, when: 'A fault of the server; its log has the details under the request id.' },
  // Not 503 or 504: clients that read only the status code take those to mean that nothing changed.
  OutcomeUnknown: {
    code: 500,
    when: 'The datastore did not answer while the change was made, so it may or may not have happened. Repeat the call if it is safe to repeat, or read what the handle holds.',
  },
  ServiceUnavailable: {
    code: 503,
    when: 'The datastore is not available, or the server is starting, overloaded or stopping. Nothing was changed; try again after `Retry-After`.',
  },
  Timeout: { code: 504, when: 'The deadline passed before the change was made. Nothing was changed; try again.' },
}

/** The object of a refusal, in the fields of `details` of a Kubernetes Status. */
export interface RefusalSubject {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
}

/** Parts of the response besides the refusal itself. */
export interface RefusalOptions {
  readonly subject?: RefusalSubject | undefined
  /**
   * Sent as `Retry-After` too. That header makes clients repeat a call by themselves, so set this only if nothing was applied, and nothing
   * can be applied later.
   */
  readonly retryAfterSeconds?: number | undefined
  /** More response headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly cause?: unknown
}

/** A refusal that a route throws. The error handler answers it with a `Status`. */
export class RefusalError extends Error {
  readonly refusal: Refusal
  readonly subject: RefusalSubject | undefined
  readonly retryAfterSeconds: number | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(refusal: Refusal, options: RefusalOptions = {}) {
    super(refusal.message, { cause: options.cause })
    this.name = 'RefusalError'
    this.refusal = refusal
    this.subject = options.subject
    this.retryAfterSeconds = options.retryAfterSeconds
    this.headers = options.headers ?? {}
  }
}

/** Makes a refusal without causes. */
export function refusal(reason: Reason, message: string, options?: RefusalOptions): RefusalError {
  return new RefusalError({ reason, message, causes: [] }, options)
}

/** Makes the refusal of a call that changed nothing and may be sent again in a second. */
export function refuseForNow(message: string): RefusalError {
  return refusal('ServiceUnavailable', message, { retryAfterSeconds: 1 })
}

/** Returns the value of a successful result. Throws {@link RefusalError} for a refused one, with `subject` as its object. */
export function requireGranted<Value>(result: Result<Value>, subject?: RefusalSubject): Value {
  if (result.ok) return result.value
  throw new RefusalError(result.refusal, { subject })
}

/** Makes the refusal of a request whose fields are wrong. The message repeats the first causes; `details` has all of them. */
export function refuseFields(
  reason: 'BadRequest' | 'Invalid',
  causes: readonly Cause[],
  options?: RefusalOptions,
): RefusalError {
  const message = listSome(causes.map(({ field, message }) => `${field}: ${message}`))
  return new RefusalError({ reason, message, causes }, options)
}

/** How a caller finds out. The repeated call reads what the first one wrote, which by then has happened or never will. */
const advice = [
  'To find out, send the same call again if it is a PUT or DELETE or has an Idempotency-Key;',
  'otherwise GET what the handle holds from a server that is ready.',
].join(' ')

/**
 * Makes the refusal of a change whose outcome could not be determined before the deadline. It has no `Retry-After`: the change may be
 * applied.
 */
export function refuseUnknownOutcome(fault: DatastoreUnavailable, subject?: RefusalSubject): RefusalError {
  return refusal('OutcomeUnknown', `${fault.message} ${advice}`, { cause: fault, subject })
}

/**
 * Returns a function that throws its argument. If the outcome is unknown, the error names the handle: the server may have chosen it,
 * and without it the caller could not find out what it holds.
 */
export function rethrowWithHandle(handle: string): (fault: unknown) => never {
  return (fault) => {
    const isUnknown = fault instanceof DatastoreUnavailable && fault.code === 'OutcomeUnknown'
    throw isUnknown ? refuseUnknownOutcome(fault, { kind: 'handle', name: handle }) : fault
  }
}

/** True if it is certain that the transaction which failed with `fault` changed nothing. */
export function changedNothing(fault: unknown): boolean {
  return fault instanceof RefusalError || (fault instanceof DatastoreUnavailable && fault.code !== 'OutcomeUnknown')
}
