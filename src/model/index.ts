/** The stored forms of Calico's IPAM, read and written byte for byte, and the rules of changing them. Pure. */
export * from './affinity.ts'
export type { Attribute, Holder } from './attribute.ts'
export { BlockIndex, type IndexedBlock, mayGive, type Terms } from './block-index.ts'
export * from './block.ts'
export * from './block-operations.ts'
export * from './cluster-information.ts'
export * from './handle.ts'
export * from './ipam-config.ts'
export type { Json, JsonObject } from './json.ts'
export {
  compareBytewise,
  isJsonArray,
  isJsonObject,
  JsonNumber,
  jsonObject,
  stringifyJson,
  stringifyMembers,
  stringifyString,
} from './json.ts'
export * from './json-parser.ts'
export * from './node.ts'
export * from './owner.ts'
export * from './pool.ts'
export * from './refusal.ts'
export * from './reservation.ts'
export * from './resource.ts'
export * from './stored.ts'
export * from './time.ts'
