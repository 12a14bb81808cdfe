import {
  affinities,
  affinityPrefix,
  type BlockIndex,
  blockKey,
  compareBytewise,
  formatAffinity,
  hasAvailable,
  type AffinityHost,
  parseAffinityKey,
  type Availability,
  virtualAffinities,
} from '../../model/index.ts'
import type { Cidr, CidrSet, IpFamily } from '../../net/index.ts'
import type { Guard, View } from '../../plan/index.ts'
import { onceFor } from '../surroundings.ts'

/** Reads the affinities of `host` to blocks of one address family, in all pools. */
export function readAffineBlocks(
  view: View,
  blocks: BlockIndex,
  host: AffinityHost,
  family: IpFamily,
  guard: Guard,
): AffineBlocks {
  const prefix = affinityPrefix(host, family)
  const known = rememberedFor(blocks)
  // Requests may name any number of nodes that do not exist.
  if (known.size >= hostsMax) known.clear()
  const affine = known.get(prefix) ?? new AffineBlocks(blocks, formatAffinity(host))
  known.set(prefix, affine)
  affine.update(view.list(host.type === 'host' ? affinities : virtualAffinities, guard, prefix))
  return affine
}

/** The most hosts that are remembered: more than a cluster has nodes. */
const hostsMax = 10_000

/** The remembered hosts beside each index, by the prefix of their affinity keys. */
const rememberedFor = onceFor((_blocks: BlockIndex) => new Map<string, AffineBlocks>())

/** An entry of a listing of affinities. */
interface Entry {
  readonly key: string
}

/** A block that the host has an affinity to. */
interface AffineBlock {
  readonly cidr: Cidr
  readonly blockKey: string
}

/** The blocks to read, in the order of their keys. */
export interface WorthReading {
  /** All blocks except those that the index knows to be used up. */
  readonly cidrs: readonly Cidr[]
  /** Blocks that are empty, or will be once nothing cools down. */
  readonly empty: readonly Cidr[]
}

/**
 * The blocks that one host has affinities to, with what the index knows of them. An host may have hundreds, and each assignment
 * changes only a few, so this looks again only at what changed since the last time.
 */
export class AffineBlocks {
  readonly #index: BlockIndex
  readonly #affinity: string
  #listing: readonly Entry[] = []
  /** The block of each entry of the listing; undefined if the key is not that of a block affinity. */
  #listed: readonly (AffineBlock | undefined)[] = []
  readonly #byBlockKey = new Map<string, AffineBlock>()
  readonly #open = new Set<AffineBlock>()
  readonly #empty = new Set<AffineBlock>()
  /** Used up, but with an address that cools down: they open again as time passes. */
  readonly #cooling = new Set<AffineBlock>()
  /** Not yet looked up in the index. */
  readonly #added = new Set<AffineBlock>()
  #found: WorthReading | undefined
  #asOf: { readonly changes: number; readonly reserved: CidrSet } | undefined

  /** Blocks of `index`; `affinity` is the host as blocks name it. */
  constructor(index: BlockIndex, affinity: string) {
    this.#index = index
    this.#affinity = affinity
  }

  /** Applies a new listing of the host's affinities, which is in key order. */
  update(listing: readonly Entry[]): void {
    if (listing === this.#listing) return
    const before = this.#listing
    const listed: (AffineBlock | undefined)[] = []
    let place = 0
    for (const entry of listing) {
      let known = before[place]
      for (; known !== undefined && known !== entry && known.key < entry.key; known = before[++place]) {
        this.#forget(this.#listed[place])
      }
      const isKnown = known === entry || known?.key === entry.key
      listed.push(isKnown ? this.#listed[place++] : this.#add(entry))
    }
    for (; place < before.length; place++) this.#forget(this.#listed[place])
    this.#listing = listing
    this.#listed = listed
  }

  /** Counts the blocks that satisfy a condition. */
  count(isCounted: (cidr: Cidr) => boolean): number {
    return this.#listed.reduce((count, block) => (block !== undefined && isCounted(block.cidr) ? count + 1 : count), 0)
  }

  /** The blocks that may have an address for the host, according to the index. */
  worthReading(terms: Availability): WorthReading {
    for (const block of this.#outdated(terms)) this.#lookUp(block, terms)
    this.#added.clear()
    this.#asOf = { changes: this.#index.changes, reserved: terms.reserved }
    return (this.#found ??= { cidrs: sortByKey(this.#open), empty: sortByKey(this.#empty) })
  }

  /** The blocks whose state may have changed since the last time. */
  #outdated({ reserved }: Availability): Iterable<AffineBlock> {
    const changed = this.#asOf?.reserved === reserved ? this.#index.changedSince(this.#asOf.changes) : undefined
    if (changed === undefined) return this.#byBlockKey.values()
    const outdated = new Set([...this.#added, ...this.#cooling])
    for (const key of changed) {
      const block = this.#byBlockKey.get(key)
      if (block !== undefined) outdated.add(block)
    }
    return outdated
  }

  #lookUp(block: AffineBlock, terms: Availability): void {
    const entry = this.#index.entry(block.blockKey)
    const isUsedUp = entry !== undefined && !hasAvailable(entry, terms) && entry.affinity === this.#affinity
    setMembership(this.#cooling, block, isUsedUp && entry.coolingSince !== undefined)
    const isOpenChanged = setMembership(this.#open, block, !isUsedUp)
    const isEmptyChanged = setMembership(this.#empty, block, entry?.isAbandoned === true)
    if (isOpenChanged || isEmptyChanged) this.#found = undefined
  }

  #add({ key }: Entry): AffineBlock | undefined {
    const cidr = parseAffinityKey(key)?.cidr
    if (cidr === undefined) return undefined
    const block = { cidr, blockKey: blockKey(cidr).text }
    this.#byBlockKey.set(block.blockKey, block)
    this.#added.add(block)
    return block
  }

  #forget(block: AffineBlock | undefined): void {
    if (block === undefined) return
    this.#byBlockKey.delete(block.blockKey)
    for (const blocks of [this.#open, this.#empty, this.#cooling, this.#added]) blocks.delete(block)
    this.#found = undefined
  }
}

/** Adds `block` to `blocks` or removes it; true if that is a change. */
function setMembership(blocks: Set<AffineBlock>, block: AffineBlock, isMember: boolean): boolean {
  if (blocks.has(block) === isMember) return false
  if (isMember) blocks.add(block)
  else blocks.delete(block)
  return true
}

function sortByKey(blocks: ReadonlySet<AffineBlock>): readonly Cidr[] {
  return [...blocks].sort((one, other) => compareBytewise(one.blockKey, other.blockKey)).map(({ cidr }) => cidr)
}
