import { type Availability, type BlockIndex, type BlockSums, countRuns, type IndexedBlock } from '../../model/index.ts'
import { addressCount, type Cidr, CidrSet, covers } from '../../net/index.ts'

/**
 * The addresses of a block or a range, counted by state. `reserved` counts addresses whether or not they are assigned, so the other
 * three need not add up to the capacity.
 * @see docs/calico/ipam.md section 8
 */
export interface AddressCounts {
  readonly capacity: bigint
  /** Assigned. All addresses of a block that cannot be read count as assigned. */
  readonly inUse: bigint
  /** Released, and not yet free again. */
  readonly cooling: bigint
  readonly reserved: bigint
  /** Left for automatic assignments: neither in use nor cooling down nor reserved. */
  readonly available: bigint
}

/** The addresses of a pool, and the blocks that it is cut into. */
export interface PoolCounts extends AddressCounts {
  /** The number of blocks that share an address with the pool. */
  readonly blocksInUse: number
}

/** The number of assigned addresses of a block that lie in `within`; 0 for a block that cannot be read. */
export function countHeld(entry: IndexedBlock, within: Cidr): number {
  return entry.isReadable ? countPart(entry, nothingReserved, within).inUse : 0
}

/** The number of assigned addresses of a range, which takes no time for its blocks unless they have several sizes. */
export function countInUse(cidr: Cidr, blocks: BlockIndex): number {
  const sums = blocks.sumsOf(cidr)
  if (sums !== undefined) return sums.addresses - sums.free - sums.cooling
  return Number(countInRange(cidr, blocks, nothingReserved).inUse)
}

const nothingReserved: Availability = { reserved: CidrSet.of([]), cooledBefore: 0n }

/** Counts the addresses of a block. */
export function countInBlock(entry: IndexedBlock, terms: Availability): AddressCounts {
  const { capacity, inUse, cooling, reserved, available } = countPart(entry, terms, entry.cidr)
  return {
    capacity: BigInt(capacity),
    inUse: BigInt(inUse),
    cooling: BigInt(cooling),
    reserved: BigInt(reserved),
    available: BigInt(available),
  }
}

/**
 * Counts the addresses of `cidr`. Takes time for each block that is reserved in part or in which addresses cool down, and none for the
 * others, unless blocks of several sizes lie in the range.
 */
export function countInRange(cidr: Cidr, blocks: BlockIndex, terms: Availability): PoolCounts {
  const sums = blocks.sumsOf(cidr)
  return sums === undefined
    ? countBlocks(cidr, blocks.overlapping(cidr), terms)
    : countBySums(cidr, sums, specialBlocks(cidr, blocks, terms), terms)
}

/** The blocks of a range whose sums do not tell how many of their addresses are available. */
function specialBlocks(cidr: Cidr, blocks: BlockIndex, { reserved }: Availability): ReadonlySet<IndexedBlock> {
  const special = new Set(blocks.cooling(cidr))
  for (const { first, last } of reserved.runsIn(cidr)) {
    for (const entry of blocks.between(first, last)) special.add(entry)
  }
  return special
}

function countBySums(cidr: Cidr, sums: BlockSums, special: ReadonlySet<IndexedBlock>, terms: Availability): PoolCounts {
  let cooling = 0
  let reservedInBlocks = 0
  let available = sums.free
  for (const entry of special) {
    const counts = countPart(entry, terms, cidr)
    cooling += counts.cooling
    reservedInBlocks += counts.reserved
    available += counts.available - countRuns(entry.free)
  }
  const inUse = sums.addresses - sums.free - sums.cooling
  const inBlocks = {
    addresses: sums.addresses,
    blocks: sums.blocks,
    inUse,
    cooling,
    reserved: reservedInBlocks,
    available,
  }
  return withVacant(cidr, inBlocks, terms)
}

/**
 * Counts the addresses of `cidr` block by block. `blocks` share an address with it, by first address, larger ones first. Blocks should not
 * overlap; if they do, the largest counts, so that no address is counted twice.
 */
function countBlocks(cidr: Cidr, blocks: Iterable<IndexedBlock>, terms: Availability): PoolCounts {
  // A block has at most 4,096 addresses, so the addresses of all blocks in memory can be counted in numbers.
  let inBlocks = 0
  let inUse = 0
  let cooling = 0
  let reservedInBlocks = 0
  let available = 0
  let blocksInUse = 0
  let last: Cidr | undefined
  for (const entry of blocks) {
    blocksInUse++
    // Blocks of one size never overlap.
    if (last !== undefined && last.prefixLength < entry.cidr.prefixLength && covers(last, entry.cidr)) continue
    last = entry.cidr
    const counts = countPart(entry, terms, cidr)
    inBlocks += counts.capacity
    inUse += counts.inUse
    cooling += counts.cooling
    reservedInBlocks += counts.reserved
    available += counts.available
  }
  const counted = { addresses: inBlocks, blocks: blocksInUse, inUse, cooling, reserved: reservedInBlocks, available }
  return withVacant(cidr, counted, terms)
}

/** The addresses of a range that lie in its blocks, by state. */
interface InBlocks {
  readonly addresses: number
  readonly blocks: number
  readonly inUse: number
  readonly cooling: number
  readonly reserved: number
  readonly available: number
}

/** Adds the addresses of a range for which there is no block yet. */
function withVacant(cidr: Cidr, inBlocks: InBlocks, terms: Availability): PoolCounts {
  const capacity = addressCount(cidr)
  const reserved = terms.reserved.countIn(cidr)
  const outside = capacity - reserved - BigInt(inBlocks.addresses - inBlocks.reserved)
  return {
    capacity,
    inUse: BigInt(inBlocks.inUse),
    cooling: BigInt(inBlocks.cooling),
    reserved,
    available: outside + BigInt(inBlocks.available),
    blocksInUse: inBlocks.blocks,
  }
}

/** {@link AddressCounts} of at most one block. */
export interface PartCounts {
  readonly capacity: number
  readonly inUse: number
  readonly cooling: number
  readonly reserved: number
  readonly available: number
}

/** Counts the addresses of a block that lie in `within`, which is covered by the block or covers it. */
export function countPart(entry: IndexedBlock, { reserved, cooledBefore }: Availability, within: Cidr): PartCounts {
  const { cidr, free, cooling, isReadable } = entry
  const isWhole = within.prefixLength <= cidr.prefixLength
  const part = isWhole ? cidr : within
  const first = Number(part.base - cidr.base)
  const capacity = Number(addressCount(part))
  const last = first + capacity - 1
  const isAnyReserved = !reserved.isEmpty && reserved.overlaps(part)
  const sum = { notInUse: 0, cooling: 0, available: 0 }
  const add = (run: { readonly first: number; readonly last: number }, kind: 'free' | 'cooling'): void => {
    const [from, to] = [Math.max(run.first, first), Math.min(run.last, last)]
    if (from > to) return
    const count = to - from + 1
    sum.notInUse += count
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
    inUse: isReadable ? capacity - sum.notInUse : capacity,
    cooling: sum.cooling,
    reserved: isAnyReserved ? Number(reserved.countIn(part)) : 0,
    available: sum.available,
  }
}
