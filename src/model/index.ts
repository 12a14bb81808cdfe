/** The stored forms of Calico's IPAM, read and written byte for byte, and the rules of changing them. Pure. */
export {
  affinities,
  type Affinity,
  affinityKey,
  affinityPrefix,
  confirmedAffinity,
  parseAffinityKey,
  virtualAffinities,
} from './affinity.ts'
export { type Annex, annexes, annexKey, annexPrefix } from './annex.ts'
export {
  assignAutomatically,
  assignOrdinal,
  type Attribute,
  attributeOf,
  type Block,
  type BlockDigest,
  BlockIndex,
  blockKey,
  blocks,
  collectGarbage,
  handleOf,
  type Holder,
  type HostReserved,
  type IndexedBlock,
  isCooling,
  isEmpty,
  isHeld,
  isStorable,
  isWindowsReserved,
  mayGive,
  newBlock,
  ordinalsOfHandle,
  ownerOf,
  type Owners,
  parseBlockKey,
  releaseHandle,
  releaseOrdinals,
  replaceAttribute,
  sequenceNumberOf,
  type Terms,
  touch,
  withHostReserved,
  withoutOwner,
  withOwners,
} from './block/index.ts'
export { type ClusterInformation, clusterInformationKey, clusterInformations } from './cluster-information.ts'
export { addToHandle, comparableHandle, type Handle, handleKey, handles, isHandleId, setHandleCount } from './handle.ts'
export { defaultIpamConfig, type IpamConfig, ipamConfigKey, ipamConfigs } from './ipam-config.ts'
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
  stringifyJson,
} from './json/index.ts'
export { type Node, nodeKey, nodeOf, nodes } from './node.ts'
export { formatOwner, type Owner, parseOwner, sameOwner } from './owner.ts'
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
export { type Reservation, reservationKey, reservationOf, reservations } from './reservation.ts'
export { metadataMembers } from './resource.ts'
export { storedAnswerKey, storedAnswers } from './stored-answer.ts'
export { formatTime, nanosecondsPerSecond, type Now, parseTime } from './time.ts'
export {
  type WorkloadEndpoint,
  workloadEndpointKey,
  workloadEndpoints,
  workloadEndpointsInPages,
} from './workload-endpoint.ts'
