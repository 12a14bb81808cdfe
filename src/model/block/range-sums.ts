import { addressCount, type Cidr, hostBits, type IpFamily, type PrefixLength } from '../../net/index.ts'
import type { IndexedBlock } from './digest.ts'

/** Sums over the blocks of one range. */
export interface BlockSums {
  readonly blocks: number
  /** The addresses of all of these blocks, free or not. */
  readonly addresses: number
  /** Neither held nor released a short time ago; reserved addresses included. */
  readonly free: number
  /** Released, and not freed yet. */
  readonly cooling: number
}

/** The sums of a range while they are kept up to date, and how many of its blocks have which size. */
interface Kept {
  sums: BlockSums
  readonly sizes: Map<PrefixLength, number>
}

/** More than a cluster has pools. */
const rangesMax = 20_000

/**
 * Sums over the blocks that lie in a range, such as a pool. The first question about a range walks its blocks; from then on each change
 * of a block is added and subtracted, so that the answer does not take longer for a large range.
 */
export class RangeSums {
  /**
   * By family, prefix length and first address without its host bits. A Map hashes the lowest 64 bits of a bigint only, and those of
   * IPv6 pools are the same.
   */
  readonly #kept: Readonly<Record<IpFamily, Map<PrefixLength, Map<bigint, Kept>>>> = { 4: new Map(), 6: new Map() }
  #count = 0

  /**
   * The sums over the blocks in `range`, which `blocks` yields when they are not known yet. Undefined if the blocks have more than one size:
   * then they may overlap, and sums would count addresses twice.
   */
  of(range: Cidr, blocks: Iterable<IndexedBlock>): BlockSums | undefined {
    const kept =
      this.#kept[range.family].get(range.prefixLength)?.get(range.base >> hostBits(range)) ?? this.#keep(range, blocks)
    return kept.sizes.size > 1 ? undefined : kept.sums
  }

  /** Applies that the block under one CIDR was `before`, and is `after`; undefined: there is none. */
  changed(
    { family, prefixLength, base }: Cidr,
    before: IndexedBlock | undefined,
    after: IndexedBlock | undefined,
  ): void {
    for (const [length, ranges] of this.#kept[family]) {
      if (length > prefixLength) continue
      const bits = hostBits({ family, prefixLength: length, base })
      const kept = ranges.get(base >> bits)
      if (kept === undefined) continue
      if (before !== undefined) add(kept, before, -1)
      if (after !== undefined) add(kept, after, 1)
    }
  }

  #keep(range: Cidr, blocks: Iterable<IndexedBlock>): Kept {
    if (this.#count >= rangesMax) {
      this.#kept[4].clear()
      this.#kept[6].clear()
      this.#count = 0
    }
    const kept: Kept = { sums: { blocks: 0, addresses: 0, free: 0, cooling: 0 }, sizes: new Map() }
    for (const entry of blocks) add(kept, entry, 1)
    const { family, prefixLength, base } = range
    const ranges = this.#kept[family].get(prefixLength) ?? new Map<bigint, Kept>()
    this.#kept[family].set(prefixLength, ranges)
    ranges.set(base >> hostBits(range), kept)
    this.#count++
    return kept
  }
}

function add(kept: Kept, entry: IndexedBlock, sign: 1 | -1): void {
  const { blocks, addresses, free, cooling } = kept.sums
  kept.sums = {
    blocks: blocks + sign,
    addresses: addresses + sign * Number(addressCount(entry.cidr)),
    free: free + sign * countRuns(entry.free),
    cooling: cooling + sign * countRuns(entry.cooling),
  }
  const { prefixLength } = entry.cidr
  const ofSize = (kept.sizes.get(prefixLength) ?? 0) + sign
  if (ofSize === 0) kept.sizes.delete(prefixLength)
  else kept.sizes.set(prefixLength, ofSize)
}

/** The number of ordinals in runs. */
export function countRuns(runs: readonly { readonly first: number; readonly last: number }[]): number {
  return runs.reduce((sum, { first, last }) => sum + last - first + 1, 0)
}
