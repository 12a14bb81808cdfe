import type { IndexedBlock, Terms } from '../../model/index.ts'
import { addressCount, type Cidr, covers } from '../../net/index.ts'

/**
 * How the addresses of a range are used. Reserved ones are counted whether or not somebody holds them, so that the other three need
 * not add up to the capacity.
 * @see docs/calico/ipam.md section 8
 */
export interface Usage {
  readonly capacity: bigint
  /** Held by somebody. All of a block that cannot be read counts as held. */
  readonly inUse: bigint
  /** Released, and not to be given out yet. */
  readonly cooling: bigint
  readonly reserved: bigint
  /** To be had by an automatic assignment: neither held nor cooling nor reserved. */
  readonly available: bigint
}

/** How a pool is used, and how many blocks it is cut into. */
export interface PoolUsage extends Usage {
  /** How many blocks share an address with the pool. */
  readonly blocksInUse: number
}

/** How the addresses of a block are used, or those of its part that lies in `within`. */
export function usageOfBlock(entry: IndexedBlock, terms: Terms, within: Cidr = entry.cidr): Usage {
  const { capacity, ...counts } = countBlock(entry, terms, within)
  return {
    capacity: BigInt(capacity),
    inUse: BigInt(counts.inUse),
    cooling: BigInt(counts.cooling),
    reserved: BigInt(counts.reserved),
    available: BigInt(counts.available),
  }
}

/**
 * How the addresses of `cidr` are used; `blocks` are those that share an address with it, by their first addresses, larger ones first. Of
 * blocks that overlap, which should not be, the largest counts: no address is counted twice. Takes time for each block, not for each
 * address.
 */
export function usageOfRange(cidr: Cidr, blocks: Iterable<IndexedBlock>, terms: Terms): PoolUsage {
  // Blocks hold 4,096 addresses at most, so that what is in memory can be counted in numbers.
  let inBlocks = 0
  let inUse = 0
  let cooling = 0
  let reservedInBlocks = 0
  let available = 0
  let blocksInUse = 0
  let last: Cidr | undefined
  for (const entry of blocks) {
    blocksInUse++
    // Those of one size never overlap.
    if (last !== undefined && last.prefixLength < entry.cidr.prefixLength && covers(last, entry.cidr)) continue
    last = entry.cidr
    const counts = countBlock(entry, terms, cidr)
    inBlocks += counts.capacity
    inUse += counts.inUse
    cooling += counts.cooling
    reservedInBlocks += counts.reserved
    available += counts.available
  }
  const capacity = addressCount(cidr)
  const reserved = terms.reserved.countIn(cidr)
  const outside = capacity - reserved - BigInt(inBlocks - reservedInBlocks)
  return {
    capacity,
    inUse: BigInt(inUse),
    cooling: BigInt(cooling),
    reserved,
    available: outside + BigInt(available),
    blocksInUse,
  }
}

interface Counts {
  readonly capacity: number
  readonly inUse: number
  readonly cooling: number
  readonly reserved: number
  readonly available: number
}

function countBlock(entry: IndexedBlock, { reserved, cooledBefore }: Terms, within: Cidr): Counts {
  const { cidr, free, cooling, isReadable } = entry
  const part = covers(within, cidr) ? cidr : within
  const first = Number(part.base - cidr.base)
  const capacity = Number(addressCount(part))
  const last = first + capacity - 1
  const isAnyReserved = !reserved.isEmpty && reserved.overlaps(part)
  const sum = { taken: 0, cooling: 0, available: 0 }
  const add = (run: { readonly first: number; readonly last: number }, kind: 'free' | 'cooling'): void => {
    const [from, to] = [Math.max(run.first, first), Math.min(run.last, last)]
    if (from > to) return
    const count = to - from + 1
    sum.taken += count
    if (kind === 'cooling') sum.cooling += count
    else sum.available += count - (isAnyReserved ? reservedBetween(from, to) : 0)
  }
  const reservedBetween = (from: number, to: number): number => {
    const at = (place: number) => ({ family: cidr.family, value: cidr.base + BigInt(place) })
    return Number(reserved.countBetween(at(from), at(to)))
  }
  for (const run of free) add(run, 'free')
  for (const run of cooling)
    add(run, run.releasedAt !== undefined && run.releasedAt < cooledBefore ? 'free' : 'cooling')
  return {
    capacity,
    inUse: isReadable ? capacity - sum.taken : capacity,
    cooling: sum.cooling,
    reserved: isAnyReserved ? Number(reserved.countIn(part)) : 0,
    available: sum.available,
  }
}
