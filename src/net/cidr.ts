import assert from 'node:assert/strict'
import { type Address, formatAddress, parseAddress } from './address.ts'
import { type IpFamily, type PrefixLength, bits, isPrefixLength, prefixLength } from './numbers.ts'

/** All addresses that share the first `prefixLength` bits of `base`; the other bits of `base` are zero. */
export interface Cidr {
  readonly family: IpFamily
  readonly base: bigint
  readonly prefixLength: PrefixLength
}

/** Decimal without sign or leading zeros; three digits are enough for 128. */
const prefixLengthPattern = /^(?:0|[1-9][0-9]{0,2})$/

/** The CIDR that `text` ("10.0.0.0/24") spells, or undefined. The prefix length is required, host bits are masked off. */
export function parseCidr(text: string): Cidr | undefined {
  return parseInterface(text)?.cidr
}

/** Like {@link parseCidr}, with the address as given beside the CIDR: they differ when `text` has host bits. */
export function parseInterface(text: string): { readonly address: Address; readonly cidr: Cidr } | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return undefined
  const address = parseAddress(text.slice(0, slash))
  const lengthText = text.slice(slash + 1)
  if (address === undefined || !prefixLengthPattern.test(lengthText)) return undefined
  const length = prefixLength(address.family, Number(lengthText))
  return length === undefined ? undefined : { address, cidr: cidrAround(address, length) }
}

/** Like {@link parseCidr}; a bare address stands for itself alone (/32 or /128), as in IPReservations (docs/calico/formats.md 4.1). */
export function parseAddressOrCidr(text: string): Cidr | undefined {
  if (text.includes('/')) return parseCidr(text)
  const address = parseAddress(text)
  return address && hostCidr(address)
}

/** The CIDR that `text` spells. Throws when there is none: for tests and constants only. */
export function mustParseCidr(text: string): Cidr {
  const cidr = parseCidr(text)
  assert(cidr, `not a CIDR: ${text}`)
  return cidr
}

/** The canonical spelling: the base as {@link formatAddress} prints it, a slash, the prefix length. */
export function formatCidr(cidr: Cidr): string {
  let text = texts.get(cidr)
  if (text === undefined) {
    text = `${formatAddress(firstAddress(cidr))}/${cidr.prefixLength}`
    texts.set(cidr, text)
  }
  return text
}

// A block is known by one object for as long as it is in memory, and its text is asked for several times in each assignment.
const texts = new WeakMap<Cidr, string>()

/** The CIDR of that prefix length in which the address lies. Throws when the family has no such length: a bug. */
export function cidrAround(address: Address, length: PrefixLength): Cidr {
  const { family, value } = address
  assert(isPrefixLength(family, length), 'the prefix length does not fit the family')
  const hostBits = BigInt(bits(family) - length)
  return { family, base: (value >> hostBits) << hostBits, prefixLength: length }
}

/** The CIDR of this one address: /32 or /128. */
export function hostCidr(address: Address): Cidr {
  const { family, value } = address
  const length = bits(family)
  assert(isPrefixLength(family, length), 'all bits of an address are a prefix length')
  return { family, base: value, prefixLength: length }
}

/** How many addresses lie in the CIDR: 1 to 2^128. */
export function addressCount(cidr: Cidr): bigint {
  return 1n << BigInt(bits(cidr.family) - cidr.prefixLength)
}

/** The lowest address of the CIDR. */
export function firstAddress(cidr: Cidr): Address {
  return { family: cidr.family, value: cidr.base }
}

/** The highest address of the CIDR. */
export function lastAddress(cidr: Cidr): Address {
  return { family: cidr.family, value: cidr.base + addressCount(cidr) - 1n }
}

/** Whether both are the same set of addresses. */
export function sameCidr(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.prefixLength === b.prefixLength && a.base === b.base
}

/** Whether the address lies in the CIDR; never across families. */
export function contains(cidr: Cidr, address: Address): boolean {
  if (cidr.family !== address.family) return false
  const hostBits = BigInt(bits(cidr.family) - cidr.prefixLength)
  return address.value >> hostBits === cidr.base >> hostBits
}

/** Whether every address of `inner` lies in `outer`. A CIDR covers itself. */
export function covers(outer: Cidr, inner: Cidr): boolean {
  return outer.prefixLength <= inner.prefixLength && contains(outer, firstAddress(inner))
}

/** Whether any address lies in both. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return covers(a, b) || covers(b, a)
}
