/**
 * How a pool is cut into blocks of one prefix length (its block size), numbered from 0 in address order, and a block into addresses,
 * numbered by their ordinals. Block numbers are bigints: a /48 pool holds 2^74 blocks of /122.
 */

import assert from 'node:assert/strict'
import type { Address } from './address.ts'
import { type Cidr, cidrAround, contains } from './cidr.ts'
import { type Ordinal, type PrefixLength, bits, ordinal } from './numbers.ts'

/** How many blocks of that size the pool holds; 0 when a block would be larger than the pool. */
export function blockCount(pool: Cidr, blockSize: PrefixLength): bigint {
  return blockSize < pool.prefixLength ? 0n : 1n << BigInt(blockSize - pool.prefixLength)
}

/** The pool's block with that number. Throws when `index` is not from 0 to {@link blockCount} - 1: a bug. */
export function blockAt(pool: Cidr, blockSize: PrefixLength, index: bigint): Cidr {
  assert(index >= 0n && index < blockCount(pool, blockSize), 'the pool has no block of that number')
  const base = pool.base + (index << hostBits(pool, blockSize))
  return { family: pool.family, base, prefixLength: blockSize }
}

/** The block of that size in which the address lies, whatever pool there is. */
export function blockOf(address: Address, blockSize: PrefixLength): Cidr {
  return cidrAround(address, blockSize)
}

/** The place of the address in the block, from 0. Throws when it lies outside: a bug. */
export function ordinalOf(block: Cidr, address: Address): Ordinal {
  assert(contains(block, address), 'the address does not lie in the block')
  return ordinal(Number(address.value - block.base))
}

/** The address at that place of the block, the inverse of {@link ordinalOf}. Throws when the block ends before it: a bug. */
export function addressAt(block: Cidr, place: Ordinal): Address {
  const offset = BigInt(place)
  assert(offset >> hostBits(block, block.prefixLength) === 0n, 'the block has no such ordinal')
  return { family: block.family, value: block.base + offset }
}

function hostBits(within: Cidr, length: PrefixLength): bigint {
  return BigInt(bits(within.family) - length)
}
