import { storedAnswerKey } from '../model/index.ts'
import { answerOnly, type Plan, put, type View, refuse, type Result, success } from '../plan/index.ts'

/** A call that takes effect once however often it is sent. */
export interface Once {
  /** What the caller calls it. */
  readonly key: string
  /** A digest of what it asks for. */
  readonly request: string
  /** Which transaction of the call this is, from 0. */
  readonly part: number
}

/**
 * Plans a call unless it has been carried out already: the answer, as text, is stored in the very transaction of the change, so that
 * both are there or neither is. Refused with `IdempotencyKeyReused` when the key belongs to another call. Refusals are not
 * stored. @see docs/guarantees.md, "Safe to repeat"
 */
export function planOnce(view: View, once: Once, plan: () => Plan<Result<string>>): Plan<Result<string>> {
  const key = storedAnswerKey(once.key, once.part)
  const stored = view.get(key, { assumeAbsent: true })
  if (stored.kind === 'unreadable') {
    return answerOnly(refuse('Conflict', `The stored answer of this Idempotency-Key cannot be read: ${stored.problem}`))
  }
  if (stored.kind === 'value') {
    if (stored.value.request === once.request) return answerOnly(success(stored.value.body))
    const message = `The Idempotency-Key ${JSON.stringify(once.key)} was used for another call; give each call its own.`
    return answerOnly(refuse('IdempotencyKeyReused', message))
  }
  const { answer, writes } = plan()
  if (!answer.ok) return { answer, writes }
  const kept = put(key, { request: once.request, body: answer.value }, { isExpiring: true })
  return { answer, writes: [...writes, kept] }
}
