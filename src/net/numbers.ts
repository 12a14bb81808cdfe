import assert from 'node:assert/strict'

declare const brand: unique symbol

/** An IP version. */
export type IpFamily = 4 | 6

/** The number of leading bits that all addresses of a CIDR share: 0 to 32 in IPv4, 0 to 128 in IPv6. */
export type PrefixLength = number & { readonly [brand]: 'PrefixLength' }

/** The place of an address in its block, counted from 0. */
export type Ordinal = number & { readonly [brand]: 'Ordinal' }

/** How many bits an address of the family has. */
export function bits(family: IpFamily): 32 | 128 {
  return family === 4 ? 32 : 128
}

/** `length` as a prefix length of the family; undefined unless it is a whole number from 0 to 32 (IPv4) or 128 (IPv6). */
export function prefixLength(family: IpFamily, length: number): PrefixLength | undefined {
  return isPrefixLength(family, length) ? length : undefined
}

/** `place` as an ordinal. Throws when it is not a whole number from 0 up: that is a bug of the caller. */
export function ordinal(place: number): Ordinal {
  assert(isOrdinal(place), 'an ordinal must be a whole number from 0 up')
  return place
}

/** Whether `length` is a prefix length of the family. */
export function isPrefixLength(family: IpFamily, length: number): length is PrefixLength {
  return Number.isInteger(length) && length >= 0 && length <= bits(family)
}

function isOrdinal(place: number): place is Ordinal {
  return Number.isSafeInteger(place) && place >= 0
}
