/** What a server does by itself, beside answering calls. */
export { Collection } from './collection.ts'
export { PoolTermination } from './pool-termination.ts'
