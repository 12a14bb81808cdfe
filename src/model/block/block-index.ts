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
import { BlocksOfNodes } from './blocks-of-nodes.ts'
import { digestOf, digestOfUnreadable, type IndexedBlock } from './digest.ts'
import { OrderedBlocks } from './ordered-blocks.ts'
import { outlineOf } from './outline.ts'
import { type BlockSums, RangeSums } from './range-sums.ts'

/** The value under a block's key, as the datastore passes it on. */
type BlockLookup =
  | { readonly kind: 'absent' }
  | { readonly kind: 'value'; readonly value: Block }
  | { readonly kind: 'unreadable' }

/** Which addresses that are not held can be assigned automatically. */
export interface Availability {
  /** These cannot. */
  readonly reserved: CidrSet
  /** Unix time in nanoseconds: an address released before this has cooled down. */
  readonly cooledBefore: bigint
}

/** At least this many of the last changes are kept: those of some seconds. */
const changesRemembered = 8_192

/** Enough for all changes between two assignments to a busy node; to look at more would take longer than to begin anew. */
const changesNear = 256

/**
 * Finds blocks without walking through all of them. It observes the image of the datastore and keeps a digest of every block. What it
 * finds is a hint: a plan that relies on it reads the block.
 */
export class BlockIndex {
  readonly #entries = new Map<string, IndexedBlock>()
  readonly #all: ByFamily = { 4: new OrderedBlocks(), 6: new OrderedBlocks() }
  /** The blocks that have a free address, or will once it has cooled down; and the same blocks by family and affinity. */
  readonly #open: ByFamily = { 4: new OrderedBlocks(), 6: new OrderedBlocks() }
  readonly #openByAffinity = new Map<string, OrderedBlocks<IndexedBlock>>()
  /** The blocks in which a released address cools down, or has cooled and waits to be freed. */
  readonly #cooling: ByFamily = { 4: new OrderedBlocks(), 6: new OrderedBlocks() }
  readonly #ofNodes = new BlocksOfNodes()
  /** The keys of values that cannot be read, also those that are not the key of a block. */
  readonly #unreadable = new Set<string>()
  readonly #sums = new RangeSums()
  /** The CIDRs under which a block is stored, by family and prefix length, as block numbers counted from address 0. */
  readonly #taken = new Map<string, RunSet>()
  #changes = 0
  /** The keys of the last changes, in order. */
  readonly #lastChanged: string[] = []

  /** How often the index has changed. What is derived from the index stays valid while this stays the same. */
  get changes(): number {
    return this.#changes
  }

  /**
   * The keys that changed since {@link changes} had this value, some of them several times; undefined if they are more than `most`, or if that
   * is too long ago to know.
   */
  changedSince(changes: number, most: number = changesNear): readonly string[] | undefined {
    const count = this.#changes - changes
    const start = this.#lastChanged.length - count
    return start < 0 || count > most ? undefined : this.#lastChanged.slice(start)
  }

  /** Applies a change of a block's key. A block that cannot be read occupies its CIDR and has nothing to give. */
  changed(key: string, lookup: BlockLookup): void {
    const before = this.#entries.get(key)
    const cidr = before?.cidr ?? parseBlockKey(key)
    this.#remember(key)
    if (lookup.kind === 'unreadable') this.#unreadable.add(key)
    else this.#unreadable.delete(key)
    if (cidr === undefined) return
    if (lookup.kind === 'absent') {
      if (before === undefined) return
      this.#close(before)
      this.#entries.delete(key)
      this.#ofNodes.changed(key, before, undefined)
      this.#all[cidr.family].delete(cidr)
      this.#sum(cidr, before, undefined)
      this.#takenOf(cidr.family, cidr.prefixLength).delete(blockNumber(cidr))
      return
    }
    this.#take(key, lookup.kind === 'value' ? digestOf(lookup.value) : digestOfUnreadable(cidr))
  }

  /**
   * Applies a change of a block's key from the stored text. Returns false and changes nothing if the text has to be decoded first. If it
   * returns true, the text can be decoded.
   */
  changedText(key: string, text: string): boolean {
    const outline = outlineOf(key, text)
    if (outline === undefined) return false
    this.#remember(key)
    this.#unreadable.delete(key)
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
    this.#ofNodes.changed(key, before, entry)
    this.#all[cidr.family].set(entry)
    if (before === undefined) this.#takenOf(cidr.family, cidr.prefixLength).add(blockNumber(cidr))
    else if (!isOpen(entry) || before.affinity !== entry.affinity) this.#close(before)
    if (isOpen(entry)) this.#openUp(entry)
    this.#sum(cidr, before, entry)
  }

  /** The digest of the block with this key; undefined if there is no block. */
  entry(key: string): IndexedBlock | undefined {
    return this.#entries.get(key)
  }

