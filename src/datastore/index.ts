/**
 * What every datastore offers: it carries out plans, and serves pages and changes of what is stored. `etcd/` is one; `main.ts` opens it.
 */
export { type Change, type ChangeSource, type Ending, Follower } from './changes.ts'
export { type Declaration, declare } from './declaration.ts'
export {
  DatastoreNotOpened,
  DatastoreUnavailable,
  expired,
  queueFull,
  RevisionCompacted,
  stopping,
  tooLarge,
} from './faults.ts'
export type { Leadership, LeadershipOptions } from './leadership.ts'
export { logProbe, type Probe, type ProbeLogger, type RetryReason, silentProbe, type WatchName } from './probe.ts'
export { Scan } from './scan.ts'
export type {
  Health,
  Member,
  Outcome,
  Page,
  PageOptions,
  Store,
  StoreLimits,
  StoreOptions,
  SubmitOptions,
} from './store.ts'
