/** The allocator: pure plans over the datastore's view. */
export type { Usage } from './allocation.ts'
export { planAssign } from './assign.ts'
export { planEnsure } from './ensure.ts'
export { type Once, planOnce } from './once.ts'
export { type OwnerChange, type Ownership, planChangeOwners, planReadOwners } from './owner-attributes.ts'
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
