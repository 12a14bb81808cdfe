/** Blocks as Calico stores them, the operations that change a block, and the index of all blocks. */
export { formatAffinity, type AffinityHost, hostOf, parseAffinity, isSameHost, clearAffinity } from './affinity.ts'
export { type Attribute, type Holder, type Holders, setHolders } from './attribute.ts'
export {
  type Block,
  blockKey,
  blocks,
  formatBlockPath,
  isBlockEmpty,
  isBlockOfNobody,
  isStorable,
  isWindowsReserved,
  parseBlockKey,
  parseBlockPath,
} from './block.ts'
export { BlockIndex, hasAvailable, type Availability } from './block-index.ts'
export type { HeldOnNode, IndexedBlock } from './digest.ts'
export { type BlockSums, countRuns } from './range-sums.ts'
export {
  assignAutomatically,
  assignOrdinal,
  attributeOf,
  collectGarbage,
  handleOf,
  type HostReserved,
  isCooling,
  isHeld,
  newBlock,
  ordinalsOfHandle,
  releaseOrdinalsOfHandle,
  releaseOrdinals,
  replaceAttribute,
  sequenceNumberOf,
  incrementSequenceNumber,
  reserveForHost,
} from './operations.ts'
