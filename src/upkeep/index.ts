/** What a server does by itself, beside answering calls. */
export { PoolTermination, type UpkeepLogger } from './pool-termination.ts'
export { Collection } from './collection.ts'
