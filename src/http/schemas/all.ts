import type { TSchema } from '@sinclair/typebox'
import { AssignRequest, EnsureRequest } from './assign-request.ts'
import { Allocation, Assignment } from './assignment.ts'
import { CheckFinding, CheckReport, Repair, RepairReport, RepairRequest } from './check.ts'
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
  CheckFinding,
  CheckReport,
  RepairRequest,
  Repair,
  RepairReport,
]
