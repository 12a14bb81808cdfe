/** A datastore on etcd. */
export type { EtcdConnection } from './client.ts'
export { type EtcdStoreOptions, openEtcdStore } from './store.ts'
