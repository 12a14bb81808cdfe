/** Carries out plans on single objects: batches of one block, what leads to it, a second look at what was read, and what follows. */
export { Engine } from './engine.ts'
export { type StoredKind, StoredKinds } from './kinds.ts'
