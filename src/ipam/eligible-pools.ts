import type { Rights } from '../access/index.ts'
import type { Pool, PoolSelector, PoolUse } from '../model/index.ts'
import { bits, type IpFamily, parseCidr, isSameCidr } from '../net/index.ts'
import { type Cause, type CauseReason, listSome, refuse, type Result, shorten, success } from '../plan/index.ts'
import { matches } from '../selector/index.ts'
import { assigning, deniedIn, type Reach, reachOf, visiblePools } from './reach.ts'
import type { AssignRequest } from './request.ts'
import { onceFor, type Pools, type UnreadablePool } from './surroundings.ts'

/** The pools that may serve a request, and the reasons why the others do not. */
export interface EligiblePools {
  readonly pools: readonly Pool[]
  /** The pools chosen by selectors or by name, also those for another use. */
  readonly chosen: readonly Pool[]
  readonly causes: readonly Cause[]
}

/**
 * Finds the pools of one address family that serve an automatic assignment, in the order in which they are used: the requested pools in
 * the order of the request, or else all automatic pools whose selectors match, by name. Refused if a requested pool does not exist or
 * gives no addresses, or if a selector that must be evaluated cannot be read.
 * @see docs/calico/ipam.md section 1.3
 */
export function eligiblePools(
  stored: Pools,
  family: IpFamily,
  request: AssignRequest,
  use: PoolUse,
  nodeLabels: Readonly<Record<string, string>>,
  rights: Rights,
): Result<EligiblePools> {
  const isRequested = request.pools.length > 0
  const visible = visiblePools(rights, stored, assigning)
  const reach = reachOf(rights, stored, assigning)
  const isUsable = (pool: Pool): boolean => reach.includesPool(pool, request.handle)
  const chosen = isRequested
    ? requestedPools(visible, family, request)
    : selectedPools(usablePools(reach)(visible), family, nodeLabels, request.namespaceLabels)
  if (!chosen.ok) return chosen
  const forbidden = isRequested ? chosen.value.find((pool) => !isUsable(pool)) : undefined
  if (forbidden !== undefined) return { ok: false, refusal: deniedIn(rights, assigning, forbidden, request.handle) }
  const pools = chosen.value.filter((pool) => {
    return pool.allowedUses.includes(use) && blocksTooSmall(pool, request) === undefined && isUsable(pool)
  })
  return success({
    pools,
    chosen: chosen.value,
    // Computed on demand: most requests are served and need no causes.
    get causes() {
      const causes = [
        // If the request names pools, report no causes for the others.
        ...(isRequested ? [] : notChosen(visible, isUsable, family, nodeLabels, request)),
        ...chosen.value
          .filter((pool) => !pools.includes(pool) && isUsable(pool))
          .map((pool) => blocksTooSmall(pool, request) ?? notForUse(pool, use)),
      ]
      return pools.length === 0 && causes.length === 0 ? [noPool(family, rights)] : causes
    },
  })
}

/** Selects those of the pools in which the caller may act for some handle. */
const usablePools = onceFor((reach: Reach) =>
  onceFor(
    (stored: Pools): Pools =>
      reach.isUnlimited ? stored : { ...stored, all: stored.all.filter((pool) => reach.touchesPool(pool)) },
  ),
)

/** The reason why a pool gives no addresses at all. */
export function notAllocatable(pool: Pool): Cause {
  if (pool.isTerminating) return cause(pool.name, 'PoolTerminating', 'is being deleted')
  if (pool.isDisabled) return cause(pool.name, 'PoolDisabled', 'is disabled (spec.disabled)')
  const [invalid] = pool.invalidFields
  const obstacle = invalid ? `cannot be used: ${invalid.problem}` : 'has the condition Allocatable=False'
  return cause(pool.name, 'PoolDisabled', obstacle)
}

