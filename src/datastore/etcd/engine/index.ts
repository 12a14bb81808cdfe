/** Group commit: plans go in, transactions go out, and each caller gets the answer that etcd confirmed. */
export { Engine, type EngineLeases } from './engine.ts'
export { Refresher } from './refresher.ts'
export { Slot } from './slots.ts'
