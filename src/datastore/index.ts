/**
 * The face of every datastore: `Store` carries out plans, and serves pages, changes, hints, leadership and health. `Scan` reads everything
 * at one revision, `Follower` takes changes, `Probe` hears what happens, faults are thrown. `etcd/` is a store; `serve.ts` opens it.
 */
export { type Change, type ChangeSource, type Ending, Follower } from './changes.ts'
export { type Declaration, declare } from './declaration.ts'
export { DatastoreNotOpened, DatastoreUnavailable, detailsOf, expired, RevisionCompacted, stopping } from './faults.ts'
export type { Leadership, LeadershipOptions } from './leadership.ts'
export {
  type CallOutcome,
  type Carried,
  type CheckFindings,
  type DatastoreCall,
  joinProbes,
  type Leak,
  logProbe,
  type PlanOutcome,
  type Probe,
  type ProbedOperation,
  type ProbeLogger,
  type RetryReason,
  silentProbe,
  type SpanIds,
  type WatchName,
} from './probe.ts'
export { Scan } from './scan.ts'
export type {
  Health,
  Member,
  MemberFigures,
  Outcome,
  Page,
  PageOptions,
  Store,
  StoreFigures,
  StoreLimits,
  StoreOptions,
  SubmitOptions,
} from './store.ts'
export { type OpenedStore, type ServedStore, UpcomingStore } from './upcoming-store.ts'
