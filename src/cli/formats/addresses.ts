import { isIP } from 'node:net'

/** A range of addresses, by its numbers. */
export interface Range {
  readonly family: 4 | 6
  readonly first: bigint
  readonly last: bigint
  readonly prefixLength: number
}

/** Prints an address in the spelling of the API; undefined if it is none. */
export function canonicalAddress(text: string): string | undefined {
  const family = isIP(text)
  if (family === 4) return text
  // A zone is no part of the address, and a URL prints IPv6 as RFC 5952 wants it.
  if (family !== 6 || text.includes('%')) return undefined
  return new URL(`http://[${text}]`).hostname.slice(1, -1)
}

/** Reads a CIDR. Bits behind the prefix are dropped, as other systems allow them. Undefined if it is none. */
export function readRange(text: string): Range | undefined {
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  const family = isIP(address)
  const bits = family === 4 ? 32 : 128
  const prefixLength = Number(length)
  if ((family !== 4 && family !== 6) || canonicalAddress(address) === undefined || prefixLength > bits) return undefined
  const size = 1n << BigInt(bits - prefixLength)
  const value = numberOf(address, family)
  const first = value - (value % size)
  return { family, first, last: first + size - 1n, prefixLength }
}

/** Prints a range as a CIDR. */
export function printRange({ family, first, prefixLength }: Range): string {
  return `${printAddress(family, first)}/${prefixLength}`
}

/** The addresses of a range, by their ordinals. */
export function addressesOf({ family, first }: Range): (ordinal: number) => string {
  // A million of them are printed, so those of IPv4 go without big numbers.
  if (family === 6) return (ordinal) => printAddress(6, first + BigInt(ordinal))
  const start = Number(first)
  return (ordinal) => printIpv4(start + ordinal)
}

/** True if the whole of `inner` lies in `outer`. */
export function contains(outer: Range, inner: Range): boolean {
  return outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last
}

/** The range of a single address, which must be one. */
export function rangeOf(address: string): Range {
  const family = isIP(address) === 6 ? 6 : 4
  const value = numberOf(address, family)
  return { family, first: value, last: value, prefixLength: family === 4 ? 32 : 128 }
}

/** Reads a netmask such as 255.255.255.0, or a prefix length such as 24, as a prefix length; undefined if it is neither. */
export function readMask(text: string): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text)
  if (isIP(text) !== 4) return undefined
  const ones = numberOf(text, 4).toString(2).padStart(32, '0')
  return /^1*0*$/.test(ones) ? ones.replaceAll('0', '').length : undefined
}

function numberOf(address: string, family: 4 | 6): bigint {
  if (family === 4) return address.split('.').reduce((sum, octet) => sum * 256n + BigInt(octet), 0n)
  const [before = '', after = ''] = (canonicalAddress(address) ?? '').split('::')
  const left = before.split(':').filter(Boolean)
  const right = after.split(':').filter(Boolean)
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n)
}

function printAddress(family: 4 | 6, value: bigint): string {
  if (family === 4) return printIpv4(Number(value))
  const groups = Array.from({ length: 8 }, (_, at) => ((value >> BigInt(112 - at * 16)) & 0xffffn).toString(16))
  return canonicalAddress(groups.join(':')) ?? ''
}

function printIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}