/** The reason why the blocks of a pool are too small for a host that keeps some addresses of each; undefined if they are not. */
function blocksTooSmall(pool: Pool, { hostReserved }: AssignRequest): Cause | undefined {
  const { start, end } = hostReserved?.[pool.cidr.family] ?? { start: 0, end: 0 }
  // As many bits as the number of reserved addresses needs must be left, as in Calico.
  const longest = bits(pool.cidr.family) - (start + end).toString(2).length
  if (start + end === 0 || pool.blockSize <= longest) return undefined
  const message = `has blocks of size ${String(pool.blockSize)}, too small for ${String(start + end)} reserved addresses`
  return cause(pool.name, 'PoolBlocksTooSmall', message)
}

function requestedPools(stored: Pools, family: IpFamily, request: AssignRequest): Result<readonly Pool[]> {
  const unknown: UnknownPool[] = []
  const refused: Cause[] = []
  const pools: Pool[] = []
  for (const [index, reference] of request.pools.entries()) {
    const pool = stored.all.find((one) => isNamed(one, reference))
    const unreadable = stored.unreadable.find(({ name }) => name === reference)
    if (unreadable !== undefined) refused.push(unreadablePool(unreadable))
    else if (pool === undefined) {
      const field = `pools[${String(index)}]`
      unknown.push({ field, reference })
    } else if (pool.cidr.family === family) {
      const obstacle = pool.isAllocatable ? blocksTooSmall(pool, request) : notAllocatable(pool)
      if (obstacle === undefined) pools.push(pool)
      else refused.push(obstacle)
    }
  }
  if (unknown.length > 0) return refuseUnknownPools(unknown)
  if (refused.length > 0) return refuse('InsufficientAddresses', sentenceOf(refused), refused)
  if (pools.length > 0) return success([...new Set(pools)])
  const message = `names no IPv${String(family)} pool, and an IPv${String(family)} address is wanted`
  return refuse('Invalid', `There are no IPv${String(family)} addresses in ${listSome(request.pools, ', ')}.`, [
    { field: 'pools', reason: 'FieldValueInvalid', message },
  ])
}

/** A field of a request, and the name or CIDR in it that no pool has. */
export interface UnknownPool {
  readonly field: string
  readonly reference: string
}

/** Refuses a request that names pools which do not exist or cannot be read. */
export function refuseUnknownPools(unknown: readonly UnknownPool[]): Result<never> {
  const names = listSome(
    unknown.map(({ reference }) => shorten(reference)),
    ', ',
  )
  return refuse(
    'Invalid',
    unknown.length === 1 ? `Pool ${names} does not exist.` : `Pools ${names} do not exist.`,
    unknown.map(({ field, reference }) => {
      const message = `${JSON.stringify(shorten(reference))}: no pool that can be read has this name or CIDR`
      return { field, reason: 'FieldValueInvalid', message }
    }),
  )
}

