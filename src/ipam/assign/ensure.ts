import { type Address, compareAddresses, formatCidr, type IpFamily } from '../../net/index.ts'
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
import { heldBy } from '../read/index.ts'
import type { Allocation, AssignAnswer, AssignRequest, Context } from '../request.ts'
import { poolOf, readPools } from '../surroundings.ts'
import { planAssign } from './assign.ts'

/** What satisfies a wish that may be repeated. */
export interface EnsureAnswer extends AssignAnswer {
  /** Whether something was assigned to get there. */
  readonly isAdded: boolean
}

/**
 * Sees to it that a handle holds at least what the request asks for: what it holds already counts, by family and pool or by the very
 * addresses; what is missing is assigned, all or nothing; nothing is ever released. So the same call can be made any number of
 * times. @see docs/guarantees.md, "Safe to repeat"
 */
export function planEnsure(view: View, request: AssignRequest, context: Context): Plan<Result<EnsureAnswer>> {
  const held = heldBy(view, request.handle, context)
  if (!held.ok) return answerOnly(held)
  const { allocations, unreadable } = held.value
  if (unreadable.length > 0) {
    const blocks = unreadable.map(formatCidr).join(', ')
    const message = `What ${JSON.stringify(request.handle)} holds is not known, as stored blocks cannot be read: ${blocks}`
    return answerOnly(refuse('Conflict', message))
  }
  const satisfying = request.addresses.length > 0 ? named(allocations, request) : counted(view, allocations, request)
  const missing = remainder(request, satisfying)
  const { handle } = request
  const unchanged = success({ handle, addresses: satisfying, isAdded: false })
  if (missing === undefined) return answerOnly(unchanged)
  const { answer, writes } = planAssign(view, missing, context)
  if (!answer.ok) {
    // Who is content with less has that already when the call is repeated.
    const isContent = request.partial && satisfying.length > 0 && shortages.has(answer.refusal.reason)
    if (isContent) return answerOnly(unchanged)
    const { reason, message, causes } = answer.refusal
    return answerOnly(refuse(reason, message, causes.map(placedIn(request.addresses, missing.addresses))))
  }
  return { answer: success({ handle, addresses: [...satisfying, ...answer.value.addresses], isAdded: true }), writes }
}

/** Why an assignment gives less than is asked for, though nothing is wrong with what is asked for. */
const shortages: ReadonlySet<Reason> = new Set(['InsufficientAddresses', 'AddressInUse'])

/** Lets a cause name an address by its place among those of the request, of which only the missing ones were asked for. */
function placedIn(all: readonly Address[], missing: readonly Address[]): (cause: Cause) => Cause {
  const fields = missing.map((address, index): readonly [string, string] => [
    fieldOf(index),
    fieldOf(all.indexOf(address)),
  ])
  const places = new Map(fields)
  return (cause) => ({ ...cause, field: places.get(cause.field) ?? cause.field })
}

function fieldOf(index: number): string {
  return `addresses[${String(index)}]`
}

function named(held: readonly Allocation[], request: AssignRequest): readonly Allocation[] {
  return held.filter(({ address }) => request.addresses.some((wanted) => compareAddresses(wanted, address) === 0))
}

function counted(view: View, held: readonly Allocation[], request: AssignRequest): readonly Allocation[] {
  const ofFamily = held.filter(({ address }) => request.counts[address.family] > 0)
  if (request.pools.length === 0) return ofFamily
  const pools = readPools(view)
  return ofFamily.filter(({ address }) => {
    const pool = poolOf(pools, address)
    return pool !== undefined && request.pools.some((reference) => isNamed(pool, reference))
  })
}

/** What is still to be assigned; undefined when that is nothing. */
function remainder(request: AssignRequest, satisfying: readonly Allocation[]): AssignRequest | undefined {
  if (request.addresses.length > 0) {
    const addresses = request.addresses.filter((wanted) => {
      return !satisfying.some(({ address }) => compareAddresses(wanted, address) === 0)
    })
    return addresses.length === 0 ? undefined : { ...request, addresses }
  }
  const lacking = (family: IpFamily): number => {
    const has = satisfying.filter(({ address }) => address.family === family).length
    return Math.max(0, request.counts[family] - has)
  }
  const counts = { 4: lacking(4), 6: lacking(6) }
  return counts[4] + counts[6] === 0 ? undefined : { ...request, counts }
}
