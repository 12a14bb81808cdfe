/** Reads: who holds an address, what a handle holds, lists of addresses and blocks, and how full pools are. */
export { countInRange, type PoolCounts } from './count-addresses.ts'
export { findHeld, type HeldAddress, planReadAddress, planReadHandle, readHoldings } from './held-addresses.ts'
export {
  type AddressFilter,
  blockPathPrefix,
  mayFulfil,
  PoolsAtRevision,
  selectAddresses,
  type SelectedAddress,
} from './select-addresses.ts'
export { planReadBlocks, planReadUtilization, type UsedBlock, type UsedPool } from './utilization.ts'
