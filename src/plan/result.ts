/**
 * Why a request was refused or failed: the complete set of outcomes that are not success. `src/http/wire/errors.ts` maps each to an HTTP
 * status.
 */
export type Reason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'RequestTimeout'
  | 'UnsupportedMediaType'
  | 'MisdirectedRequest'
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

/** What is wrong with one field, by the names of Kubernetes' field errors, or why a pool gave no address, by names of ippoold's own. */
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
  | 'QuotaExceeded'
  | 'HandleMismatch'
  | 'SequenceNumberMismatch'
  | 'Unreadable'
  | 'OwnerMismatch'

/** One part of a refusal: the field or the pool, what is wrong with it, and in words what would be right. */
export interface Cause {
  readonly field: string
  readonly reason: CauseReason
  readonly message: string
}

/** A refusal that callers must expect: a value, never thrown. */
export interface Refusal {
  readonly reason: Reason
  readonly message: string
  readonly causes: readonly Cause[]
}

/** The outcome of a function that may refuse. */
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
