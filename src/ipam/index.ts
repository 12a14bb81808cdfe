/** The allocator: pure plans over the datastore's view. */
export type { Usage } from './allocation.ts'
export { planAssign } from './assign.ts'
export { type BlockFailure, type ClaimRequest, type ClaimStep, type FailedBlock, planClaim } from './claim-affinity.ts'
export { planEnsure } from './ensure.ts'
export { type Once, planOnce } from './once.ts'
export { type OwnerChange, type Ownership, planChangeOwners, planReadOwners } from './owner-attributes.ts'
export { planReadAddress, planReadHandle } from './read.ts'
export { planReadBlocks, planReadUtilization, type UsedBlock, type UsedPool } from './read-utilization.ts'
export { planForgetNode, planReleaseAffinity, type ReleaseScope, type ReleaseStep } from './release-affinity.ts'
export { planRelease, planReleaseHandle } from './release.ts'
export {
  type AddressFilter,
  blockPathPrefix,
  mayFulfil,
  PoolsAtRevision,
  type SelectedAddress,
  selectAddresses,
} from './select-addresses.ts'
export { planTakeDownNode } from './take-down-node.ts'
export type {
  Allocation,
  AssignAnswer,
  AssignRequest,
  Context,
  FailedRelease,
  HandleReleaseAnswer,
  ReleaseAnswer,
  ReleaseItem,
} from './request.ts'
export { check } from './check/check.ts'
export { type CheckCode, checkCodes, type Finding } from './check/finding.ts'
export { planRepair } from './check/repair.ts'
export type { RepairAnswer } from './check/repair-answers.ts'
export { type CheckTerms, readTerms } from './check/terms.ts'
export { type Collected, planCollectCooled, planCollectEmpty, planReadCooldown } from './collect.ts'
