import { Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import type { Store as Datastore } from '../../datastore/index.ts'
import type { Context } from '../../ipam/index.ts'
import type { BlockIndex, Now } from '../../model/index.ts'
import type { Plan, View, Cause, Result } from '../../plan/index.ts'
import { closed, oneOf } from '../schemas/index.ts'
import { granted, RefusalError, refuseFields } from '../wire/index.ts'

/** What of the datastore the routes use. */
export type Store = Pick<Datastore, 'submit' | 'page' | 'peek' | 'follow' | 'health' | 'members' | 'pending'>

/** What the IPAM routes take from outside. */
export interface IpamOptions {
  readonly store: Pick<Store, 'submit' | 'page'>
  readonly now: () => Now
  /** The index of blocks that is kept beside the store. */
  readonly blocks: BlockIndex
  /** A new unique name, for an owner that did not name itself. */
  readonly newUid: () => string
  readonly deadlineMs: number
}

/** The query of a change. */
export const ChangeQuery = Type.Object(
  {
    dryRun: Type.Optional(
      oneOf(['All'], { description: 'Answer what would happen, and write nothing.', examples: ['All'] }),
    ),
  },
  closed,
)

/** The query of a call that takes none: an unknown parameter may be a misspelt one, so it is refused. */
export const NoQuery = Type.Object({}, closed)

/** Carries out one operation, or answers its refusal by throwing it. The clock is read once, when the operation begins. */
export async function carryOut<Answer>(
  { store, now, blocks, deadlineMs }: IpamOptions,
  plan: (view: View, context: Context) => Plan<Result<Answer>>,
  query: { readonly dryRun?: 'All' } = {},
): Promise<Answer> {
  const context = { now: now(), blocks }
  const { answer } = await store.submit((view) => plan(view, context), { deadlineMs, dryRun: query.dryRun === 'All' })
  return granted(answer)
}

/** A request as it is understood, and what is wrong with its values. */
export interface Examined<Value> {
  readonly value: Value
  readonly causes: readonly Cause[]
}

/**
 * What `examine` makes of a request whose schema holds. Throws a refusal for everything that is wrong with the values at once:
 * what the schema found (the route must have `attachValidation`) and what only the closer look finds. A malformed request is
 * refused for that alone, and not looked at any closer; so is one with a wrong path, after which nobody has checked the body.
 */
export function examined<Value>({ validationError }: FastifyRequest, examine: () => Examined<Value>): Value {
  const isReadable =
    validationError instanceof RefusalError &&
    validationError.validationContext === 'body' &&
    validationError.refusal.reason === 'Invalid'
  if (validationError !== undefined && !isReadable) throw validationError
  const found = isReadable ? validationError.refusal.causes : []
  const fields = new Set(found.map(({ field }) => field))
  const { value, causes } = examine()
  const all = [...found, ...causes.filter(({ field }) => !fields.has(field))]
  if (all.length > 0) throw refuseFields('Invalid', all)
  return value
}
