/** The work that a server does without a request. */
export { Collection } from './collection.ts'
export { PoolUpkeep } from './pool-upkeep.ts'
