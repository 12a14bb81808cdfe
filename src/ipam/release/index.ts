/** Releasing addresses: by address, by handle, and those of a node's endpoints and tunnels. */
export { planRemoveEndpoints } from './node-endpoints.ts'
export {
  giveBackCharges,
  itemOf,
  planRelease,
  planReleaseHandle,
  planReleaseHeld,
  prepareRelease,
  releaseHeld,
  releasedTogetherMax,
} from './release.ts'
export { type OutcomeOfRelease, planReleaseAddress, requireAnyDone } from './require-done.ts'
