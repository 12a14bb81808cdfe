import type { Pool } from '../../model/index.ts'
import { formatCidr } from '../../net/index.ts'
import { answerOnly, type Plan, type Result, success, type View } from '../../plan/index.ts'
import { reachOf, reading, visiblePools } from '../reach.ts'
import type { IpamContext } from '../request.ts'
import type { PoolCounts } from './count-addresses.ts'
import { poolCounterOf } from './pool-counter.ts'
import { type CountedPool, readBasis } from './utilization.ts'

/** The fields by which pools can be sorted. */
export const poolSortFields = ['name', 'percentInUse', 'inUse', 'available', 'capacity'] as const

/** The states of pools by which they can be selected. */
export const poolStates = ['Assigning', 'Disabled', 'Terminating', 'Unusable'] as const

/** What a pool does: it assigns addresses, or the first of the reasons why it does not. */
export type PoolState = (typeof poolStates)[number]

/** An order of pools. Pools with the same value are in the order of their names. */
export interface PoolOrder {
  readonly by: (typeof poolSortFields)[number]
  readonly isDescending: boolean
}

/** Which pools to list, in which order. */
export interface PoolsRequest {
  /** Only pools with this text in the name or the CIDR, in any case. */
  readonly text: string
  /** Only pools in this state; in any when undefined. */
  readonly state?: PoolState | undefined
  readonly order: PoolOrder
  /** The last pool of the page before: the value that it was sorted by, and its name. */
  readonly after: PoolPlace | undefined
  readonly limit: number
}

/** A place in an order of pools. */
export interface PoolPlace {
  readonly value: number
  readonly name: string
}

/** A page of pools. */
export interface PoolsAnswer {
  readonly pools: readonly CountedPool[]
  /** The number of pools on all pages. */
  readonly total: number
  /** The last pool of this page; undefined on the last page. */
  readonly last: PoolPlace | undefined
}

/**
 * Lists pools with the counts of their addresses, from the index of blocks. Each page shows its own moment: a pool that changes its place
 * meanwhile may be on two pages, or on none.
 */
export function planListPools(view: View, request: PoolsRequest, context: IpamContext): Plan<Result<PoolsAnswer>> {
  const { rights, blocks } = context
  const { stored, terms } = readBasis(view, context)
  const counts = poolCounterOf(blocks).count(stored, terms)
  const listing = reading.pools[1]
  const reach = reachOf(rights, stored, listing)
  const wanted = request.text.toLowerCase()
  const { by, isDescending } = request.order
  const direction = isDescending ? -1 : 1
  const isAfter = (place: PoolPlace, other: PoolPlace): boolean =>
    place.value === other.value ? place.name > other.name : direction * (place.value - other.value) > 0
  const selected: (PoolPlace & CountedPool)[] = []
  for (const pool of visiblePools(rights, stored, listing).all) {
    const usage = counts.get(pool)
    const isListed = reach.includesPool(pool, undefined) && (wanted === '' || hasText(pool, wanted))
    const isInState = request.state === undefined || stateOf(pool) === request.state
    if (usage !== undefined && isListed && isInState) {
      selected.push({ pool, usage, name: pool.name, value: valueOf(usage, by) })
    }
  }
  const { after, limit } = request
  const following = after === undefined ? selected : selected.filter((place) => isAfter(place, after))
  // Pools with the same value stay in the order of their names, in which they come.
  const page = following.sort((one, other) => direction * (one.value - other.value))
  const last = page.length > limit ? page[limit - 1] : undefined
  return answerOnly(
    success({
      pools: page.slice(0, limit).map(({ pool, usage }) => ({ pool, usage })),
      total: selected.length,
      last: last && { value: last.value, name: last.name },
    }),
  )
}

function stateOf({ isAllocatable, isDisabled, isTerminating }: Pool): PoolState {
  if (isAllocatable) return 'Assigning'
  if (isTerminating) return 'Terminating'
  return isDisabled ? 'Disabled' : 'Unusable'
}

function hasText({ name, cidr }: Pool, text: string): boolean {
  return name.toLowerCase().includes(text) || formatCidr(cidr).includes(text)
}

/** The number to sort by; for the name, the same for all pools. */
function valueOf(usage: PoolCounts, by: PoolOrder['by']): number {
  switch (by) {
    case 'name':
      return 0
    case 'percentInUse':
      return Number(usage.inUse) / Number(usage.capacity)
    case 'inUse':
    case 'available':
    case 'capacity':
      return Number(usage[by])
  }
}
