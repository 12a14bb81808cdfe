/** Addresses, CIDRs, the blocks of a pool, and sets of them: parsing at the edge, exact arithmetic inside. */
export type { Address } from './address.ts'
export { compareAddresses, formatAddress, mustParseAddress, parseAddress } from './address.ts'
export type { Cidr } from './cidr.ts'
export {
  addressCount,
  contains,
  covers,
  firstAddress,
  formatCidr,
  hostCidr,
  lastAddress,
  mustParseCidr,
  overlaps,
  parseAddressOrCidr,
  parseCidr,
  parseInterface,
  sameCidr,
} from './cidr.ts'
export { CidrSet } from './cidr-set.ts'
export type { Family, Ordinal, PrefixLength } from './numbers.ts'
export { bits, ordinal, prefixLength } from './numbers.ts'
export { addressAt, blockAt, blockCount, blockOf, ordinalOf } from './partition.ts'
export { RunSet } from './run-set.ts'
