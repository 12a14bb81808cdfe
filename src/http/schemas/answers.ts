import type { Static, TSchema } from '@sinclair/typebox'
import type { Reason } from '../../plan/index.ts'
import { reasons, refusal } from '../wire/index.ts'
import { ref } from './ref.ts'
import { Status, statusOf } from './status.ts'

/** One answer of a route, as Fastify and the OpenAPI document want it. */
export interface Answer {
  readonly description: string
  readonly headers?: Readonly<Record<string, unknown>>
  readonly content: Readonly<Record<string, unknown>>
}

/** A successful answer: a schema with an `$id`, whose first example is the answer's unless another is given. */
export function answer<Schema extends TSchema>(description: string, schema: Schema, example?: Static<Schema>): Answer {
  const examples: unknown = schema['examples']
  const shown: unknown = example ?? (Array.isArray(examples) ? examples[0] : undefined)
  return { description, content: { 'application/json': { schema: ref(schema), example: shown } } }
}

/** What any route may answer, whatever was asked. */
const always: readonly Reason[] = ['BadRequest', 'NotAcceptable', 'InternalError', 'ServiceUnavailable']

/** The failures of a route: `given`, and those that any route may answer. To be spread into its `response`. */
export function problems(...given: readonly Reason[]): Readonly<Record<number, Answer>> {
  const byCode = new Map<number, Reason[]>()
  // What can be too large for a transaction is a change, and only of a change can it be unknown whether it was made.
  const ofChanges: readonly Reason[] = given.includes('RequestEntityTooLarge') ? ['OutcomeUnknown'] : []
  for (const reason of new Set([...given, ...ofChanges, ...always])) {
    const { code } = reasons[reason]
    byCode.set(code, [...(byCode.get(code) ?? []), reason])
  }
  return Object.fromEntries([...byCode].map(([code, told]) => [code, problem(told)]))
}

/** The failures of a change that takes an `Idempotency-Key`: `given`, and those that any such change may answer. */
export function problemsOfRepeatable(...given: readonly Reason[]): Readonly<Record<number, Answer>> {
  return problems(
    ...given,
    'Conflict',
    'IdempotencyKeyReused',
    'Invalid',
    'RequestEntityTooLarge',
    'UnsupportedMediaType',
    'Timeout',
  )
}

const retryAfter = {
  'Retry-After': { type: 'integer', format: 'int32', description: 'Seconds until it is worth trying again.' },
}

function problem(told: readonly Reason[]): Answer {
  const examples = told.map((reason) => {
    return [reason, { value: statusOf(refusal(reason, reasons[reason].when)) }] as const
  })
  return {
    ...(told.includes('ServiceUnavailable') && { headers: retryAfter }),
    description: told.map((reason) => `\`${reason}\`: ${reasons[reason].when}`).join(' '),
    content: { 'application/json': { schema: ref(Status), examples: Object.fromEntries(examples) } },
  }
}
