export type { EtcdConnection } from './client.ts'
export {
  Datastore,
  type DatastoreOptions,
  type Health,
  type Page,
  type PageOptions,
} from './datastore.ts'
export { DatastoreUnavailable, RevisionCompacted } from './faults.ts'
export type { Change, Ending, Follower } from './follower.ts'
export { declare, type Declaration } from './image.ts'
export { type Leadership, leaders } from './leadership.ts'
export type { Outcome, SubmitOptions } from './operation.ts'
export { Scan } from './scan.ts'
export { firstAtOrAfter } from './sorted-keys.ts'
export {
  answerOnly,
  put,
  remove,
  type Decodable,
  type Decoded,
  type Family,
  type Guard,
  type Key,
  type Listed,
  type Lookup,
  type Observer,
  type Plan,
  type Revision,
  type View,
  type Write,
} from './view.ts'
