/** The schemas of requests and responses. */
export {
  AffinityRelease,
  blockFailures,
  cidrField,
  Claim,
  ClaimRequest,
  ForgottenNode,
  poolField,
  ReleasedBlock,
  StaleClaim,
} from './affinity.ts'
export { schemas } from './all.ts'
export { answer, type Answer, problems, problemsOfRepeatable } from './answers.ts'
export { AssignRequest, EnsureRequest } from './assign-request.ts'
export { AddressList, Allocation, Assignment } from './assignment.ts'
export { CheckFinding, CheckReport, exampleFinding, type RepairOutcome, RepairReport, RepairRequest } from './check.ts'
export { closed, constantName, handle, name, oneOf, ref } from './fields.ts'
export { Ownership, OwnersRequest, SwapRequest, UsageRequest } from './ownership.ts'
export { SplitAnswer, SplitRequest } from './pool-split.ts'
export { failedReasons, Release, ReleaseItem, ReleaseRequest } from './release.ts'
export {
  DeleteCollectionQuery,
  DeleteQuery,
  isTrue,
  ListQuery,
  NamePath,
  PatchQuery,
  ReadQuery,
  WriteQuery,
} from './resource-queries.ts'
export { JsonPatch, kindSchemas, MergePatch, pluralOf, resourceSchemas } from './resource.ts'
export { Health, Version } from './health.ts'
export { statusOf } from './status.ts'
export { BlockList, BlockUtilization, PoolUtilization, Utilization } from './utilization.ts'
