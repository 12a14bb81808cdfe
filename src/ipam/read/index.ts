/** Reads: who holds an address, what a handle holds, lists of addresses and blocks, and how full pools are. */
export {
  type AddressMap,
  type MapRequest,
  mapMax,
  planReadAddressStates,
  planReadMap,
} from './address-map.ts'
export { countInRange, countInUse, type PoolCounts } from './count-addresses.ts'
export { HolderCount } from './count-holders.ts'
export { type MatchedNodes, planMatchNodes } from './match-nodes.ts'
export { planListPools, type PoolOrder, type PoolPlace, poolSortFields, poolStates } from './list-pools.ts'
export { addTo, countHolders, type HolderCounts, mostOf, planCountNodes } from './pool-holders.ts'
export { fullAt, PoolTrends } from './pool-trends.ts'
export { type FoundOfKind, planSearch, type SearchRequest } from './search.ts'
export { planReadFree } from './free-ranges.ts'
export {
  findHeldAddress,
  handleChanged,
  type HeldAddress,
  planReadAddress,
  planReadHandle,
  reachable,
  readHoldings,
  selectReadable,
} from './held-addresses.ts'
export { type AddressOrder, comparisonOf, sortFields, type SortKey, sortKeyOf } from './order-addresses.ts'
export {
  type AddressFilter,
  blockPathPrefixes,
  mayMatch,
  PoolsAtRevision,
  selectAddresses,
  type SelectedAddress,
} from './select-addresses.ts'
export {
  planCountHeld,
  planFindBlocksOnNode,
  planReadBlocks,
  planReadUtilization,
  type CountedBlock,
  type CountedPool,
} from './utilization.ts'
