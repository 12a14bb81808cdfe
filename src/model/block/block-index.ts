import {
  type Address,
  blockAt,
  blockCount,
  type Cidr,
  type CidrSet,
  type IpFamily,
  firstAddress,
  hostBits,
  hostCidr,
  lastAddress,
  type PrefixLength,
  RunSet,
} from '../../net/index.ts'
import { type Block, parseBlockKey } from './block.ts'
import { digestOf, digestOfUnreadable, type IndexedBlock } from './digest.ts'
import { OrderedBlocks } from './ordered-blocks.ts'
import { outlineOf } from './outline.ts'

/** What is stored under a block's key, as the datastore tells it. */
type BlockLookup =
  | { readonly kind: 'absent' }
  | { readonly kind: 'value'; readonly value: Block }
  | { readonly kind: 'unreadable' }

/** What keeps addresses that nobody holds from being chosen. */
export interface Terms {
  readonly reserved: CidrSet
  /** Unix time in nanoseconds: an address that was released before it has cooled down. */
  readonly cooledBefore: bigint
}

/** How many at the least: enough for all that changes between two assignments to a busy node. */
const changesRemembered = 256

/**
 * Answers "which block?" without walking them all: what is kept of every block beside the image of the datastore. An answer is a
 * hint; whoever relies on it reads the block.
 */
export class BlockIndex {
  readonly #entries = new Map<string, IndexedBlock>()
  readonly #all: ByFamily = { 4: new OrderedBlocks(), 6: new OrderedBlocks() }
  /** The blocks that have something to give, or will when it has cooled down; and the same by family and affinity. */
  readonly #open: ByFamily = { 4: new OrderedBlocks(), 6: new OrderedBlocks() }
  readonly #openByAffinity = new Map<string, OrderedBlocks<IndexedBlock>>()
  /** Which CIDRs are taken, by family and prefix length, as block numbers counted from the address 0. */
  readonly #taken = new Map<string, RunSet>()
  #changes = 0
  /** The keys of the last changes, in their order. */
  readonly #lastChanged: string[] = []

  /** How often the index has changed: as long as it stays the same, so does what is derived from the index. */
  get changes(): number {
    return this.#changes
  }

  /**
   * The keys that changed after the index had changed `changes` times, some of them repeatedly; undefined when that was too long ago to
   * tell.
   */
  changedSince(changes: number): readonly string[] | undefined {
    const start = this.#lastChanged.length - (this.#changes - changes)
    return start < 0 ? undefined : this.#lastChanged.slice(start)
  }

  /** Takes over a change of a block's key. A block that cannot be read still occupies its CIDR, with nothing to give. */
  changed(key: string, lookup: BlockLookup): void {
    const before = this.#entries.get(key)
    const cidr = before?.cidr ?? parseBlockKey(key)
    if (cidr === undefined) return
    this.#remember(key)
    if (lookup.kind === 'absent') {
      if (before === undefined) return
      this.#close(before)
      this.#entries.delete(key)
      this.#all[cidr.family].delete(cidr)
      this.#takenOf(cidr.family, cidr.prefixLength).delete(blockNumber(cidr))
      return
    }
    this.#take(key, lookup.kind === 'value' ? digestOf(lookup.value) : digestOfUnreadable(cidr))
  }

  /**
   * Takes over a change of a block's key from the text that is stored. False, and nothing is taken over, when only decoding tells what
   * there is to know; a text of which this is true can be decoded.
   */
  changedText(key: string, text: string): boolean {
    const outline = outlineOf(key, text)
    if (outline === undefined) return false
    this.#remember(key)
    this.#take(key, digestOf(outline))
    return true
  }

  #remember(key: string): void {
    this.#changes++
    this.#lastChanged.push(key)
    if (this.#lastChanged.length === 2 * changesRemembered) this.#lastChanged.splice(0, changesRemembered)
  }

