/** Finds, fetches, starts and keeps an etcd for a server that was given none. */
export { type EtcdBinary, findEtcd } from './binary.ts'
export { type EmbeddedEtcd, startEmbeddedEtcd } from './embedded.ts'
export { EtcdStartFailure } from './failure.ts'
