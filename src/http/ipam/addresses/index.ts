/** Listing addresses, and finding all that a node or a handle has. */
export { printAssignment, printAttributes, printHoldings, printRelease, readAddresses } from './allocations.ts'
export { readHoldings } from './holdings.ts'
export type { Place } from './list.ts'
export { addressRoute } from './routes.ts'
export { AddressWalk, firstPlace } from './walk.ts'
