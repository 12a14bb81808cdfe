/**
 * How a pool is divided into blocks of one prefix length (the pool's block size), numbered from 0 in address order, and a block into
 * addresses, numbered by their ordinals. Block numbers are bigints: a /48 pool has 2^74 blocks of size /122.
 */

import assert from 'node:assert/strict'
import { type Address, bits } from './address.ts'
import { type Cidr, cidrAround, contains, hostBits, type PrefixLength } from './cidr.ts'

declare const ordinalBrand: unique symbol

/** The place of an address in its block, counted from 0. */
export type Ordinal = number & { readonly [ordinalBrand]: 'Ordinal' }

/** `place` as an ordinal. Throws unless it is a whole number from 0 up: a bug of the caller. */
export function ordinal(place: number): Ordinal {
  assert(isOrdinal(place), 'an ordinal must be a whole number from 0 up')
  return place
}

function isOrdinal(place: number): place is Ordinal {
  return Number.isSafeInteger(place) && place >= 0
}

/** The number of blocks of that size in the pool; 0 if a block would be larger than the pool. */
export function blockCount(pool: Cidr, blockSize: PrefixLength): bigint {
  return blockSize < pool.prefixLength ? 0n : 1n << BigInt(blockSize - pool.prefixLength)
}

/** The pool's block with that number. Throws unless `index` is from 0 to {@link blockCount} - 1: a bug. */
export function blockAt(pool: Cidr, blockSize: PrefixLength, index: bigint): Cidr {
  assert(index >= 0n && index < blockCount(pool, blockSize), 'the pool has no block of that number')
  const base = pool.base + (index << BigInt(bits(pool.family) - blockSize))
  return { family: pool.family, base, prefixLength: blockSize }
}

/** The block of that size that contains the address, in any pool. */
export function blockOf(address: Address, blockSize: PrefixLength): Cidr {
  return cidrAround(address, blockSize)
}

/** The ordinal of the address in the block. Throws if it lies outside: a bug. */
export function ordinalOf(block: Cidr, address: Address): Ordinal {
  assert(contains(block, address), 'the address does not lie in the block')
  return ordinal(Number(address.value - block.base))
}

/** The address with that ordinal, the inverse of {@link ordinalOf}. Throws if the block has no such ordinal: a bug. */
export function addressAt(block: Cidr, place: Ordinal): Address {
  const offset = BigInt(place)
  assert(offset >> hostBits(block) === 0n, 'the block has no such ordinal')
  return { family: block.family, value: block.base + offset }
}