  /**
   * The keys of all blocks that may have an address which is held on the node: those that have one, and those that cannot be read. In no
   * order.
   */
  *keysOnNode(node: string): Iterable<string> {
    yield* this.#ofNodes.of(node)
    yield* this.#unreadable
  }

  /** The nodes on which addresses are held, registered or not, in no order. */
  get nodes(): Iterable<string> {
    return this.#ofNodes.nodes
  }

  /** The blocks that share an address with `range`, ascending. */
  overlapping(range: Cidr): Iterable<IndexedBlock> {
    return this.#all[range.family].overlapping(range)
  }

  /** The blocks that have an address from `first` to `last`, both included and of one family; ascending. */
  between(first: Address, last: Address): Iterable<IndexedBlock> {
    return this.#all[first.family].between(first.value, last.value)
  }

  /**
   * Sums over the blocks of `range`, in a time that does not depend on their number once the range has been asked for. Undefined if they do not
   * tell how the addresses of the range are used, because its blocks have several sizes, or one reaches beyond it.
   */
  sumsOf(range: Cidr): BlockSums | undefined {
    const [first] = this.overlapping(range)
    if (first !== undefined && first.cidr.prefixLength < range.prefixLength) return undefined
    return this.#sums.of(range, this.overlapping(range))
  }

  /** The blocks that share an address with `range`, and in which a released address cools down or waits to be freed; ascending. */
  cooling(range: Cidr): Iterable<IndexedBlock> {
    return this.#cooling[range.family].overlapping(range)
  }

  /** A block of another size that shares an address with `cidr`; undefined if there is none. */
  ofOtherSize(cidr: Cidr): IndexedBlock | undefined {
    // Nearly always all blocks have one size.
    if (!this.#hasOtherSize(cidr)) return undefined
    for (const entry of this.overlapping(cidr)) if (entry.cidr.prefixLength !== cidr.prefixLength) return entry
    return undefined
  }

  /** All blocks, or those after `cidr`, which may be stored or not: IPv4 before IPv6, by first address, larger blocks first. */
  *after(cidr?: Cidr): Iterable<IndexedBlock> {
    if (cidr?.family !== 6) yield* this.#all[4].after(cidr)
    yield* this.#all[6].after(cidr?.family === 6 ? cidr : undefined)
  }

  /** The block of any size that contains `address`; undefined if there is none. */
  containing(address: Address): IndexedBlock | undefined {
    for (const entry of this.overlapping(hostCidr(address))) return entry
    return undefined
  }

  /** The blocks of size `blockSize` in `pool` that have an available address, ascending. */
  open(pool: Cidr, blockSize: PrefixLength, terms: Availability): Iterable<IndexedBlock> {
    return withAvailable(this.#open[pool.family].overlapping(pool), blockSize, terms)
  }

  /** Like {@link open}, but only the blocks with this affinity (null: without one). */
  openWithAffinity(
    pool: Cidr,
    blockSize: PrefixLength,
    affinity: string | null,
    terms: Availability,
  ): Iterable<IndexedBlock> {
    const group = this.#openByAffinity.get(groupName(pool.family, affinity))
    return withAvailable(group?.overlapping(pool) ?? [], blockSize, terms)
  }

  /**
   * The CIDRs of size `blockSize` in `pool` under which no block is stored and that are not completely `reserved`: ascending from block
   * number `start`, continuing at the pool's first block, each once. The time to find the next one does not depend on how many are
   * taken or reserved.
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

  #sum(cidr: Cidr, before: IndexedBlock | undefined, after: IndexedBlock | undefined): void {
    this.#sums.changed(cidr, before, after)
    const cooling = this.#cooling[cidr.family]
    if (after?.hasCooling === true) cooling.set(after)
    else if (before?.hasCooling === true) cooling.delete(cidr)
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
    // Nodes come and go, and their names may never be used again.
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

/** True if the block has an available address: one that is free and not reserved, or one that has cooled down. */
export function hasAvailable(
  { cidr, free, coolingSince }: IndexedBlock,
  { reserved, cooledBefore }: Availability,
): boolean {
  if (coolingSince !== undefined && coolingSince < cooledBefore) return true
  if (reserved.isEmpty) return free.length > 0
  return free.some(({ first, last }) => {
    const reservedTo = reserved.lastOfRunAt({ family: cidr.family, value: cidr.base + BigInt(first) })
    return reservedTo === undefined || reservedTo.value < cidr.base + BigInt(last)
  })
}

function* withAvailable(
  entries: Iterable<IndexedBlock>,
  blockSize: PrefixLength,
  terms: Availability,
): Iterable<IndexedBlock> {
  for (const entry of entries) if (entry.cidr.prefixLength === blockSize && hasAvailable(entry, terms)) yield entry
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
