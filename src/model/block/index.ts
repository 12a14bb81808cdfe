/** Blocks as Calico stores them: the form, the attributes of holders, the changes of a block, and the index of all blocks. */
export { type Attribute, type Holder, type Owners, withOwners } from './attribute.ts'
export {
  type Block,
  type BlockDigest,
  blockKey,
  blocks,
  isEmpty,
  isStorable,
  isWindowsReserved,
  parseBlockKey,
} from './block.ts'
export { formatBlockPath, parseBlockPath } from './cidr.ts'
export { BlockIndex, type IndexedBlock, mayGive, type Terms } from './index-of-blocks.ts'
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
  ownerOf,
  releaseHandle,
  releaseOrdinals,
  replaceAttribute,
  sequenceNumberOf,
  touch,
  withHostReserved,
  withoutOwner,
} from './operations.ts'
