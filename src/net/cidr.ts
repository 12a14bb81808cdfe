import assert from 'node:assert/strict'
import { type Address, bits, formatAddress, type IpFamily, parseAddress } from './address.ts'

declare const prefixLengthBrand: unique symbol

/** The number of leading bits that all addresses of a CIDR share: 0 to 32 in IPv4, 0 to 128 in IPv6. */
export type PrefixLength = number & { readonly [prefixLengthBrand]: 'PrefixLength' }

/** All addresses that share the first `prefixLength` bits of `base`; the other bits of `base` are zero. */
export interface Cidr {
  readonly family: IpFamily
  readonly base: bigint
  readonly prefixLength: PrefixLength
}

/** Decimal without a sign or leading zeros; 128 has three digits. */
const prefixLengthPattern = /^(?:0|[1-9][0-9]{0,2})$/

/** `length` as a prefix length of the family; undefined unless it is a whole number from 0 to 32 (IPv4) or 128 (IPv6). */
export function prefixLength(family: IpFamily, length: number): PrefixLength | undefined {
  return isPrefixLength(family, length) ? length : undefined
}

function isPrefixLength(family: IpFamily, length: number): length is PrefixLength {
  return Number.isInteger(length) && length >= 0 && length <= bits(family)
}

/** Parses a CIDR such as "10.0.0.0/24"; undefined if `text` is none. The prefix length is required, host bits are masked off. */
export function parseCidr(text: string): Cidr | undefined {
  return parseInterface(text)?.cidr
}

/** Like {@link parseCidr}, but also returns the address as given: it differs from the CIDR's base if `text` has host bits. */
export function parseInterface(text: string): { readonly address: Address; readonly cidr: Cidr } | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return undefined
  const address = parseAddress(text.slice(0, slash))
  const lengthText = text.slice(slash + 1)
  if (address === undefined || !prefixLengthPattern.test(lengthText)) return undefined
  const length = prefixLength(address.family, Number(lengthText))
  return length === undefined ? undefined : { address, cidr: cidrAround(address, length) }
}

/** Like {@link parseCidr}; a bare address means its /32 or /128, as in IPReservations (docs/calico/formats.md section 4.1). */
export function parseAddressOrCidr(text: string): Cidr | undefined {
  if (text.includes('/')) return parseCidr(text)
  const address = parseAddress(text)
  return address && hostCidr(address)
}

/** Parses a CIDR. Throws if `text` is none: for tests and constants only. */
export function mustParseCidr(text: string): Cidr {
  const cidr = parseCidr(text)
  assert(cidr, `not a CIDR: ${text}`)
  return cidr
}

/** Prints a CIDR in its canonical spelling: the base as {@link formatAddress} prints it, a slash, the prefix length. */
export function formatCidr(cidr: Cidr): string {
  let text = cidrTexts.get(cidr)
  if (text === undefined) {
    text = `${formatAddress(firstAddress(cidr))}/${cidr.prefixLength}`
    cidrTexts.set(cidr, text)
  }
  return text
}

// A block keeps one Cidr object while it is in memory, and each assignment prints it several times.
const cidrTexts = new WeakMap<Cidr, string>()

/** The CIDR of that prefix length that contains the address. Throws if the family has no such length: a bug. */
export function cidrAround(address: Address, length: PrefixLength): Cidr {
  const { family, value } = address
  assert(isPrefixLength(family, length), 'the prefix length does not fit the family')
  const shift = BigInt(bits(family) - length)
  return { family, base: (value >> shift) << shift, prefixLength: length }
}

/** The CIDR of a single address: /32 or /128. */
export function hostCidr(address: Address): Cidr {
  const { family, value } = address
  const length = bits(family)
  assert(isPrefixLength(family, length), 'all bits of an address are a prefix length')
  return { family, base: value, prefixLength: length }
}

/** The number of bits after the prefix, in which the addresses of the CIDR differ. */
export function hostBits(cidr: Cidr): bigint {
  return BigInt(bits(cidr.family) - cidr.prefixLength)
}

/** The number of addresses in the CIDR: 1 to 2^128. */
export function addressCount(cidr: Cidr): bigint {
  return 1n << hostBits(cidr)
}

/** The lowest address of the CIDR. */
export function firstAddress(cidr: Cidr): Address {
  return { family: cidr.family, value: cidr.base }
}

/** The highest address of the CIDR. */
export function lastAddress(cidr: Cidr): Address {
  return { family: cidr.family, value: cidr.base + addressCount(cidr) - 1n }
}

/** True if both CIDRs are the same set of addresses. */
export function isSameCidr(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.prefixLength === b.prefixLength && a.base === b.base
}

/** True if the address lies in the CIDR. False across families. */
export function contains(cidr: Cidr, address: Address): boolean {
  if (cidr.family !== address.family) return false
  const shift = hostBits(cidr)
  return address.value >> shift === cidr.base >> shift
}

/** True if every address of `inner` lies in `outer`. A CIDR covers itself. */
export function covers(outer: Cidr, inner: Cidr): boolean {
  return outer.prefixLength <= inner.prefixLength && contains(outer, firstAddress(inner))
}

/** True if at least one address lies in both. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return covers(a, b) || covers(b, a)
}