  #take(key: string, entry: IndexedBlock): void {
    const { cidr } = entry
    const before = this.#entries.get(key)
    this.#entries.set(key, entry)
    this.#all[cidr.family].set(entry)
    if (before === undefined) this.#takenOf(cidr.family, cidr.prefixLength).add(blockNumber(cidr))
    else if (!isOpen(entry) || before.affinity !== entry.affinity) this.#close(before)
    if (isOpen(entry)) this.#openUp(entry)
  }

  /** What is known of the block with this key; undefined when there is none. */
  entry(key: string): IndexedBlock | undefined {
    return this.#entries.get(key)
  }

  /** The blocks that share an address with `range`, ascending. */
  overlapping(range: Cidr): Iterable<IndexedBlock> {
    return this.#all[range.family].overlapping(range)
  }

  /** A block of another size that shares an address with `cidr`. */
  ofOtherSize(cidr: Cidr): IndexedBlock | undefined {
    // Nearly always all blocks are of one size.
    if (!this.#hasOtherSize(cidr)) return undefined
    for (const entry of this.overlapping(cidr)) if (entry.cidr.prefixLength !== cidr.prefixLength) return entry
    return undefined
  }

  /** All blocks, or those after the block `cidr`, be it there or not: IPv4 before IPv6, by their first addresses, larger ones first. */
  *after(cidr?: Cidr): Iterable<IndexedBlock> {
    if (cidr?.family !== 6) yield* this.#all[4].after(cidr)
    yield* this.#all[6].after(cidr?.family === 6 ? cidr : undefined)
  }

  /** The block that contains `address`, whatever its size; undefined when there is none. */
  containing(address: Address): IndexedBlock | undefined {
    for (const entry of this.overlapping(hostCidr(address))) return entry
    return undefined
  }

  /** The blocks of size `blockSize` in `pool` that may have an address to give, ascending. */
  open(pool: Cidr, blockSize: PrefixLength, terms: Terms): Iterable<IndexedBlock> {
    return giving(this.#open[pool.family].overlapping(pool), blockSize, terms)
  }

  /** Like {@link open}, of the blocks with this affinity (null: none). */
  openWithAffinity(pool: Cidr, blockSize: PrefixLength, affinity: string | null, terms: Terms): Iterable<IndexedBlock> {
    const group = this.#openByAffinity.get(groupName(pool.family, affinity))
    return giving(group?.overlapping(pool) ?? [], blockSize, terms)
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

  #hasOtherSize({ family, prefixLength }: Cidr): boolean {
    for (const [name, taken] of this.#taken) {
      if (taken.size > 0n && name.startsWith(`${family}/`) && name !== sizeName(family, prefixLength)) return true
    }
    return false
  }

  #openUp(entry: IndexedBlock): void {
    this.#open[entry.cidr.family].set(entry)
    const name = groupName(entry.cidr.family, entry.affinity)
    const group = this.#openByAffinity.get(name) ?? new OrderedBlocks()
    this.#openByAffinity.set(name, group)
    group.set(entry)
  }

  #close(entry: IndexedBlock): void {
    this.#open[entry.cidr.family].delete(entry.cidr)
    const name = groupName(entry.cidr.family, entry.affinity)
    const group = this.#openByAffinity.get(name)
    group?.delete(entry.cidr)
    // Nodes come and go, under names that are never used again.
    if (group?.isEmpty === true) this.#openByAffinity.delete(name)
  }

  #takenOf(family: IpFamily, blockSize: PrefixLength): RunSet {
    const name = sizeName(family, blockSize)
    const taken = this.#taken.get(name) ?? new RunSet()
    this.#taken.set(name, taken)
    return taken
  }
}

type ByFamily = Readonly<Record<IpFamily, OrderedBlocks<IndexedBlock>>>

/** Whether the block may have an address to give: one that is free and not reserved, or one that has cooled down. */
export function mayGive({ cidr, free, coolingSince }: IndexedBlock, { reserved, cooledBefore }: Terms): boolean {
  if (coolingSince !== undefined && coolingSince < cooledBefore) return true
  if (reserved.isEmpty) return free.length > 0
  return free.some(({ first, last }) => {
    const reservedTo = reserved.lastOfRunAt({ family: cidr.family, value: cidr.base + BigInt(first) })
    return reservedTo === undefined || reservedTo.value < cidr.base + BigInt(last)
  })
}

function* giving(entries: Iterable<IndexedBlock>, blockSize: PrefixLength, terms: Terms): Iterable<IndexedBlock> {
  for (const entry of entries) if (entry.cidr.prefixLength === blockSize && mayGive(entry, terms)) yield entry
}

function isOpen({ free, coolingSince }: IndexedBlock): boolean {
  return free.length > 0 || coolingSince !== undefined
}

function blockNumber(cidr: Cidr): bigint {
  return cidr.base >> hostBits(cidr)
}

function sizeName(family: IpFamily, blockSize: PrefixLength): string {
  return `${family}/${blockSize}`
}

function groupName(family: IpFamily, affinity: string | null): string {
  return `${family} ${affinity ?? ''}`
}
