/** Addresses, CIDRs, the blocks of a pool, and sets of them: parsing at the edge, exact arithmetic inside. */
export { type Address, compareAddresses, formatAddress, mustParseAddress, parseAddress } from './address.ts'
export { CidrSet } from './cidr-set.ts'
export {
  addressCount,
  type Cidr,
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
export { bits, type IpFamily, type Ordinal, ordinal, prefixLength, type PrefixLength } from './numbers.ts'
export { addressAt, blockAt, blockCount, blockOf, ordinalOf } from './partition.ts'
export { RunSet } from './run-set.ts'
