import type { TSchema } from '@sinclair/typebox'
import {
  AffinityRelease,
  Claim,
  ClaimRequest,
  FailedBlock,
  ForgottenNode,
  ReleasedBlock,
  StaleClaim,
} from './affinity.ts'
import { AssignRequest, EnsureRequest } from './assign-request.ts'
import { AddressList, Allocation, Assignment } from './assignment.ts'
import { CheckFinding, CheckReport, Repair, RepairReport, RepairRequest } from './check.ts'
import { Ownership, OwnersRequest, SwapRequest, Usage, UsageRequest } from './ownership.ts'
import { SplitAnswer, SplitRequest } from './pool-split.ts'
import { FailedRelease, Release, ReleaseItem, ReleaseRequest } from './release.ts'
import { Health, Version } from './health.ts'
import { Status, StatusCause, StatusDetails } from './status.ts'
import { BlockList, BlockUtilization, PoolUtilization, Utilization } from './utilization.ts'

/** All schemas that routes refer to by `$id`, except those of resources. */
export const schemas: readonly TSchema[] = [
  StatusCause,
  StatusDetails,
  Status,
  Health,
  Version,
  AssignRequest,
  EnsureRequest,
  Allocation,
  Assignment,
  AddressList,
  ReleaseItem,
  ReleaseRequest,
  FailedRelease,
  Release,
  Usage,
  UsageRequest,
  Ownership,
  OwnersRequest,
  SwapRequest,
  PoolUtilization,
  BlockUtilization,
  Utilization,
  BlockList,
  FailedBlock,
  ClaimRequest,
  Claim,
  ReleasedBlock,
  StaleClaim,
  AffinityRelease,
  ForgottenNode,
  CheckFinding,
  CheckReport,
  RepairRequest,
  Repair,
  RepairReport,
  SplitRequest,
  SplitAnswer,
]
