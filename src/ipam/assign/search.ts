import {
  assignAutomatically,
  type Block,
  blockKey,
  type IndexedBlock,
  isBlockEmpty,
  isStorable,
  newBlock,
  nanosecondsPerSecond,
  type AffinityHost,
  parseAffinity,
  type Pool,
  type Availability,
  reserveForHost,
} from '../../model/index.ts'
import { addressAt, blockCount, type Cidr, covers, type IpFamily, type Ordinal } from '../../net/index.ts'
import type { Cause } from '../../plan/index.ts'
import { allocationsOf, holderOf } from '../allocation.ts'
import { releaseDeselectedBlocks } from '../blocks/index.ts'
import { affinityText } from '../draft.ts'
import type { Allocation } from '../request.ts'
import type { Pools } from '../surroundings.ts'
import { readAffineBlocks } from './affine-blocks.ts'
import type { Assignment } from './assignment.ts'

/** An assignment, and where it searches for addresses of one family. */
export interface SearchScope extends Assignment {
  readonly family: IpFamily
  /** The pools to search, in order of preference. */
  readonly pools: readonly Pool[]
  /** The pools chosen for the node, including those that do not allow this use. */
  readonly chosen: readonly Pool[]
  /** All stored pools. */
  readonly stored: Pools
  /** Which free addresses may not be chosen. */
  readonly terms: Availability
}

/** The addresses that a search took. */
export interface SearchResult {
  /** In the order in which they were chosen. */
  readonly allocations: readonly Allocation[]
  /** The rule that kept the search from more blocks; undefined if none did, or if there was no pool to search. */
  readonly obstacle: Cause | undefined
}

/**
 * Takes up to `wanted` addresses of one family into the draft: from the host's blocks, then from vacant blocks that it claims, then
 * from empty blocks that it takes over, and last from blocks of other hosts. @see docs/calico/ipam.md section 1.6
 */
export function search(scope: SearchScope, wanted: number): SearchResult {
  return new Search(scope, wanted).run()
}

/** The most blocks that a host may claim for one family, unless a limit is configured. @see docs/calico/ipam.md section 1.5 */
const defaultMaxBlocks = 20

/** An empty block can be taken over only if it was claimed longer ago than this. @see docs/calico/ipam.md section 1.6 */
const reclaimAfterNanoseconds = 60n * nanosecondsPerSecond

class Search {
  readonly #scope: SearchScope
  /** The host as blocks name it; null: none. */
  readonly #affinity: string | null
  readonly #terms: Availability
  readonly #found: Allocation[] = []
  #missing: number
  /** The number of blocks that the host had in these pools before the search; counted when first needed. */
  #claimedBefore: number | undefined
  /** The number of blocks that this search claimed. */
  #claimed = 0
  #obstacle: Cause | undefined

  constructor(scope: SearchScope, wanted: number) {
    this.#scope = scope
    this.#affinity = affinityText(scope.host)
    this.#terms = scope.terms
    this.#missing = wanted
  }

