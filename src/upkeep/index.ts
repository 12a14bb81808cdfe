/** The work that a server does without a request. */
export { Collection } from './collection.ts'
export { PoolTermination } from './pool-termination.ts'
