import {
  type Cause,
  type CauseReason,
  type Pool,
  type PoolSelector,
  type PoolUse,
  refuse,
  type Result,
  success,
} from '../model/index.ts'
import { type Family, parseCidr, sameCidr } from '../net/index.ts'
import { matches } from '../selector/index.ts'
import type { AssignRequest } from './request.ts'
import type { Pools, UnreadablePool } from './surroundings.ts'

/** The pools that may serve a request, and for every other one why not. */
export interface EligiblePools {
  readonly pools: readonly Pool[]
  readonly causes: readonly Cause[]
}

/**
 * Which pools of one address family serve an automatic assignment, in the order in which they are used: those asked for, in the
 * order asked for, else all automatic ones whose selectors match, by name. Refused when a pool asked for does not exist or
 * gives no addresses, and when a selector that must be evaluated cannot be read.
 * @see calico-ipam.md section 1.3
 */
export function eligiblePools(
  stored: Pools,
  family: Family,
  request: AssignRequest,
  use: PoolUse,
  nodeLabels: Readonly<Record<string, string>>,
): Result<EligiblePools> {
  const ofFamily = stored.all.filter((pool) => pool.cidr.family === family)
  // Of pools that nobody asked for there is nothing to say when some are asked for.
  const isAnyMeant = request.pools.length === 0
  const causes: Cause[] = isAnyMeant ? stored.unreadable.map(unreadablePool) : []
  const allocatable: Pool[] = []
  for (const pool of ofFamily) {
    if (pool.isAllocatable) allocatable.push(pool)
    else if (isAnyMeant) causes.push(notAllocatable(pool))
  }
  const selected =
    request.pools.length > 0
      ? requestedPools(stored, family, allocatable, request.pools)
      : selectedPools(allocatable, nodeLabels, request.namespaceLabels, causes)
  if (!selected.ok) return selected
  const pools = selected.value.filter((pool) => {
    if (pool.allowedUses.includes(use)) return true
    causes.push(cause(pool.name, 'PoolNotForUse', `allows ${pool.allowedUses.join(', ')}; the use is ${use}`))
    return false
  })
  if (pools.length === 0 && causes.length === 0) {
    causes.push({ field: 'pools', reason: 'NoPool', message: `there is no IPv${String(family)} pool; create one` })
  }
  return success({ pools, causes })
}

/** Why a pool gives no addresses to anybody. */
export function notAllocatable(pool: Pool): Cause {
  if (pool.isTerminating) return cause(pool.name, 'PoolTerminating', 'is being deleted')
  if (pool.isDisabled) return cause(pool.name, 'PoolDisabled', 'is disabled (spec.disabled)')
  return cause(pool.name, 'PoolDisabled', 'has the condition Allocatable=False, or a spec that cannot be used')
}

function requestedPools(
  stored: Pools,
  family: Family,
  allocatable: readonly Pool[],
  requested: readonly string[],
): Result<readonly Pool[]> {
  const unknown: Cause[] = []
  const refused: Cause[] = []
  const pools: Pool[] = []
  for (const [index, reference] of requested.entries()) {
    const pool = stored.all.find((one) => isNamed(one, reference))
    const unreadable = stored.unreadable.find(({ name }) => name === reference)
    if (unreadable !== undefined) refused.push(unreadablePool(unreadable))
    else if (pool === undefined) {
      const field = `pools[${String(index)}]`
      unknown.push({
        field,
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${JSON.stringify(reference)}: no pool has this name or CIDR`,
      })
    } else if (pool.cidr.family === family) {
      if (allocatable.includes(pool)) pools.push(pool)
      else refused.push(notAllocatable(pool))
    }
  }
  if (unknown.length > 0) return refuse('Invalid', 'A pool that was asked for does not exist.', unknown)
  if (refused.length > 0)
    return refuse('InsufficientAddresses', 'A pool that was asked for gives no addresses.', refused)
  if (pools.length > 0) return success([...new Set(pools)])
  const message = `names no IPv${String(family)} pool, and an IPv${String(family)} address is wanted`
  return refuse('Invalid', `The pools asked for hold no IPv${String(family)} addresses.`, [
    { field: 'pools', reason: 'FieldValueInvalid', message },
  ])
}

/** Whether `reference`, a name or a CIDR, means `pool`. */
export function isNamed(pool: Pool, reference: string): boolean {
  if (pool.name === reference) return true
  const cidr = parseCidr(reference)
  return cidr !== undefined && sameCidr(cidr, pool.cidr)
}

function selectedPools(
  allocatable: readonly Pool[],
  nodeLabels: Readonly<Record<string, string>>,
  namespaceLabels: Readonly<Record<string, string>>,
  causes: Cause[],
): Result<readonly Pool[]> {
  const pools: Pool[] = []
  for (const pool of allocatable) {
    const { nodeSelector, namespaceSelector } = pool
    if (pool.assignmentMode !== 'Automatic') {
      causes.push(cause(pool.name, 'PoolNotAutomatic', 'is used only when asked for (spec.assignmentMode is Manual)'))
    } else if (!nodeSelector.ok) {
      return refuseSelector(pool, nodeSelector)
    } else if (!namespaceSelector.ok) {
      return refuseSelector(pool, namespaceSelector)
    } else if (!matches(nodeSelector.selector, nodeLabels)) {
      causes.push(cause(pool.name, 'PoolNotForNode', `its nodeSelector ${nodeSelector.text} does not match the node`))
    } else if (!matches(namespaceSelector.selector, namespaceLabels)) {
      const message = `its namespaceSelector ${namespaceSelector.text} does not match the namespace`
      causes.push(cause(pool.name, 'PoolNotForNamespace', message))
    } else {
      pools.push(pool)
    }
  }
  return success(pools)
}

function unreadablePool({ name, problem }: UnreadablePool): Cause {
  return cause(name, 'PoolUnreadable', `cannot be read: ${problem}`)
}

function refuseSelector(pool: Pool, { text, problem }: Extract<PoolSelector, { readonly ok: false }>): Result<never> {
  const message = `The stored selector ${JSON.stringify(text)} of pool ${pool.name} cannot be read.`
  return refuse('Conflict', message, [cause(pool.name, 'PoolUnreadable', problem)])
}

function cause(pool: string, reason: CauseReason, message: string): Cause {
  return { field: `pools[${pool}]`, reason, message: `pool ${pool} ${message}` }
}
