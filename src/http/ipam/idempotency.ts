import { createHash } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { type Context, type Once, planOnce } from '../../ipam/index.ts'
import { type Plan, type View, type Result, success } from '../../plan/index.ts'
import { refuseFields } from '../wire/index.ts'
import { carryOut, type IpamOptions } from './ipam-operation.ts'

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

/** How to carry out a change. */
export interface ChangeMode {
  readonly dryRun?: 'All'
  /** Set when the call is to take effect once. */
  readonly once?: Omit<Once, 'part'>
}

/** How a request wants to be carried out. A dry run has no effect to repeat. */
export function changeModeOf(
  { method, routeOptions, params, body, headers }: FastifyRequest,
  query: { readonly dryRun?: 'All' },
): ChangeMode {
  const key = headers['idempotency-key']
  if (query.dryRun !== undefined || typeof key !== 'string') return query
  const asked = JSON.stringify([method, routeOptions.url, params, body])
  return { once: { key, request: createHash('sha256').update(asked).digest('hex') } }
}

/**
 * Carries out the `part`-th transaction of a change, once if the mode says so. Gives the body of its answer: as `print` makes it, or
 * as it was stored by the call that is being repeated.
 */
export async function carryOutChange<Answer>(
  options: IpamOptions,
  mode: ChangeMode,
  plan: (view: View, context: Context) => Plan<Result<Answer>>,
  print: (answer: Answer) => object,
  part = 0,
): Promise<string> {
  const { once } = mode
  if (once === undefined) return JSON.stringify(print(await carryOut(options, plan, mode)))
  return carryOut(options, (view, context) =>
    planOnce(view, { ...once, part }, () => {
      const { answer, writes } = plan(view, context)
      return { answer: answer.ok ? success(JSON.stringify(print(answer.value))) : answer, writes }
    }),
  )
}

/** As {@link changeModeOf}, for a call whose query says what is to be changed. */
export function changeModeOfQuery(request: FastifyRequest, query: { readonly dryRun?: 'All' }): ChangeMode {
  const mode = changeModeOf(request, query)
  const { once } = mode
  if (once === undefined) return mode
  const asked = JSON.stringify([once.request, query])
  return { once: { ...once, request: createHash('sha256').update(asked).digest('hex') } }
}

/** Refuses a key where a call is answered while it is carried out, so that there is no answer to keep; it may be repeated as it is. */
export function refuseIdempotencyKey({ headers }: FastifyRequest): void {
  if (headers['idempotency-key'] === undefined) return
  const message = 'this call keeps no answer, and is safe to repeat; send it without'
  throw refuseFields('BadRequest', [{ field: 'Idempotency-Key', reason: 'FieldValueForbidden', message }])
}
