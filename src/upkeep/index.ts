/** The work that a server does without a request. */
export { CheckRounds } from './check-rounds.ts'
export { Collection } from './collection.ts'
export { PoolUpkeep } from './pool-upkeep.ts'
export { TrendRounds } from './trend-rounds.ts'
