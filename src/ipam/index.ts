/** The allocator: pure plans over the datastore's view. */
export { planAssign } from './assign.ts'
export { planEnsure } from './ensure.ts'
export { type Once, planOnce } from './once.ts'
export { planReadAddress, planReadHandle } from './read.ts'
export { planRelease, planReleaseHandle } from './release.ts'
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
