import { Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Rights } from '../../access/index.ts'
import type { Probe, ServedStore } from '../../datastore/index.ts'
import type { PoolTrends } from '../../ipam/index.ts'
import type { BlockIndex, ChargeIndex, Now } from '../../model/index.ts'
import { type Cidr, parseCidr } from '../../net/index.ts'
import type { Cause } from '../../plan/index.ts'
import { closed, oneOf } from '../schemas/index.ts'
import { quoteValue, RefusalError, refuseFields } from '../wire/index.ts'

export type { ServedStore }

/** The dependencies of the IPAM routes. */
export interface IpamOptions {
  readonly store: Pick<ServedStore, 'submit' | 'page' | 'pending'>
  readonly now: () => Now
  /** The index of blocks that is kept beside the store. */
  readonly blocks: BlockIndex
  /** Knows which blocks have addresses that are charged to quotas. */
  readonly charges?: ChargeIndex | undefined
  /** Makes a unique handle for a request that names none. */
  readonly newUid: () => string
  /** Milliseconds that a call may take. */
  readonly deadlineMs: number
  /** How full pools were; unless given, nobody looked. */
  readonly trends?: PoolTrends | undefined
  /** Hears what repairs have released; nothing does unless given. */
  readonly probe?: Pick<Probe, 'leaksRepaired'>
}

/** The options for one call, and what its caller may do. */
export interface IpamCall extends IpamOptions {
  readonly rights: Rights
}

/** The options for one call: all its parts together take no longer than the deadline, and `deadlineMs` is what is left of it. */
export function beginCall(options: IpamOptions, { rights }: Pick<FastifyRequest, 'rights'>): IpamCall {
  const endsAtMs = performance.now() + options.deadlineMs
  return {
    ...options,
    rights,
    get deadlineMs() {
      return Math.max(0, endsAtMs - performance.now())
    },
  }
}

/** Sends the path of what a handle holds in the header `Location`. */
export function locateHandle(reply: FastifyReply, handle: string): void {
  void reply.header('location', `/ipam/v1/handles/${encodeURIComponent(handle)}`)
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

/** The query of a call without parameters: an unknown one may be a misspelt one, so it is refused. */
export const NoQuery = Type.Object({}, closed)

/** A request as it was read, and what is wrong with its values. */
export interface Examined<Value> {
  readonly value: Value
  readonly causes: readonly Cause[]
}

/**
 * Reads a request with `examine`. Throws one refusal for everything that is wrong with the values: what the schema found (the route must
 * have `attachValidation`) and what `examine` found. A request that is malformed or has a wrong path is refused for that alone, because
 * its body was not checked.
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

/** Reads the parameter or field `cidr` of a request. */
export function readCidr(text: string | undefined): Examined<Cidr | undefined> {
  if (text === undefined) return { value: undefined, causes: [] }
  const value = parseCidr(text)
  const message = `${quoteValue(text)} is not a CIDR; give one such as 10.1.0.0/24`
  return { value, causes: value === undefined ? [{ field: 'cidr', reason: 'FieldValueInvalid', message }] : [] }
}

/** Refuses the body of a call that takes none. */
export function refuseBody(body: unknown): void {
  if (body === undefined) return
  throw refuseFields('BadRequest', [
    { field: 'body', reason: 'FieldValueForbidden', message: 'this call takes none; send it without' },
  ])
}