/** The first causes as one sentence. */
function sentenceOf(causes: readonly Cause[]): string {
  const text = listSome(causes.map(({ message }) => message))
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

/** True if `reference`, a name or a CIDR, means `pool`. */
export function isNamed(pool: Pool, reference: string): boolean {
  if (pool.name === reference) return true
  const cidr = parseCidr(reference)
  return cidr !== undefined && isSameCidr(cidr, pool.cidr)
}

/** The pools of one family that give addresses at all. */
function allocatable(stored: Pools, family: IpFamily): readonly Pool[] {
  return stored.all.filter((pool) => pool.cidr.family === family && pool.isAllocatable)
}

function selectedPools(
  stored: Pools,
  family: IpFamily,
  nodeLabels: Labels,
  namespaceLabels: Labels,
): Result<readonly Pool[]> {
  const forNode = poolsForNode(stored)[family](nodeLabels)
  if (!forNode.ok) return forNode
  const pools = forNode.value.filter(
    ({ namespaceSelector }) => namespaceSelector.ok && matches(namespaceSelector.selector, namespaceLabels),
  )
  return success(pools)
}

type Labels = Readonly<Record<string, string>>

/**
 * The pools that the selectors choose for a node. Evaluated once for each node while neither its labels nor any pool change, because there
 * may be a hundred pools and every assignment needs them.
 */
const poolsForNode = onceFor((stored: Pools) => {
  const of = (family: IpFamily): ((nodeLabels: Labels) => Result<readonly Pool[]>) => {
    const candidates = allocatable(stored, family)
    return onceFor((nodeLabels: Labels) => evaluateForNode(candidates, nodeLabels))
  }
  return { 4: of(4), 6: of(6) }
})

function evaluateForNode(candidates: readonly Pool[], nodeLabels: Labels): Result<readonly Pool[]> {
  const pools: Pool[] = []
  for (const pool of candidates) {
    const { assignmentMode, nodeSelector, namespaceSelector } = pool
    if (assignmentMode !== 'Automatic') continue
    if (!nodeSelector.ok) return refuseSelector(pool, nodeSelector)
    if (!namespaceSelector.ok) return refuseSelector(pool, namespaceSelector)
    if (matches(nodeSelector.selector, nodeLabels)) pools.push(pool)
  }
  return success(pools)
}

/** The reasons why the other pools are not chosen, for a request that names no pools. */
function notChosen(
  stored: Pools,
  isUsable: (pool: Pool) => boolean,
  family: IpFamily,
  nodeLabels: Labels,
  request: AssignRequest,
): readonly Cause[] {
  return [
    ...stored.unreadable.map(unreadablePool),
    ...stored.all.flatMap((pool) => (pool.cidr.family === family && !pool.isAllocatable ? [notAllocatable(pool)] : [])),
    ...allocatable(stored, family).flatMap((pool) =>
      isUsable(pool) ? notSelected(pool, nodeLabels, request) : [notForCaller(pool, request)],
    ),
  ]
}

/** The most characters of a stored selector that a message quotes: any selector that Calico's schema allows. */
const selectorShownMax = 1_024

/** The reason why the selectors or the mode of a pool do not choose it; none if they do. Its selectors can be read. */
function notSelected(pool: Pool, nodeLabels: Labels, { namespaceLabels }: AssignRequest): readonly Cause[] {
  const { assignmentMode, nodeSelector, namespaceSelector } = pool
  if (assignmentMode !== 'Automatic') {
    return [cause(pool.name, 'PoolNotAutomatic', 'is used only when asked for (spec.assignmentMode is Manual)')]
  }
  if (nodeSelector.ok && !matches(nodeSelector.selector, nodeLabels)) {
    const message = `is not for the node, which its nodeSelector ${shorten(nodeSelector.text, selectorShownMax)} does not match`
    return [cause(pool.name, 'PoolNotForNode', message)]
  }
  if (namespaceSelector.ok && !matches(namespaceSelector.selector, namespaceLabels)) {
    const message = `is not for the namespace, which its namespaceSelector ${shorten(namespaceSelector.text, selectorShownMax)} does not match`
    return [cause(pool.name, 'PoolNotForNamespace', message)]
  }
  return []
}

function notForUse(pool: Pool, use: PoolUse): Cause {
  return cause(pool.name, 'PoolNotForUse', `allows ${pool.allowedUses.join(', ')}; the use is ${use}`)
}

function notForCaller(pool: Pool, { handle }: AssignRequest): Cause {
  return cause(
    pool.name,
    'FieldValueForbidden',
    `gives you no addresses for the handle ${JSON.stringify(shorten(handle))}`,
  )
}

function noPool(family: IpFamily, { isUnlimited }: Rights): Cause {
  const help = isUnlimited ? '; create one' : ' that you may use'
  return { field: 'pools', reason: 'NoPool', message: `there is no IPv${String(family)} pool${help}` }
}

function unreadablePool({ name, problem }: UnreadablePool): Cause {
  return cause(name, 'PoolUnreadable', `cannot be read: ${problem}`)
}

function refuseSelector(pool: Pool, { text, problem }: Extract<PoolSelector, { readonly ok: false }>): Result<never> {
  const message = `The stored selector ${shorten(JSON.stringify(text), selectorShownMax)} of pool ${pool.name} cannot be read.`
  return refuse('Conflict', message, [cause(pool.name, 'PoolUnreadable', problem)])
}

function cause(pool: string, reason: CauseReason, message: string): Cause {
  return { field: `pools[${pool}]`, reason, message: `pool ${pool} ${message}` }
}
