/** Listing addresses, finding all that a node or a handle has, and the forms in which addresses are answered. */
export {
  addressesIn,
  FailedAddress,
  printAllocation,
  printAssignment,
  printAttributes,
  printHoldings,
  printRelease,
  readAddresses,
} from './allocations.ts'
export { isTooLarge, readHandleSnapshot, withHoldings } from './holdings.ts'
export { firstPlace, type Place } from './place.ts'
export { listAddresses } from './list.ts'
export { blocksBelow, selectionOf, withoutNested } from './selection.ts'
export { type Reader, readAt } from './snapshot.ts'
export { AddressPath, addressRoute } from './routes.ts'
export { AddressWalk } from './walk.ts'
