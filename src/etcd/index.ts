export { findEtcd, type EtcdBinary, type FindOptions } from './binary.ts'
export { startEmbeddedEtcd, type EmbeddedEtcd, type EmbeddedEtcdLogger, type EmbeddedEtcdOptions } from './embedded.ts'
export type { Environment } from './environment.ts'
export { EtcdStartFailure } from './failure.ts'
