/** The datastore: carries out plans, and serves pages and changes of what is stored. */
export {
  type Change,
  Datastore,
  DatastoreUnavailable,
  declare,
  type EtcdConnection,
  Follower,
  type Health,
  leaders,
  Leadership,
  type Outcome,
  type Page,
  type PageOptions,
  RevisionCompacted,
  type SubmitOptions,
} from './etcd/index.ts'
export { Scan } from './scan.ts'
