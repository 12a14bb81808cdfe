import { denied } from '../../access/index.ts'
import { type Address, compareAddresses, type IpFamily } from '../../net/index.ts'
import {
  answerOnly,
  Budget,
  type Plan,
  type View,
  type Cause,
  type Reason,
  refuse,
  type Result,
  success,
} from '../../plan/index.ts'
import type { Draft } from '../draft.ts'
import { isNamed } from '../eligible-pools.ts'
import { reachOf, releasing } from '../reach.ts'
import { reachable, readHoldings } from '../read/index.ts'
import type { Allocation, AssignAnswer, AssignRequest, IpamContext } from '../request.ts'
import { poolOf, readPools } from '../surroundings.ts'
import { giveBackCharges, prepareRelease, releaseHeld } from '../release/index.ts'
import { type Assigned, assignInDraft, matchNamed } from './assign.ts'
import { requireHandle } from './assignment.ts'

/** Everything that the handle holds after a repeatable request. */
export interface EnsureAnswer extends AssignAnswer {
  /** True if some of the addresses were assigned by this call. */
  readonly isAdded: boolean
  /** The numbers of addresses that the transaction has assigned and released. */
  readonly changed: { readonly assigned: number; readonly released: number }
  /** Of an exact request: what is still to be released, because it did not fit into the transaction. */
  readonly excess: readonly Allocation[]
}

/** The options of an ensure. */
export interface EnsureOptions {
  /** True if the handle is to hold nothing else: what is more than the request wants is released. */
  readonly isExact?: boolean
}

/**
 * Makes sure that a handle holds at least what the request wants, or exactly that. Addresses that the handle already holds count: those of
 * the wanted family and pool, or the named ones. The missing addresses are assigned, all or nothing. If the request is exact and too many
 * addresses count, the lowest stay. So the same call can be made any number of times. @see docs/guarantees.md, "Safe to repeat"
 */
export function planEnsure(
  view: View,
  request: AssignRequest,
  context: IpamContext,
  { isExact = false }: EnsureOptions = {},
): Plan<Result<EnsureAnswer>> {
  const budget = new Budget(view)
  const allowed = requireHandle(budget.view, request, context)
  if (!allowed.ok) return answerOnly(allowed)
  const held = readHoldings(budget.view, request.handle, context)
  if (!held.ok) return answerOnly(held)
  const satisfying =
    request.addresses.length > 0
      ? matchNamed(held.value, request).named
      : selectCounted(budget.view, held.value, request)
  const assigned = assignMissing(budget.view, request, satisfying, context)
  if (!assigned.ok) return answerOnly(assigned)
  const kept = isExact ? new Set(select(satisfying, request)) : new Set(held.value)
  const excess = held.value.filter((allocation) => !kept.has(allocation))
  const released = releaseExcess(budget, request.handle, excess, context, assigned.value?.draft)
  if (!released.ok) return answerOnly(released)
  const answer = {
    handle: request.handle,
    addresses: [...kept, ...(assigned.value?.addresses ?? [])],
    isAdded: assigned.value !== undefined,
    changed: {
      assigned: assigned.value?.addresses.length ?? 0,
      released: excess.length - released.value.left.length,
    },
    excess: released.value.left,
  }
  return { answer: success(answer), writes: released.value.draft?.writes() ?? [] }
}

/** Assigns what is missing, in a draft. Returns undefined if nothing is, or if fewer addresses will do and no more can be assigned. */
function assignMissing(
  view: View,
  request: AssignRequest,
  satisfying: readonly Allocation[],
  context: IpamContext,
): Result<Assigned | undefined> {
  const missing = subtract(request, satisfying)
  if (missing === undefined) return success(undefined)
  const assigned = assignInDraft(view, missing, context)
  if (assigned.ok) return assigned
  const { reason, message, causes } = assigned.refusal
  // A caller that accepts fewer addresses has some already when it repeats the call.
  const isShort = shortages.has(reason) || causes.some((cause) => cause.reason === 'QuotaExceeded')
  if (request.partial && satisfying.length > 0 && isShort) return success(undefined)
  return refuse(reason, message, restoreFields(causes, missing.addresses, request.addresses))
}

/** Releases as much of `excess` as fits into the transaction, in `draft` if there is one; the rest is `left`. */
function releaseExcess(
  budget: Budget,
  handle: string,
  excess: readonly Allocation[],
  context: IpamContext,
  draft: Draft | undefined,
): Result<{ readonly draft: Draft | undefined; readonly left: readonly Allocation[] }> {
  if (excess.length === 0) return success({ draft, left: [] })
  const { rights } = context
  const releasable = reachable(excess, handle, reachOf(rights, readPools(budget.view), releasing))
  if (releasable.length < excess.length) {
    const what = `addresses of the handle ${JSON.stringify(handle)} beyond those that the request wants`
    return { ok: false, refusal: denied(rights, releasing, what) }
  }
  const prepared = prepareRelease(budget.view, context)
  if (!prepared.ok) return prepared
  const release = { ...prepared.value, draft: draft ?? prepared.value.draft }
  const left = releaseHeld(budget, release, handle, excess)
  giveBackCharges(budget, release.draft, context)
  return left.ok ? success({ draft: release.draft, left: left.value }) : left
}

/** As many of the addresses as an exact request wants, the lowest first. */
function select(satisfying: readonly Allocation[], { addresses, counts }: AssignRequest): readonly Allocation[] {
  if (addresses.length > 0) return satisfying
  const ascending = satisfying.toSorted((one, other) => compareAddresses(one.address, other.address))
  return ([4, 6] as const).flatMap((family) =>
    ascending.filter(({ address }) => address.family === family).slice(0, counts[family]),
  )
}

/** The reasons for which an assignment yields too few addresses although the request itself is valid. */
const shortages: ReadonlySet<Reason> = new Set(['InsufficientAddresses', 'AddressInUse'])

/** The causes with the index of an address among the `missing` ones replaced by its index among `all` addresses of the request. */
function restoreFields(
  causes: readonly Cause[],
  missing: readonly Address[],
  all: readonly Address[],
): readonly Cause[] {
  const fieldAt = (index: number): string => `addresses[${index}]`
  const restored = new Map(missing.map((address, index) => [fieldAt(index), fieldAt(all.indexOf(address))]))
  return causes.map((cause) => ({ ...cause, field: restored.get(cause.field) ?? cause.field }))
}

function selectCounted(view: View, held: readonly Allocation[], request: AssignRequest): readonly Allocation[] {
  const ofFamily = held.filter(({ address }) => request.counts[address.family] > 0)
  if (request.pools.length === 0) return ofFamily
  const pools = readPools(view)
  return ofFamily.filter(({ address }) => {
    const pool = poolOf(pools, address)
    return pool !== undefined && request.pools.some((reference) => isNamed(pool, reference))
  })
}

/** The part of the request that `satisfying` does not cover; undefined if it covers all. */
function subtract(request: AssignRequest, satisfying: readonly Allocation[]): AssignRequest | undefined {
  if (request.addresses.length > 0) {
    const addresses = matchNamed(satisfying, request).missing
    return addresses.length === 0 ? undefined : { ...request, addresses }
  }
  const missing = (family: IpFamily): number => {
    const count = satisfying.filter(({ address }) => address.family === family).length
    return Math.max(0, request.counts[family] - count)
  }
  const counts = { 4: missing(4), 6: missing(6) }
  return counts[4] + counts[6] === 0 ? undefined : { ...request, counts }
}
