/**
 * Why a request was not carried out. The closed set of expected outcomes that are not success; each is mapped once to an HTTP
 * status in `src/http/wire/errors.ts`.
 */
export type Reason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'UnsupportedMediaType'
  | 'AlreadyExists'
  | 'AddressInUse'
  | 'Conflict'
  | 'InsufficientAddresses'
  | 'IdempotencyKeyReused'
  | 'Expired'
  | 'RequestEntityTooLarge'
  | 'Invalid'
  | 'TooManyRequests'
  | 'InternalError'
  | 'ServiceUnavailable'
  | 'Timeout'
  | 'OutcomeUnknown'

/** What is wrong with one field; the names are those of Kubernetes' field errors, and of ippoold's reasons why a pool gave nothing. */
export type CauseReason =
  | 'FieldValueRequired'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueDuplicate'
  | 'FieldValueTypeInvalid'
  | 'FieldManagerConflict'
  | 'UnexpectedServerResponse'
  | 'ResourceVersionTooLarge'
  | 'PoolDisabled'
  | 'PoolTerminating'
  | 'PoolNotAutomatic'
  | 'PoolNotForUse'
  | 'PoolNotForNode'
  | 'PoolNotForNamespace'
  | 'PoolFull'
  | 'PoolBlocksTooSmall'
  | 'PoolUnreadable'
  | 'NoPool'
  | 'BlockLimit'
  | 'AutoAllocationOff'
  | 'StrictAffinity'
  | 'HandleLimit'
  | 'HandleMismatch'
  | 'SequenceNumberMismatch'
  | 'OwnerMismatch'

/** One part of a refusal: the field (or the pool), what is wrong with it, and what would be right. */
export interface Cause {
  readonly field: string
  readonly reason: CauseReason
  readonly message: string
}

/** An expected "no": a value, never thrown. */
export interface Refusal {
  readonly reason: Reason
  readonly message: string
  readonly causes: readonly Cause[]
}

/** The outcome of something that may be refused. */
export type Result<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly refusal: Refusal }

/** A successful outcome. */
export function success<Value>(value: Value): Result<Value> {
  return { ok: true, value }
}

/** A refused outcome. */
export function refuse(reason: Reason, message: string, causes: readonly Cause[] = []): Result<never> {
  return { ok: false, refusal: { reason, message, causes } }
}
