import { IPv6, Validator } from 'ip-num'
import assert from 'node:assert/strict'

/** An IP version. */
export type IpFamily = 4 | 6

/** An IP address: its 32 or 128 bits as an unsigned number. */
export interface Address {
  readonly family: IpFamily
  readonly value: bigint
}

/** The longest spelling of an address: six groups of four digits, then a dotted quad. Longer text is refused unread. */
const addressLengthMax = 45

/** The upper 96 bits of ::ffff:0:0/96, RFC 4291 section 2.5.5.2. */
const mappedPrefix = 0xffffn

/** The number of bits in an address of the family. */
export function bits(family: IpFamily): 32 | 128 {
  return family === 4 ? 32 : 128
}

/**
 * Parses an address; undefined if `text` is none. IPv4 is four decimal octets without leading zeros. IPv6 is any spelling of RFC 4291
 * section 2.2, in upper or lower case, without a zone. Blanks are refused. IPv4-mapped IPv6 addresses are refused in every
 * spelling: Calico and Go treat them as IPv4 in some places and as IPv6 in others (docs/calico/formats.md section 1.2).
 */
export function parseAddress(text: string): Address | undefined {
  if (text.length > addressLengthMax) return undefined
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

/** Parses an address. Throws if `text` is none: for tests and constants only. */
export function mustParseAddress(text: string): Address {
  const address = parseAddress(text)
  assert(address, `not an IP address: ${text}`)
  return address
}

/**
 * Prints an address in the only spelling that is stored and sent: dotted decimal for IPv4, RFC 5952 section 4 for IPv6. No IPv6
 * address gets a dotted tail, which section 5 leaves open: Go prints none either.
 */
export function formatAddress(address: Address): string {
  return address.family === 4 ? formatIpv4(Number(address.value)) : formatIpv6(address.value)
}

/** Orders IPv4 before IPv6, then by value. Returns a number as `Array.sort` expects it. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family
  if (a.value === b.value) return 0
  return a.value < b.value ? -1 : 1
}

const octet = '(0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])'
const ipv4Pattern = new RegExp(`^${octet}\\.${octet}\\.${octet}\\.${octet}$`)

// ip-num is twenty times slower, because it goes through a text of ones and zeros: too slow for a million stored addresses at start.
function parseIpv4(text: string): Address | undefined {
  const octets = ipv4Pattern.exec(text)
  if (octets === null) return undefined
  const value = octets.slice(1).reduce((sum, digits) => sum * 256 + Number(digits), 0)
  return { family: 4, value: BigInt(value) }
}

function parseIpv6(text: string): Address | undefined {
  // ip-num accepts a zone and drops it from the value: two addresses would become one.
  if (text.includes('%') || !Validator.IPV6_PATTERN.test(text)) return undefined
  const { value } = new IPv6(text)
  return value >> 32n === mappedPrefix ? undefined : { family: 6, value }
}

function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}

// ip-num prints all eight groups, without "::".
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

/** The eight 16-bit groups, in reading order. Takes two at a time, because bigint operations are slow. */
function groupsOf(value: bigint): number[] {
  const groups: number[] = []
  for (let shift = 96n; shift >= 0n; shift -= 32n) {
    const pair = Number(BigInt.asUintN(32, value >> shift))
    groups.push(pair >>> 16, pair & 0xffff)
  }
  return groups
}

/** The longest run of zero groups; of several runs of that length, the first. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 }
  let length = 0
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0
    if (length > longest.length) longest = { start: index - length + 1, length }
  }
  return longest
}
