import { IPv6, Validator } from 'ip-num'
import assert from 'node:assert/strict'
import type { IpFamily } from './numbers.ts'

/** One IP address: the bits of the family as an unsigned number. */
export interface Address {
  readonly family: IpFamily
  readonly value: bigint
}

/** Longest spelling of an address: six groups of four digits, then a dotted quad. Longer text is not looked at. */
const textLengthMax = 45

/** The upper 96 bits of ::ffff:0:0/96, RFC 4291 section 2.5.5.2. */
const mappedPrefix = 0xffffn

/**
 * The address that `text` spells, or undefined. IPv4 is four decimal octets without leading zeros. IPv6 is any spelling of RFC 4291
 * section 2.2, in upper or lower case, without a zone. Blanks are refused. IPv4-mapped IPv6 addresses are refused in every
 * spelling, because Calico and Go take them for IPv4 in one place and for IPv6 in another (docs/calico/formats.md 1.2).
 */
export function parseAddress(text: string): Address | undefined {
  if (text.length > textLengthMax) return undefined
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

/** The address that `text` spells. Throws when there is none: for tests and constants only. */
export function mustParseAddress(text: string): Address {
  const address = parseAddress(text)
  assert(address, `not an IP address: ${text}`)
  return address
}

/**
 * The one spelling under which an address is stored and answered: dotted decimal for IPv4, RFC 5952 section 4 for IPv6. No IPv6
 * address gets a dotted tail (section 5 leaves that open), since Go prints none either.
 */
export function formatAddress(address: Address): string {
  return address.family === 4 ? formatIpv4(Number(address.value)) : formatIpv6(address.value)
}

/** Orders IPv4 before IPv6, then by value; negative, 0 or positive as `Array.sort` wants it. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family
  if (a.value === b.value) return 0
  return a.value < b.value ? -1 : 1
}

const octet = '(0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])'
const ipv4Pattern = new RegExp(`^${octet}\\.${octet}\\.${octet}\\.${octet}$`)

// ip-num takes twenty times longer, by way of a text of ones and zeros; a million stored addresses would feel it at every start.
function parseIpv4(text: string): Address | undefined {
  const octets = ipv4Pattern.exec(text)
  if (octets === null) return undefined
  const value = octets.slice(1).reduce((sum, digits) => sum * 256 + Number(digits), 0)
  return { family: 4, value: BigInt(value) }
}

function parseIpv6(text: string): Address | undefined {
  // ip-num takes a zone and drops it from the value, which would make two addresses one.
  if (text.includes('%') || !Validator.IPV6_PATTERN.test(text)) return undefined
  const { value } = new IPv6(text)
  return value >> 32n === mappedPrefix ? undefined : { family: 6, value }
}

function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}

// ip-num prints all eight groups of a number, without "::".
function formatIpv6(value: bigint): string {
  const groups = groupsOf(value)
  const zeros = longestZeroRun(groups)
  if (zeros.length < 2) return groups.map(hexadecimal).join(':')
  const before = groups.slice(0, zeros.start).map(hexadecimal).join(':')
  const after = groups
    .slice(zeros.start + zeros.length)
    .map(hexadecimal)
    .join(':')
  return `${before}::${after}`
}

function hexadecimal(group: number): string {
  return group.toString(16)
}

/** The eight 16-bit groups, first one first. Taken in pairs, because the bigint operations are the slow part. */
function groupsOf(value: bigint): number[] {
  const groups: number[] = []
  for (let shift = 96n; shift >= 0n; shift -= 32n) {
    const pair = Number(BigInt.asUintN(32, value >> shift))
    groups.push(pair >>> 16, pair & 0xffff)
  }
  return groups
}

/** The longest run of zero groups, the first one of equals. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 }
  let length = 0
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0
    if (length > longest.length) longest = { start: index - length + 1, length }
  }
  return longest
}
