/** IP addresses and CIDRs, the division of a pool into blocks, and sets of addresses: parsed once, then exact arithmetic. */
export {
  type Address,
  bits,
  compareAddresses,
  formatAddress,
  type IpFamily,
  mustParseAddress,
  parseAddress,
} from './address.ts'
export { greater, lesser } from './bigints.ts'
export { CidrSet } from './cidr-set.ts'
export {
  addressCount,
  type Cidr,
  contains,
  covers,
  firstAddress,
  formatCidr,
  hostBits,
  hostCidr,
  lastAddress,
  mustParseCidr,
  overlaps,
  parseAddressOrCidr,
  parseCidr,
  parseInterface,
  prefixLength,
  type PrefixLength,
  isSameCidr,
} from './cidr.ts'
export { addressAt, blockAt, blockCount, blockOf, ordinal, type Ordinal, ordinalOf } from './partition.ts'
export { RunSet } from './run-set.ts'
