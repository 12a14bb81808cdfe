import type { Cause, Reason, Refusal, Result } from '../../plan/index.ts'

/** How a reason is told over HTTP. */
export interface ReasonEntry {
  /** The HTTP status code. */
  readonly code: number
  /** When it is given, and what to do about it; part of the OpenAPI document. */
  readonly when: string
}

/**
 * The one table of everything that is not success: each reason, its HTTP status and its meaning. `reason` is what a program
 * should look at; the message is for people and may change.
 */
export const reasons: Readonly<Record<Reason, ReasonEntry>> = {
  BadRequest: {
    code: 400,
    when: 'The request cannot be read: not JSON or YAML, a wrong type, an unknown field or parameter.',
  },
  Unauthorized: { code: 401, when: 'No credential, or one that is not valid.' },
  Forbidden: { code: 403, when: 'The credential is valid, and not allowed to do this.' },
  NotFound: { code: 404, when: 'The object, pool, address, handle or route does not exist.' },
  MethodNotAllowed: {
    code: 405,
    when: 'The route exists, but not with this method; the header `Allow` names those it has.',
  },
  NotAcceptable: { code: 406, when: 'None of the media types in `Accept` is served.' },
  AlreadyExists: { code: 409, when: 'An object of this name exists.' },
  AddressInUse: { code: 409, when: 'Somebody holds one of the named addresses, or it is cooling down.' },
  Conflict: {
    code: 409,
    when: 'The object has changed since it was read, or a precondition does not hold; read it again.',
  },
  InsufficientAddresses: {
    code: 409,
    when: 'Fewer addresses are available than asked for; the causes say why, pool by pool. Nothing is held.',
  },
  Expired: { code: 410, when: 'The continue token or revision is too old; list again.' },
  RequestEntityTooLarge: { code: 413, when: 'The body, or the change it asks for, is over the limit.' },
  UnsupportedMediaType: {
    code: 415,
    when: 'The media type of the body is not understood here; the message names those that are.',
  },
  IdempotencyKeyReused: { code: 422, when: 'The same Idempotency-Key was sent before with another body.' },
  Invalid: { code: 422, when: 'The request is well formed and wrong; one cause for each field.' },
  TooManyRequests: { code: 429, when: 'The caller is over its own limit; `Retry-After` says when to try again.' },
  InternalError: { code: 500, when: 'A fault of the server; its log has the details under the request id.' },
  // Not 503 or 504, which mean that nothing is held also to those who look at nothing but the status.
  OutcomeUnknown: {
    code: 500,
    when: 'etcd fell silent while the change was made, which may or may not have happened. Repeat the call if it is safe to repeat, or read what is held.',
  },
  ServiceUnavailable: {
    code: 503,
    when: 'The datastore is away, or the server is overloaded or stopping. Nothing is held; try again after `Retry-After`.',
  },
  Timeout: { code: 504, when: 'The deadline passed before the change was made. Nothing is held; try again.' },
}

/** What a refusal is about, as `details` of a Kubernetes Status names it. */
export interface Subject {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
}

/** What an answer carries besides the refusal itself. */
export interface RefusalOptions {
  readonly subject?: Subject | undefined
  /**
   * Sent as `Retry-After` too. Clients repeat a call by themselves when they see that header, so it may only be given when
   * nothing was, or can still be, applied.
   */
  readonly retryAfterSeconds?: number | undefined
  /** More response headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly cause?: unknown
}

/** A refusal on its way from a route to the error handler, which answers it as a `Status`. */
export class RefusalError extends Error {
  readonly refusal: Refusal
  readonly subject: Subject | undefined
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

/** A refusal for one reason, said in one sentence. */
export function refusal(reason: Reason, message: string, options?: RefusalOptions): RefusalError {
  return new RefusalError({ reason, message, causes: [] }, options)
}

/** The refusal of a call that may be sent again soon, whatever it is about: nothing was done. */
export function refuseForNow(message: string): RefusalError {
  return refusal('ServiceUnavailable', message, { retryAfterSeconds: 1 })
}

/** The value of a successful result. Throws {@link RefusalError} for a refused one; `subject` names what it was about. */
export function granted<Value>(result: Result<Value>, subject?: Subject): Value {
  if (result.ok) return result.value
  throw new RefusalError(result.refusal, { subject })
}

/** How many causes the message of a refusal repeats; all of them are in `details.causes`. */
const messageCauses = 8

/** The refusal of a request for what is wrong with its fields: the message repeats the first causes, `details` has them all. */
export function refuseFields(
  reason: 'BadRequest' | 'Invalid',
  causes: readonly Cause[],
  options?: RefusalOptions,
): RefusalError {
  const told = causes.slice(0, messageCauses).map(({ field, message }) => `${field}: ${message}`)
  const untold = causes.length - told.length
  const message = `${told.join('; ')}${untold > 0 ? `; and ${untold} more` : ''}`
  return new RefusalError({ reason, message, causes }, options)
}
