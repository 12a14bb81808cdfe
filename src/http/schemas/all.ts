import type { TSchema } from '@sinclair/typebox'
import { AssignRequest, EnsureRequest } from './assign-request.ts'
import { Allocation, Assignment } from './assignment.ts'
import { Ownership, OwnersRequest, SwapRequest, Usage, UsageRequest } from './ownership.ts'
import { SplitAnswer, SplitRequest } from './pool-split.ts'
import { FailedRelease, Release, ReleaseItem, ReleaseRequest } from './release.ts'
import { Health, Version } from './server.ts'
import { Status, StatusCause, StatusDetails } from './status.ts'

/** Every schema that routes refer to by its `$id`; the resources bring their own. */
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
  ReleaseItem,
  ReleaseRequest,
  FailedRelease,
  Release,
  Usage,
  UsageRequest,
  Ownership,
  OwnersRequest,
  SwapRequest,
  SplitRequest,
  SplitAnswer,
]
