import { type Address, compareAddresses, type IpFamily } from '../../net/index.ts'
import {
  answerOnly,
  type Plan,
  type View,
  type Cause,
  type Reason,
  refuse,
  type Result,
  success,
} from '../../plan/index.ts'
import { isNamed } from '../eligible-pools.ts'
import { readHoldings } from '../read/index.ts'
import type { Allocation, AssignAnswer, AssignRequest, IpamContext } from '../request.ts'
import { poolOf, readPools } from '../surroundings.ts'
import { planAssign } from './assign.ts'

/** The addresses that satisfy a repeatable request. */
export interface EnsureAnswer extends AssignAnswer {
  /** True if some of the addresses were assigned by this call. */
  readonly isAdded: boolean
}

/**
 * Makes sure that a handle holds at least what the request wants. Addresses that the handle already holds count: those of the wanted
 * family and pool, or the named ones. The missing addresses are assigned, all or nothing. It never releases an address. So the same
 * call can be made any number of times. @see docs/guarantees.md, "Safe to repeat"
 */
export function planEnsure(view: View, request: AssignRequest, context: IpamContext): Plan<Result<EnsureAnswer>> {
  const held = readHoldings(view, request.handle, context)
  if (!held.ok) return answerOnly(held)
  const satisfying =
    request.addresses.length > 0 ? selectNamed(held.value, request) : selectCounted(view, held.value, request)
  const missing = subtract(request, satisfying)
  const { handle } = request
  const unchanged = success({ handle, addresses: satisfying, isAdded: false })
  if (missing === undefined) return answerOnly(unchanged)
  const { answer, writes } = planAssign(view, missing, context)
  if (!answer.ok) {
    // A caller that accepts fewer addresses has some already when it repeats the call.
    const isSatisfied = request.partial && satisfying.length > 0 && shortages.has(answer.refusal.reason)
    if (isSatisfied) return answerOnly(unchanged)
    const { reason, message, causes } = answer.refusal
    return answerOnly(refuse(reason, message, restoreFields(causes, missing.addresses, request.addresses)))
  }
  return { answer: success({ handle, addresses: [...satisfying, ...answer.value.addresses], isAdded: true }), writes }
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

function selectNamed(held: readonly Allocation[], request: AssignRequest): readonly Allocation[] {
  return held.filter(({ address }) => request.addresses.some((wanted) => compareAddresses(wanted, address) === 0))
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
    const addresses = request.addresses.filter((wanted) => {
      return !satisfying.some(({ address }) => compareAddresses(wanted, address) === 0)
    })
    return addresses.length === 0 ? undefined : { ...request, addresses }
  }
  const missing = (family: IpFamily): number => {
    const count = satisfying.filter(({ address }) => address.family === family).length
    return Math.max(0, request.counts[family] - count)
  }
  const counts = { 4: missing(4), 6: missing(6) }
  return counts[4] + counts[6] === 0 ? undefined : { ...request, counts }
}
