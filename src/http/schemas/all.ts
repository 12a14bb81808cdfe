import type { TSchema } from '@sinclair/typebox'
import { AddressList } from './address-list.ts'
import { AffinityRelease, Claim, ClaimBody, FailedBlock, ForgottenNode, ReleasedBlock, StaleClaim } from './affinity.ts'
import { AssignBody, EnsureRequest } from './assign-request.ts'
import { Allocation, Assignment } from './assignment.ts'
import { CheckFinding, CheckReport, Repair, RepairReport, RepairRequest } from './check.ts'
import { Ownership, OwnersRequest, SwapRequest, Usage, UsageRequest } from './ownership.ts'
import { SplitAnswer, SplitRequest } from './pool-split.ts'
import { FailedRelease, Release, ReleaseItem, ReleaseRequest } from './release.ts'
import { Health, Version } from './server.ts'
import { Status, StatusCause, StatusDetails } from './status.ts'
import { BlockList, BlockUtilization, PoolUtilization, Utilization } from './utilization.ts'

/** Every schema that routes refer to by its `$id`; the resources bring their own. */
export const schemas: readonly TSchema[] = [
  StatusCause,
  StatusDetails,
  Status,
  Health,
  Version,
  AssignBody,
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
  ClaimBody,
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
