/** Releasing addresses: by address, by handle, and those of a node's endpoints and tunnels. */
export { planRemoveEndpoints } from './node-endpoints.ts'
export { planRelease, planReleaseHandle, releasedTogetherMax } from './release.ts'
