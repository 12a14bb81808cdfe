/** An etcd of our own, for a server without `ETCD_ENDPOINTS`: finds or fetches a binary, starts it, and keeps it running. */
export { type EtcdBinary, findEtcd } from './binary.ts'
export { startEmbeddedEtcd } from './embedded.ts'
export type { EmbeddedEtcd } from './supervisor.ts'
