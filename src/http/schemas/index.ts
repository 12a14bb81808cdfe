/** The schemas of requests and responses. */
export {
  AffinityReleaseResponse,
  blockFailures,
  cidrField,
  ClaimResponse,
  ClaimBody,
  RemovedNodeResponse,
  poolField,
  ReleasedBlockItem,
  StaleAffinityItem,
} from './affinity.ts'
export { schemas } from './all.ts'
export {
  answer,
  type Answer,
  located,
  problems,
  problemsOfGuarded,
  problemsOfRepeatable,
  repeatable,
} from './answers.ts'
export { AssignBody, EnsureAddressesBody, EnsureBody } from './assign-request.ts'
export { AddressList, AllocationItem, AssignmentResponse, EnsuredAddresses, HandleList } from './assignment.ts'
export { CheckFinding, CheckReport, exampleFinding, type RepairOutcome, RepairReport, RepairBody } from './check.ts'
export {
  attributeKeyPattern,
  closed,
  constantName,
  handle,
  name,
  newHandle,
  oneOf,
  pageFields,
  pageMax,
  ref,
} from './fields.ts'
export { HoldersResponse, HoldersBody, SwapBody, UsageBodyItem } from './ownership.ts'
export { AddressMap, AddressStates } from './map.ts'
export { SplitResponse, SplitBody } from './pool-split.ts'
export { type QuotaItem, QuotaList } from './quota.ts'
export { holderKinds, PoolHolderList, PoolList, TrendList } from './pools.ts'
export { failedReasons, ReleaseResponse, ReleaseBodyItem, ReleaseBody } from './release.ts'
export {
  DeleteCollectionQuery,
  DeleteQuery,
  isTrue,
  ListQuery,
  namePath,
  PatchQuery,
  ReadQuery,
  watchParameters,
  WriteQuery,
} from './resource-queries.ts'
export { JsonPatch, kindSchemas, MergePatch, pluralOf, resourceSchemas } from './resource.ts'
export { HealthResponse, VersionResponse } from './health.ts'
export { AssignExplanation, foundKinds, MatchedNodes, SearchAnswer } from './search.ts'
export { statusOf } from './status.ts'
export { BlockList, BlockUtilization, FreeRangeList, PoolUtilization, Utilization } from './utilization.ts'
