/** Group commit: plans go in, transactions go out, and every caller gets the answer that etcd confirmed. */
export { Engine, type EngineLeases, type EngineLimits, type EngineLogger } from './engine.ts'
export type { Outcome, SubmitOptions } from './operation.ts'
export { Slot } from './slots.ts'
