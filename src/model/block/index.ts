/** Blocks as Calico stores them, the operations that change a block, and the index of all blocks. */
export { formatOwner, type Owner, ownerOf, parseOwner, sameOwner, withoutOwner } from './affinity.ts'
export { type Attribute, type Holder, type Owners, withOwners } from './attribute.ts'
export {
  type Block,
  blockKey,
  blocks,
  formatBlockPath,
  isEmpty,
  isStorable,
  isWindowsReserved,
  parseBlockKey,
  parseBlockPath,
} from './block.ts'
export { BlockIndex, mayGive, type Terms } from './block-index.ts'
export type { IndexedBlock } from './digest.ts'
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
  releaseHandle,
  releaseOrdinals,
  replaceAttribute,
  sequenceNumberOf,
  touch,
  withHostReserved,
} from './operations.ts'
