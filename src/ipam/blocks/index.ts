/** Which node a block belongs to: claiming blocks, releasing them, removing nodes, emptying pools, collecting empty blocks. */
export {
  type BlockClaim,
  type BlockFailure,
  type ClaimRequest,
  type FailedBlock,
  planClaimBlocks,
} from './claim.ts'
export { type Collected, planCollectCooled, planCollectEmpty, planReadCooldown } from './collect.ts'
export { releaseDeselectedBlocks, releaseDeselected } from './deselected.ts'
export { countBlocks, emptyPool, proveBlocks } from './empty-pool.ts'
export {
  type BlockRelease,
  planReleaseBlocks,
  planRemoveNode,
  releaseBlock,
  type ReleaseScope,
} from './release-blocks.ts'
