/** The allocator: pure plans over the datastore's view. */
export type { Usage } from './allocation.ts'
export { planAssign, planEnsure } from './assign/index.ts'
export {
  type BlockFailure,
  type ClaimRequest,
  type ClaimStep,
  type FailedBlock,
  planClaim,
  planCollectCooled,
  planCollectEmpty,
  planForgetNode,
  planReadCooldown,
  planReleaseAffinity,
  type ReleaseScope,
  type ReleaseStep,
} from './blocks/index.ts'
export {
  check,
  type CheckCode,
  checkCodes,
  type Finding,
  planRepair,
  readTerms,
  type RepairAnswer,
} from './check/index.ts'
export { type Once, planOnce } from './once.ts'
export { type OwnerChange, type Ownership, planChangeOwners, planReadOwners } from './owner-attributes.ts'
export {
  type AddressFilter,
  blockPathPrefix,
  mayFulfil,
  planReadAddress,
  planReadBlocks,
  planReadHandle,
  planReadUtilization,
  PoolsAtRevision,
  selectAddresses,
  type SelectedAddress,
  type UsedBlock,
  type UsedPool,
} from './read/index.ts'
export { planRelease, planReleaseHandle, planTakeDownNode } from './release/index.ts'
export type {
  Allocation,
  AssignAnswer,
  AssignRequest,
  Context,
  HandleReleaseAnswer,
  ReleaseAnswer,
  ReleaseItem,
} from './request.ts'
