/** Which node a block belongs to: claiming blocks, giving them up, collecting empty ones. */
export { type BlockFailure, type ClaimRequest, type ClaimStep, type FailedBlock, planClaim } from './claim.ts'
export { planCollectCooled, planCollectEmpty, planReadCooldown } from './collect.ts'
export { cleanUpClaims, giveUpDeselected } from './deselected.ts'
export { planForgetNode, planReleaseAffinity, type ReleaseScope, type ReleaseStep } from './give-up.ts'
