/** Reading: addresses, handles, blocks, and how full pools are. */
export { findHeld, type HeldAddress, heldBy, planReadAddress, planReadHandle } from './read.ts'
export {
  type AddressFilter,
  blockPathPrefix,
  mayFulfil,
  PoolsAtRevision,
  selectAddresses,
  type SelectedAddress,
} from './select-addresses.ts'
export { type PoolUsage, usageOfRange } from './usage.ts'
export { planReadBlocks, planReadUtilization, type UsedBlock, type UsedPool } from './utilization.ts'
