/** Releasing addresses: by address, by handle, and those of a node's endpoints. */
export { planRelease, planReleaseHandle } from './release.ts'
export { planTakeDownNode } from './take-down-node.ts'
