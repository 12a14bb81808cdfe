/** The datastore on etcd. */
export type { EtcdConnection } from './client.ts'
export { Datastore, type Health, type Page, type PageOptions } from './datastore.ts'
export type { Outcome, SubmitOptions } from './engine/index.ts'
export { DatastoreUnavailable, RevisionCompacted } from './faults.ts'
export { declare } from './image/index.ts'
export { leaders, Leadership } from './leadership.ts'
export { scanPageSize } from './limits.ts'
export { type Change, Follower } from './watch/index.ts'
