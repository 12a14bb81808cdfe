/** A datastore on etcd. */
export type { EtcdConnection } from './client.ts'
export { openSnapshot, type Snapshot, type SnapshotChunk } from './snapshot-stream.ts'
export { type EtcdStoreOptions, openEtcdStore } from './store.ts'
