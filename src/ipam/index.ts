/** The allocator: pure plans over the datastore's view. */
export { assignedAtOf, type HolderAttributes } from './allocation.ts'
export {
  type EnsureAnswer,
  type EnsureEachAnswer,
  planAssign,
  planEnsure,
  planEnsureEach,
  type WantedAddress,
} from './assign/index.ts'
export {
  type BlockClaim,
  type BlockFailure,
  type BlockRelease,
  type ClaimRequest,
  type Collected,
  countBlocks,
  emptyPool,
  type FailedBlock,
  planClaimBlocks,
  planCollectCooled,
  planCollectEmpty,
  planReadCooldown,
  planReleaseBlocks,
  planRemoveNode,
  proveBlocks,
  type ReleaseScope,
} from './blocks/index.ts'
export {
  check,
  type CheckCode,
  checkCodes,
  type Finding,
  findingFilter,
  leakOf,
  planRepair,
  readCheckTerms,
  type RepairAnswer,
} from './check/index.ts'
export { type HolderChange, type AddressHolders, planChangeHolders, planReadHolders } from './holder-attributes.ts'
export {
  type AddressFilter,
  type AddressOrder,
  blockPathPrefixes,
  comparisonOf,
  countInRange,
  handleChanged,
  HolderCount,
  mayMatch,
  planCountHeld,
  planFindBlocksOnNode,
  planReadAddress,
  planReadFree,
  planReadBlocks,
  planReadHandle,
  planReadUtilization,
  PoolsAtRevision,
  selectAddresses,
  selectReadable,
  type SelectedAddress,
  sortFields,
  type SortKey,
  sortKeyOf,
  type CountedBlock,
  type CountedPool,
} from './read/index.ts'
export {
  itemOf,
  type OutcomeOfRelease,
  planRelease,
  planReleaseAddress,
  planReleaseHandle,
  planReleaseHeld,
  planRemoveEndpoints,
  releasedTogetherMax,
  requireAnyDone,
} from './release/index.ts'
export { isAnyStale, planGiveBackCharges, planReadQuotas, type QuotaUsage } from './quotas.ts'
export { type Reach, reachOf, reading } from './reach.ts'
export type {
  Allocation,
  AssignAnswer,
  AssignRequest,
  HandleSnapshot,
  IpamContext,
  ReleaseAnswer,
  ReleaseItem,
} from './request.ts'
export { availabilityOf, poolsIn, requireUnlocked } from './surroundings.ts'
