import type { TSchema } from '@sinclair/typebox'
import {
  AffinityReleaseResponse,
  ClaimResponse,
  ClaimBody,
  FailedBlockItem,
  RemovedNodeResponse,
  ReleasedBlockItem,
  StaleAffinityItem,
} from './affinity.ts'
import { AssignBody, EnsureAddressesBody, EnsureBody, WantedAddressItem } from './assign-request.ts'
import {
  AddressList,
  AllocationItem,
  AssignmentResponse,
  EnsuredAddresses,
  HandleItem,
  HandleList,
} from './assignment.ts'
import { CheckFinding, CheckReport, RepairItem, RepairReport, RepairBody } from './check.ts'
import { HoldersResponse, HoldersBody, SwapBody, UsageItem, UsageBodyItem } from './ownership.ts'
import { AddressMap, AddressStates } from './map.ts'
import { SplitResponse, SplitBody } from './pool-split.ts'
import { PoolHolderList, PoolList, TrendList } from './pools.ts'
import { QuotaItem, QuotaList } from './quota.ts'
import { FailedReleaseItem, ReleaseResponse, ReleaseBodyItem, ReleaseBody } from './release.ts'
import { HealthResponse, VersionResponse } from './health.ts'
import { AssignExplanation, MatchedNodes, SearchAnswer } from './search.ts'
import { Status, StatusCause, StatusDetails } from './status.ts'
import { BlockList, BlockUtilization, FreeRangeList, PoolUtilization, Utilization } from './utilization.ts'

/** All schemas that routes refer to by `$id`, except those of resources. */
export const schemas: readonly TSchema[] = [
  StatusCause,
  StatusDetails,
  Status,
  HealthResponse,
  VersionResponse,
  AssignBody,
  EnsureBody,
  WantedAddressItem,
  EnsureAddressesBody,
  AllocationItem,
  AssignmentResponse,
  EnsuredAddresses,
  AddressList,
  HandleItem,
  HandleList,
  ReleaseBodyItem,
  ReleaseBody,
  FailedReleaseItem,
  ReleaseResponse,
  UsageItem,
  UsageBodyItem,
  HoldersResponse,
  HoldersBody,
  SwapBody,
  PoolUtilization,
  BlockUtilization,
  Utilization,
  BlockList,
  FreeRangeList,
  FailedBlockItem,
  ClaimBody,
  ClaimResponse,
  ReleasedBlockItem,
  StaleAffinityItem,
  AffinityReleaseResponse,
  RemovedNodeResponse,
  CheckFinding,
  CheckReport,
  RepairBody,
  RepairItem,
  RepairReport,
  SplitBody,
  SplitResponse,
  QuotaItem,
  QuotaList,
  PoolList,
  TrendList,
  PoolHolderList,
  AddressMap,
  AddressStates,
  SearchAnswer,
  MatchedNodes,
  AssignExplanation,
]
