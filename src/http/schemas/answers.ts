import type { Static, TSchema } from '@sinclair/typebox'
import type { Reason } from '../../plan/index.ts'
import { reasons, refusal } from '../wire/index.ts'
import { ref } from './fields.ts'
import { Status, statusOf } from './status.ts'

/** One response of a route, in the form for Fastify and the OpenAPI document. */
export interface Answer {
  readonly description: string
  readonly headers?: Readonly<Record<string, unknown>>
  readonly content: Readonly<Record<string, unknown>>
}

/** Describes a successful response. `schema` must have an `$id`; its first example is used unless another is given. */
export function answer<Schema extends TSchema>(description: string, schema: Schema, example?: Static<Schema>): Answer {
  const examples: unknown = schema['examples']
  const first: unknown = Array.isArray(examples) ? examples[0] : undefined
  return { description, content: { 'application/json': { schema: ref(schema), example: example ?? first } } }
}

/** Adds the header that an answer has if it repeats the one to an earlier call with the same `Idempotency-Key`. */
export function repeatable(given: Answer): Answer {
  const description = 'true if an earlier call with this key has made the change, or a part of it.'
  return {
    ...given,
    headers: { ...given.headers, 'Idempotent-Replayed': { type: 'string', enum: ['true'], description } },
  }
}

/** Adds the header that tells where the created thing is. */
export function located(given: Answer): Answer {
  const description = 'The path of what was created; absent in a dry run.'
  return { ...given, headers: { ...given.headers, Location: { type: 'string', description } } }
}

/** Failures that every route has. */
const always: readonly Reason[] = [
  'BadRequest',
  'Forbidden',
  'NotAcceptable',
  'RequestTimeout',
  'RequestEntityTooLarge',
  'MisdirectedRequest',
  'InternalError',
  'ServiceUnavailable',
]

/** Describes the failures of a route: `given` and those that every route has. Spread the result into its `response`. */
export function problems(...given: readonly Reason[]): Readonly<Record<number, Answer>> {
  const byCode = new Map<number, Reason[]>()
  // A call that can be too large for a transaction is a change, and the outcome of a change can be unknown.
  const ofChanges: readonly Reason[] = given.includes('RequestEntityTooLarge') ? ['OutcomeUnknown'] : []
  for (const reason of new Set([...given, ...ofChanges, ...always])) {
    const { code } = reasons[reason]
    byCode.set(code, [...(byCode.get(code) ?? []), reason])
  }
  return Object.fromEntries([...byCode].map(([code, found]) => [code, problem(found)]))
}

/** Describes the failures of routes that need a credential, beside those of all routes. */
export function problemsOfGuarded(): Readonly<Record<401 | 429, Answer>> {
  const challenge = {
    'WWW-Authenticate': {
      type: 'string',
      description: 'The kind of credential that is needed, and what is wrong with that of the request.',
    },
  }
  return {
    401: { ...problem(['Unauthorized']), headers: challenge },
    429: { ...problem(['TooManyRequests']), headers: retryAfter },
  }
}

/** Describes the failures of a change that takes an `Idempotency-Key`: `given` and those that every such change has. */
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
  'Retry-After': { type: 'integer', format: 'int32', description: 'Seconds to wait before trying again.' },
}

function problem(found: readonly Reason[]): Answer {
  const examples = found.map((reason) => {
    return [reason, { value: statusOf(refusal(reason, reasons[reason].when)) }] as const
  })
  return {
    ...(found.includes('ServiceUnavailable') && { headers: retryAfter }),
    description: found.map((reason) => `\`${reason}\`: ${reasons[reason].when}`).join(' '),
    content: { 'application/json': { schema: ref(Status), examples: Object.fromEntries(examples) } },
  }
}
