/** Calico's IPAM data as it is stored: reads and writes each stored form byte for byte, and holds the rules of changing it. Pure. */

// Blocks: their form and key, the affinity to a node, the holders of their addresses, the operations on a block, and the index of all.
export {
  assignAutomatically,
  assignOrdinal,
  type Attribute,
  attributeOf,
  type Block,
  BlockIndex,
  type BlockSums,
  countRuns,
  blockKey,
  blocks,
  collectGarbage,
  formatAffinity,
  handleOf,
  type Holder,
  type HostReserved,
  type IndexedBlock,
  isCooling,
  isBlockEmpty,
  isBlockOfNobody,
  isHeld,
  isStorable,
  isWindowsReserved,
  hasAvailable,
  newBlock,
  ordinalsOfHandle,
  type AffinityHost,
  hostOf,
  type Holders,
  parseBlockKey,
  parseAffinity,
  releaseOrdinalsOfHandle,
  releaseOrdinals,
  replaceAttribute,
  isSameHost,
  sequenceNumberOf,
  type Availability,
  incrementSequenceNumber,
  reserveForHost,
  clearAffinity,
  setHolders,
} from './block/index.ts'

// Block affinities: one key for each block of a node, confirmed or in progress.
export {
  affinities,
  type Affinity,
  affinityKey,
  affinityPrefix,
  confirmedAffinity,
  parseAffinityKey,
  virtualAffinities,
} from './block-affinity.ts'

// Handles: the number of addresses of each handle, block by block.
export {
  addToHandle,
  normalizeHandleId,
  type Handle,
  handleKey,
  handles,
  isHandleId,
  estimateHandleBytes,
  setHandleCount,
  setHandleCounts,
} from './handle.ts'

// The configuration of IPAM.
export { defaultIpamConfig, type IpamConfig, ipamConfigKey, ipamConfigs } from './ipam-config.ts'

// IPPools.
export { PoolsByRange } from './pools-by-range.ts'
export { blockSizeMin, type Pool, poolKey, poolOf, pools, type PoolSelector } from './pool.ts'
export {
  type PoolField,
  type PoolFieldName,
  poolFieldNames,
  poolFields,
  type PoolSpec,
  type PoolUse,
  poolUses,
  readPoolSpec,
} from './pool-fields.ts'

// The other resources that IPAM reads: IPReservations, nodes, workload endpoints, cluster information.
export { type ClusterInformation, clusterInformationKey, clusterInformations } from './cluster-information.ts'
export { type Node, nodeKey, nodeOf, nodes } from './node.ts'
export { type Reservation, reservationKey, reservationOf, reservations } from './reservation.ts'
export { metadataMembers } from './resource.ts'
export { type WorkloadEndpoint, workloadEndpoints, workloadEndpointsInPages } from './workload-endpoint.ts'

// Access: policies, access tokens, and marks of the built-in policies that were made.
export { builtInMarks, builtInPolicyMarkKey } from './built-in-mark.ts'
export {
  accessPolicies,
  type AccessPolicy,
  accessPolicyKey,
  accessPolicyOf,
  type AccessLimits,
  type AccessRule,
  type AccessSubject,
  subjectKinds,
} from './access-policy.ts'
export { type AccessToken, accessTokenKey, accessTokenOf, accessTokens } from './access-token.ts'

// Quotas: the numbers of addresses held under rules with a limit.
export {
  chargedBlockKey,
  ChargeIndex,
  charges,
  type Charges,
  chargesKey,
  parseQuotaName,
  type Quota,
  quotaKey,
  quotaName,
  quotas,
  type QuotaUse,
} from './quota.ts'

// ippoold's own keys: metadata that Calico has no place for, and answers to calls that may be repeated.
export { type Annex, annexes, annexKey, annexPrefix } from './annex.ts'
export { storedAnswerKey, storedAnswers } from './stored-answer.ts'

// The parts of stored forms: JSON with exact numbers, and times.
export {
  compareBytewise,
  isJsonArray,
  isJsonObject,
  isOmitted,
  type Json,
  JsonNumber,
  type JsonObject,
  jsonObject,
  parseJson,
  readNumber,
  stringifyJson,
} from './json/index.ts'
export { formatMicroTime, formatTime, nanosecondsPerSecond, type Now, parseGoTime, parseTime } from './time.ts'
