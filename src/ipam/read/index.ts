/** Reads: who holds an address, what a handle holds, lists of addresses and blocks, and how full pools are. */
export { countInRange, type PoolCounts } from './count-addresses.ts'
export { HolderCount } from './count-holders.ts'
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
