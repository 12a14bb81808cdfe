/** Backups of etcd: takes and verifies them, and makes data directories of them. */
export { connectionOf } from './connection.ts'
export { defaultCacheDir } from '../embedded-etcd/index.ts'
export { BackupFailure, type FailureKind } from './failure.ts'
export type { Manifest } from './manifest.ts'
export { type MemberFlags, restoreEmbedded, type Restored, restoreMember } from './restore.ts'
export { takeBackup, type Taken } from './take.ts'
export { verifyBackup, type Verified } from './verify.ts'
