import {
  type Address,
  bits,
  blockAt,
  blockCount,
  type Cidr,
  type CidrSet,
  type Family,
  firstAddress,
  hostCidr,
  lastAddress,
  type PrefixLength,
  RunSet,
} from '../net/index.ts'
import { type Block, type BlockDigest, digestOf, parseBlockKey } from './block.ts'
import { OrderedBlocks } from './ordered-blocks.ts'

/** What is stored under a block's key, as the datastore tells it. */
type BlockLookup =
  | { readonly kind: 'absent' }
  | { readonly kind: 'value'; readonly value: Block }
  | { readonly kind: 'unreadable' }

/**
 * Answers "which block?" without walking them all: what is kept of every block beside the image of the datastore. An answer is a
 * hint; whoever relies on it reads the block.
 */
export class BlockIndex {
  readonly #digests = new Map<string, BlockDigest>()
  readonly #all = new Map<Family, OrderedBlocks>([
    [4, new OrderedBlocks()],
    [6, new OrderedBlocks()],
  ])
  /** The blocks with free addresses, and the same by the text of their affinity (empty: none). */
  readonly #open = new Map<Family, OrderedBlocks>([
    [4, new OrderedBlocks()],
    [6, new OrderedBlocks()],
  ])
  readonly #openByAffinity = new Map<string, OrderedBlocks>()
  /** Which CIDRs are taken, by family and prefix length, as block numbers counted from the address 0. */
  readonly #taken = new Map<string, RunSet>()

  /** Takes over a change of a block's key. A block that cannot be read still occupies its CIDR, with nothing to give. */
  changed(key: string, lookup: BlockLookup): void {
    const cidr = parseBlockKey(key)
    if (cidr === undefined) return
    const before = this.#digests.get(key)
    if (lookup.kind === 'absent') {
      if (before === undefined) return
      this.#removeOpen(before)
      this.#digests.delete(key)
      this.#of(this.#all, cidr.family).delete(cidr)
      this.#takenOf(cidr.family, cidr.prefixLength).delete(blockNumber(cidr))
      return
    }
    const digest = lookup.kind === 'value' ? digestOf(lookup.value) : unreadableDigest(cidr)
    this.#digests.set(key, digest)
    this.#of(this.#all, cidr.family).set(digest)
    if (before === undefined) this.#takenOf(cidr.family, cidr.prefixLength).add(blockNumber(cidr))
    else if (digest.freeCount === 0 || before.affinity !== digest.affinity) this.#removeOpen(before)
    this.#addOpen(digest)
  }

  /** What is known of the block with this key; undefined when there is none. */
  digest(key: string): BlockDigest | undefined {
    return this.#digests.get(key)
  }

  /** The blocks that share an address with `range`, ascending. */
  overlapping(range: Cidr): Iterable<BlockDigest> {
    return this.#of(this.#all, range.family).overlapping(range)
  }

  /** The block that contains `address`, whatever its size; undefined when there is none. */
  containing(address: Address): BlockDigest | undefined {
    for (const digest of this.overlapping(hostCidr(address))) return digest
    return undefined
  }

  /** The blocks in `range` with free addresses, ascending. */
  open(range: Cidr): Iterable<BlockDigest> {
    return this.#of(this.#open, range.family).overlapping(range)
  }

  /** The blocks in `range` with free addresses that have this affinity (null: none), ascending. */
  openWithAffinity(range: Cidr, affinity: string | null): Iterable<BlockDigest> {
    return this.#openByAffinity.get(affinityGroup(range.family, affinity))?.overlapping(range) ?? []
  }

  /**
   * The CIDRs of size `blockSize` in `pool` under which no block is stored and that are not entirely `reserved`: ascending from the
   * `start`-th block, wrapping at the end of the pool, each once. Finding the next one does not depend on how many are taken
   * or reserved.
   */
  *vacant(pool: Cidr, blockSize: PrefixLength, start: bigint, reserved: CidrSet): Iterable<Cidr> {
    const taken = this.#takenOf(pool.family, blockSize)
    const count = blockCount(pool, blockSize)
    if (count === 0n) return
    const first = blockNumber(blockAt(pool, blockSize, 0n))
    for (const [from, end] of [
      [start, count],
      [0n, start],
    ] as const) {
      let number = taken.nextAbsent(first + from)
      while (number < first + end) {
        const cidr = blockAt(pool, blockSize, number - first)
        const lastReserved = reserved.lastOfRunAt(firstAddress(cidr))
        if (lastReserved === undefined || lastReserved.value < lastAddress(cidr).value) {
          yield cidr
          number++
        } else {
          number = (lastReserved.value + 1n) >> hostBits(cidr)
        }
        number = taken.nextAbsent(number)
      }
    }
  }

  #addOpen(digest: BlockDigest): void {
    if (digest.freeCount === 0) return
    this.#of(this.#open, digest.cidr.family).set(digest)
    const group = affinityGroup(digest.cidr.family, digest.affinity)
    let blocks = this.#openByAffinity.get(group)
    if (blocks === undefined) {
      blocks = new OrderedBlocks()
      this.#openByAffinity.set(group, blocks)
    }
    blocks.set(digest)
  }

  #removeOpen(digest: BlockDigest): void {
    if (digest.freeCount === 0) return
    this.#of(this.#open, digest.cidr.family).delete(digest.cidr)
    this.#openByAffinity.get(affinityGroup(digest.cidr.family, digest.affinity))?.delete(digest.cidr)
  }

  #of(blocks: ReadonlyMap<Family, OrderedBlocks>, family: Family): OrderedBlocks {
    const found = blocks.get(family)
    if (found === undefined) throw new Error(`There is no address family ${String(family)}.`)
    return found
  }

  #takenOf(family: Family, blockSize: PrefixLength): RunSet {
    const name = `${String(family)}/${String(blockSize)}`
    let taken = this.#taken.get(name)
    if (taken === undefined) {
      taken = new RunSet()
      this.#taken.set(name, taken)
    }
    return taken
  }
}

function blockNumber(cidr: Cidr): bigint {
  return cidr.base >> hostBits(cidr)
}

function hostBits(cidr: Cidr): bigint {
  return BigInt(bits(cidr.family) - cidr.prefixLength)
}

function affinityGroup(family: Family, affinity: string | null): string {
  return `${String(family)} ${affinity ?? ''}`
}

function unreadableDigest(cidr: Cidr): BlockDigest {
  return { cidr, affinity: null, freeCount: 0, isEmpty: false, sequenceNumber: 0n, hasCooling: false }
}
