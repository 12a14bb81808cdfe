/** Plans on their way to a commit: queued, run over the image and the batch so far, and locked while the commit is under way. */
export { type Plannable, type Planned, PlannedBatch } from './batch.ts'
export { BusyKeys } from './busy-keys.ts'
export { batchKeysMax, settlingPatienceMs, stoppingPatienceMs } from './limits.ts'
export { lock, type Locked, unlock } from './locks.ts'
export { OpenOperations } from './open-operations.ts'
export { Operation } from './operation.ts'
export { Queue } from './queue.ts'
export type { GuardedPrefix, Read } from './recording-view.ts'
