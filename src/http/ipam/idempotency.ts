import { createHash } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Rights, unchecked } from '../../access/index.ts'
import { storedAnswerKey } from '../../model/index.ts'
import { answerOnly, type Plan, put, refuse, type Result, success, type View } from '../../plan/index.ts'
import { refuseFields } from '../wire/index.ts'

const keyLengthMax = 255

/** The headers of a call that may be repeated. */
export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: keyLengthMax,
      pattern: '^[\\x21-\\x7E]*$',
      $comment: `1 to ${keyLengthMax} visible ASCII characters`,
      description: [
        'Makes the call safe to repeat: the same key and body get the same answer, from any server, and take effect once.',
        'Choose a new one, such as a UUID, for each call. Answers are kept for a day unless configured otherwise; refusals are not.',
      ].join(' '),
      examples: ['8e03978e-40d5-43dd-bc93-6894a57f9324'],
    }),
  ),
})

/** A call that takes effect once, however often it is sent. */
export interface Once {
  /** The key that the client chose. */
  readonly key: string
  /** A digest of what the call asks for. */
  readonly request: string
}

/** How to carry out a change. */
export interface ChangeMode {
  readonly dryRun?: 'All'
  /** Given if the call takes effect once. */
  readonly once?: Once
  /** Called if an earlier call has carried out the change, or a part of it. */
  readonly onReplay?: () => void
}

/**
 * Reads how a request is to be carried out. A dry run has no effect, so it may be repeated without a key. The reply to a repetition says
 * so in the header `Idempotent-Replayed`.
 */
export function changeModeOf(
  { method, routeOptions, params, body, headers, rights }: FastifyRequest,
  reply: FastifyReply,
  query: { readonly dryRun?: 'All' },
): ChangeMode {
  const key = headers['idempotency-key']
  if (query.dryRun !== undefined || typeof key !== 'string') return query
  return {
    once: { key, request: digest(method, routeOptions.url, params, body, ...senderIn(rights)) },
    onReplay: () => void reply.header('idempotent-replayed', 'true'),
  }
}

/** The caller's part in the digest of a request, so that others do not get the answer. Empty if callers are not identified. */
function senderIn({ caller }: Rights): readonly string[] {
  return caller === unchecked ? [] : [caller.user, ...(caller.uid === undefined ? [] : [caller.uid])]
}

/** As {@link changeModeOf}, for a call whose query says what to change. */
export function changeModeOfQuery(
  request: FastifyRequest,
  reply: FastifyReply,
  query: { readonly dryRun?: 'All' },
): ChangeMode {
  const { once, ...mode } = changeModeOf(request, reply, query)
  return once === undefined ? mode : { ...mode, once: { ...once, request: digest(once.request, query) } }
}

function digest(...asked: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex')
}

/** The answer of a change; of a repetition, the text that the first call stored. */
export type OnceAnswer<Answer> =
  | { readonly isRepeated: false; readonly answer: Answer }
  | { readonly isRepeated: true; readonly text: string }

/**
 * Plans the `part`-th transaction of a call unless it has been carried out already. The answer, printed, is stored in the transaction of
 * the change, so that both are there or neither is. Refused with `IdempotencyKeyReused` if the key belongs to another call. Refusals
 * are not stored. @see docs/guarantees.md, "Safe to repeat"
 */
export function planOnce<Answer>(
  view: View,
  { key: name, request }: Once,
  part: number,
  plan: () => Plan<Result<Answer>>,
  print: (answer: Answer) => object,
): Plan<Result<OnceAnswer<Answer>>> {
  const key = storedAnswerKey(name, part)
  const stored = view.get(key, { assumeAbsent: true })
  if (stored.kind === 'unreadable') {
    return answerOnly(refuse('Conflict', `The stored answer of this Idempotency-Key cannot be read: ${stored.problem}`))
  }
  if (stored.kind === 'value') {
    if (stored.value.request === request) return answerOnly(success({ isRepeated: true, text: stored.value.body }))
    const message = `The Idempotency-Key ${JSON.stringify(name)} was used for another call; give each call its own.`
    return answerOnly(refuse('IdempotencyKeyReused', message))
  }
  const { answer, writes } = plan()
  if (!answer.ok) return { answer, writes }
  const kept = put(key, { request, body: JSON.stringify(print(answer.value)) }, { isExpiring: true })
  return { answer: success({ isRepeated: false, answer: answer.value }), writes: [...writes, kept] }
}

/** Refuses a key for a call that is answered while it is carried out: there is no answer to keep, and it is safe to repeat anyway. */
export function refuseIdempotencyKey({ headers }: FastifyRequest): void {
  if (headers['idempotency-key'] === undefined) return
  const message = 'this call keeps no answer, and is safe to repeat; send it without'
  throw refuseFields('BadRequest', [{ field: 'Idempotency-Key', reason: 'FieldValueForbidden', message }])
}
