import { isJsonObject, type Json, type JsonObject, parseJson } from '../../../model/index.ts'
import { objectAt, textAt } from '../forms/index.ts'

/** The reason for which the API server refuses a request. @see https://kubernetes.io/docs/reference/using-api/api-concepts/ */
export interface ApiRefusal {
  readonly status: number
  /** The reason of the Status, such as `AlreadyExists`; empty if the answer has none. */
  readonly reason: string
  readonly message: string
}

/** The outcome of one request. */
export type ApiOutcome =
  | { readonly kind: 'answered'; readonly object: JsonObject }
  /** Nothing was changed. */
  | { readonly kind: 'refused'; readonly refusal: ApiRefusal }
  /** The API server never got the request. */
  | { readonly kind: 'unsent'; readonly error: Error }
  /** Nobody knows whether the API server has carried it out, or still will. */
  | { readonly kind: 'lost'; readonly error: Error }

/** An HTTP answer. */
export interface HttpAnswer {
  readonly status: number
  readonly text: string
  readonly retryAfterSeconds: number | undefined
}

/** Returns the outcome that an answer tells. If the request was throttled: the time after which to send it again. */
export function outcomeOf({ status, text, retryAfterSeconds }: HttpAnswer): ApiOutcome | { readonly waitMs: number } {
  const parsed = parseJson(text)
  const object = parsed.ok && isJsonObject(parsed.value) ? parsed.value : undefined
  if (status >= 200 && status < 300) {
    if (object !== undefined) return { kind: 'answered', object }
    return { kind: 'lost', error: new Error(`the API server answered ${status} without an object`) }
  }
  const refusal = {
    status,
    reason: textAt(object, 'reason'),
    message: textAt(object, 'message') || text.trim().slice(0, messageLengthMax),
  }
  if (status === 429) return { waitMs: (retryAfterSeconds ?? waitSecondsOf(object) ?? 1) * 1_000 }
  // A 5xx says that something failed, in the API server or in etcd, and not when.
  if (status >= 500) return { kind: 'lost', error: new Error(describeRefusal(refusal)) }
  return { kind: 'refused', refusal }
}

/** A refusal in words. */
export function describeRefusal({ status, reason, message }: ApiRefusal): string {
  const said = [String(status), reason].filter((part) => part !== '').join(' ')
  return `the API server answered ${said}: ${message}`
}

/** True if the object has changed since it was read, or another one has its place. */
export function isConflict(refusal: ApiRefusal): boolean {
  return refusal.status === 409
}

/** True if the version of a list or watch is no longer in history. */
export function isGone({ status, reason }: ApiRefusal): boolean {
  return status === 410 || reason === 'Expired'
}

const messageLengthMax = 500

function waitSecondsOf(object: JsonObject | undefined): number | undefined {
  const seconds: Json | undefined = objectAt(object, 'details')['retryAfterSeconds']
  return typeof seconds === 'number' ? seconds : undefined
}