  run(): SearchResult {
    const { config, host, pools } = this.#scope
    // Without a pool to search, no rule keeps the search from anything; empty blocks of other pools are released all the same.
    if (pools.length === 0) {
      if (host !== undefined) this.#takeFromAffineBlocks(host)
      return { allocations: [], obstacle: undefined }
    }
    if (host === undefined && config.strictAffinity) {
      const message = 'strict affinity is on, and a node gets addresses only from its own blocks: name the node'
      return { allocations: [], obstacle: { field: 'node', reason: 'StrictAffinity', message } }
    }
    if (host === undefined) this.#repeat(() => this.#takeByAffinityInBlock('calm'))
    else this.#takeFromAffineBlocks(host)
    this.#repeat(() => this.#claimAnyBlock())
    if (host === undefined) this.#repeat(() => this.#takeByAffinityInBlock('contested'))
    if (this.#missing > 0 && this.#obstacle === undefined) this.#borrow()
    return { allocations: this.#found, obstacle: this.#obstacle }
  }

  /** Repeats a step while addresses are missing and the step yields some. */
  #repeat(step: () => boolean): void {
    let hasYielded = true
    while (this.#missing > 0 && hasYielded) hasYielded = step()
  }

  /**
   * Takes from the blocks that the host has affinities to. Before it takes from contested blocks, which others keep taking from, it
   * claims one more block: repeated conflicts would cost everyone more.
   */
  #takeFromAffineBlocks(host: AffinityHost): void {
    const { allowance, blocks, draft, family, stored, chosen } = this.#scope
    const { cidrs, empty } = readAffineBlocks(draft.view, blocks, host, family, 'hint').worthReading(this.#terms)
    releaseDeselectedBlocks(draft, this.#affinity, empty, stored, chosen)
    const contested: (readonly [Cidr, Pool])[] = []
    for (const cidr of cidrs) {
      if (this.#missing === 0) return
      const pool = this.#poolOf(cidr)
      if (pool === undefined || this.#terms.reserved.covers(cidr) || allowance.roomIn(pool) === 0) continue
      if (draft.view.isContested(blockKey(cidr))) contested.push([cidr, pool])
      else this.#takeFromAffine(host, cidr, pool)
    }
    if (contested.length === 0) return
    this.#repeat(() => this.#claim(() => this.#claimVacant()))
    for (const [cidr, pool] of contested) if (this.#missing > 0) this.#takeFromAffine(host, cidr, pool)
  }

  /** Takes from a block that the host has an affinity to; completes a claim left halfway. @see docs/calico/ipam.md section 6.3 */
  #takeFromAffine(host: AffinityHost, cidr: Cidr, pool: Pool): void {
    const { draft } = this.#scope
    const found = draft.block(cidr)
    if (found.kind === 'unreadable') return
    if (found.kind === 'absent') {
      if (cidr.prefixLength === pool.blockSize && this.#hasRoom(cidr)) this.#takeFromNew(cidr, pool)
      return
    }
    if (found.block.affinity !== this.#affinity) {
      draft.dropStaleAffinity(host, found.block)
      return
    }
    if (this.#takeFrom(found.block, pool)) draft.confirmAffinity(host, cidr)
  }

  /** Claims one more block in any way, and takes from it; false if there is none to claim. */
  #claimAnyBlock(): boolean {
    const isClaimed = this.#claim(
      () =>
        this.#takeByAffinityInBlock('calm') ||
        this.#claimVacant() ||
        this.#takeByAffinityInBlock('contested') ||
        this.#takeOver(),
    )
    if (!isClaimed && this.#scope.config.strictAffinity) {
      this.#obstacle ??= {
        field: 'node',
        reason: 'StrictAffinity',
        message: 'no block is left to claim, and strict affinity forbids borrowing from blocks of other nodes',
      }
    }
    return isClaimed
  }

  /** Claims one more block in this way, if the host may have one more. */
  #claim(way: () => boolean): boolean {
    this.#obstacle = this.#obstacleToClaiming()
    if (this.#obstacle !== undefined || !way()) return false
    this.#claimed++
    return true
  }

  #obstacleToClaiming(): Cause | undefined {
    const { config, host } = this.#scope
    if (host !== undefined) {
      const limit = this.#blockLimit()
      const claimed = (this.#claimedBefore ??= this.#countAffineBlocks(host))
      if (claimed + this.#claimed >= limit) {
        const message = `${host.name} has ${claimed} blocks in these pools, and may have ${limit}`
        return { field: 'node', reason: 'BlockLimit', message }
      }
    }
    if (config.autoAllocateBlocks) return undefined
    const message = 'the blocks are used up, and auto_allocate_blocks of the IPAM configuration is off'
    return { field: 'node', reason: 'AutoAllocationOff', message }
  }

  /** Counts the host's blocks in these pools. */
  #countAffineBlocks(host: AffinityHost): number {
    const { blocks, draft, family } = this.#scope
    const affine = readAffineBlocks(draft.view, blocks, host, family, 'changed')
    return affine.count((cidr) => this.#poolOf(cidr) !== undefined)
  }

  #blockLimit(): number {
    const { request, config } = this.#scope
    const limits = [request.maxBlocksPerNode, config.maxBlocksPerHost].filter((limit) => limit > 0)
    return limits.length === 0 ? defaultMaxBlocks : Math.min(...limits)
  }

  /**
   * Takes from a block whose own `affinity` names the host, although the affinity key is lost; without an host, from a block
   * without affinity. `contested` blocks are those that others keep taking from, `calm` ones the rest.
   */
  #takeByAffinityInBlock(which: 'calm' | 'contested'): boolean {
    const { blocks, draft, host } = this.#scope
    for (const pool of this.#openPools) {
      for (const { cidr } of blocks.openWithAffinity(pool.cidr, pool.blockSize, this.#affinity, this.#terms)) {
        if (draft.view.isContested(blockKey(cidr)) !== (which === 'contested')) continue
        const found = draft.block(cidr)
        if (found.kind !== 'block' || found.block.affinity !== this.#affinity) continue
        if (!this.#takeFrom(found.block, pool)) continue
        if (host !== undefined) draft.confirmAffinity(host, cidr)
        return true
      }
    }
    return false
  }

  #claimVacant(): boolean {
    const { blocks, draft, host } = this.#scope
    for (const pool of this.#openPools) {
      const start = startOfSearch(host?.name ?? '', blockCount(pool.cidr, pool.blockSize))
      let busy: Cidr | undefined
      for (const cidr of blocks.vacant(pool.cidr, pool.blockSize, start, this.#terms.reserved)) {
        if (draft.view.isBusy(blockKey(cidr))) busy ??= cidr
        else if (this.#claimIfVacant(cidr, pool)) return true
      }
      // A commit in flight is claiming every vacant block of this pool. Reading one waits for the outcome.
      if (busy !== undefined && this.#claimIfVacant(busy, pool)) return true
    }
    return false
  }

  /** Reads the block as well, because the index does not know what the same batch has planned before. */
  #claimIfVacant(cidr: Cidr, pool: Pool): boolean {
    if (!this.#hasRoom(cidr)) return false
    const found = this.#scope.draft.block(cidr)
    if (found.kind === 'absent') return this.#takeFromNew(cidr, pool)
    return found.kind === 'block' && found.block.affinity === this.#affinity && this.#takeFrom(found.block, pool)
  }

  #hasRoom(cidr: Cidr): boolean {
    return this.#scope.blocks.ofOtherSize(cidr) === undefined
  }

  /** Creates a block and takes from it; false, without creating it, if all its addresses are reserved. */
  #takeFromNew(cidr: Cidr, pool: Pool): boolean {
    const { draft, host, request, family } = this.#scope
    const reserved = request.hostReserved?.[family] ?? { start: 0, end: 0 }
    const block = reserveForHost(newBlock(cidr, host ?? null, draft.now), reserved)
    if (!this.#takeFrom(block, pool)) return false
    if (host !== undefined) draft.confirmAffinity(host, cidr)
    return true
  }

  /** Takes over another host's empty block that was not claimed recently. @see docs/calico/ipam.md section 1.6, step 5 */
  #takeOver(): boolean {
    const { blocks, draft } = this.#scope
    for (const pool of this.#openPools) {
      for (const entry of blocks.open(pool.cidr, pool.blockSize, this.#terms)) {
        const { cidr, affinity, sequenceNumber } = entry
        const other = parseAffinity(affinity ?? '')
        if (!entry.isAbandoned || other === undefined || affinity === this.#affinity) continue
        if (this.#isClaimedRecently(entry) || this.#terms.reserved.covers(cidr)) continue
        const found = draft.block(cidr)
        // The sequence number shows whether the same batch has changed the block before.
        if (found.kind !== 'block' || found.block.sequenceNumber !== sequenceNumber || !isBlockEmpty(found.block))
          continue
        if (draft.affinity(other, cidr) === undefined) continue
        if (!this.#takeFromNew(cidr, pool)) continue
        draft.dropAffinity(other, cidr)
        return true
      }
    }
    return false
  }

  #isClaimedRecently({ claimedAtSeconds }: IndexedBlock): boolean {
    if (claimedAtSeconds === undefined) return false
    const claimedAt = BigInt(claimedAtSeconds) * nanosecondsPerSecond
    return this.#scope.draft.now.nanoseconds - claimedAt < reclaimAfterNanoseconds
  }

  /** Takes from blocks of any host without changing their affinity. @see docs/calico/ipam.md section 1.8 */
  #borrow(): void {
    const { allowance, blocks, draft } = this.#scope
    for (const pool of this.#openPools) {
      for (const { cidr } of blocks.open(pool.cidr, pool.blockSize, this.#terms)) {
        if (this.#missing === 0) return
        if (allowance.roomIn(pool) === 0) break
        const found = draft.block(cidr)
        if (found.kind === 'block') this.#takeFrom(found.block, pool)
      }
    }
  }

  /** Takes as many of the missing addresses as `block` has; false if it has none, or no room left to store their holder. */
  #takeFrom(block: Block, pool: Pool): boolean {
    const { allowance, draft, request } = this.#scope
    const { reserved } = this.#terms
    const isReserved = reserved.overlaps(block.cidr)
      ? (ordinal: Ordinal): boolean => reserved.has(addressAt(block.cidr, ordinal))
      : (): boolean => false
    const holder = holderOf(request)
    const most = Math.min(this.#missing, allowance.roomIn(pool))
    if (most === 0 || !allowance.canCharge(pool, block)) return false
    const taken = assignAutomatically(block, most, isReserved, holder)
    if (taken.ordinals.length === 0 || !isStorable(taken.block)) return false
    draft.relyOn(pool)
    draft.setBlock(taken.block)
    draft.addToHandle(request.handle, block.cidr, taken.ordinals.length)
    allowance.charge(pool, taken.block, taken.ordinals)
    this.#missing -= taken.ordinals.length
    this.#found.push(...allocationsOf(taken.block, taken.ordinals, pool.name, holder))
    return true
  }

  /** The pools in which the caller may assign more. */
  get #openPools(): readonly Pool[] {
    return this.#scope.allowance.open(this.#scope.pools)
  }

  #poolOf(cidr: Cidr): Pool | undefined {
    return this.#scope.pools.find((pool) => covers(pool.cidr, cidr))
  }
}

/**
 * The number of the block, in a pool of `count` blocks, at which an host begins to search for a vacant one. Hosts spread over the
 * pool, and each always begins at the same block. It does not matter which one (docs/calico/ipam.md section 1.7), so this does not
 * reproduce Go's random generator.
 */
export function startOfSearch(hostName: string, count: bigint): bigint {
  if (count <= 1n) return 0n
  let start = 0n
  let word = BigInt(fnv1(hostName))
  for (let bits = 0n; count >> bits > 0n; bits += 64n) {
    word = scramble(word)
    start = (start << 64n) | word
  }
  return start % count
}

/** FNV-1, 32 bits, of `text` in UTF-8: the hash that seeds Calico's own search. */
export function fnv1(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = (Math.imul(hash, 0x01000193) ^ byte) >>> 0
  return hash
}

/** One step of the SplitMix64 generator: spreads a small seed over 64 bits. */
function scramble(seed: bigint): bigint {
  const state = BigInt.asUintN(64, seed + 0x9e3779b97f4a7c15n)
  const mixed = BigInt.asUintN(64, (state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n)
  const again = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn)
  return again ^ (again >> 31n)
}
