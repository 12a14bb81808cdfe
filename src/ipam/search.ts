import {
  affinities,
  affinityPrefix,
  assignAutomatically,
  type Block,
  type BlockDigest,
  type BlockIndex,
  blockKey,
  blocks as blockFamily,
  type Cause,
  type IpamConfig,
  isEmpty,
  newBlock,
  nanosecondsPerSecond,
  type Owner,
  parseAffinityKey,
  parseOwner,
  type Pool,
  virtualAffinities,
} from '../model/index.ts'
import {
  addressAt,
  addressCount,
  blockCount,
  type Cidr,
  type CidrSet,
  covers,
  type Family,
  type Ordinal,
} from '../net/index.ts'
import { affinityText, type Draft } from './draft.ts'
import { allocationOf, holderOf } from './allocation.ts'
import type { Allocation, AssignRequest } from './request.ts'
import { startOfSearch } from './start-of-search.ts'

/** What a search for addresses of one family needs to know. */
export interface SearchScope {
  readonly draft: Draft
  readonly request: AssignRequest
  readonly config: IpamConfig
  readonly blocks: BlockIndex
  /** Who is to own the blocks; undefined: addresses come from blocks that have no affinity. */
  readonly owner: Owner | undefined
  /** In the order in which they are to be used. */
  readonly pools: readonly Pool[]
  readonly family: Family
  readonly reserved: CidrSet
}

/** Blocks that a host may claim for one family when nothing else is said. @see calico-ipam.md section 1.5 */
const defaultMaxBlocks = 20

/** How long ago an empty block must have been claimed before somebody else may take it over. @see calico-ipam.md section 1.6 */
const reclaimAfterNanoseconds = 60n * nanosecondsPerSecond

/** Kept for as long as a listing lives, which is one batch: the index does not change while a batch is being planned. */
const worthReading = new WeakMap<object, readonly Cidr[]>()

function cidrsOf(listing: readonly { readonly key: string }[]): readonly Cidr[] {
  return listing.flatMap(({ key }) => parseAffinityKey(key)?.cidr ?? [])
}

/**
 * Finds addresses of one family: in the owner's blocks, then in vacant ones that it claims, then in empty ones that it takes over, and
 * at last in blocks of others. @see calico-ipam.md section 1.6
 */
export class Search {
  readonly #scope: SearchScope
  readonly #affinity: string | null
  readonly #found: Allocation[] = []
  #missing = 0
  #claimed = 0
  #obstacle: Cause | undefined

  constructor(scope: SearchScope) {
    this.#scope = scope
    this.#affinity = affinityText(scope.owner)
  }

  /** Takes up to `wanted` addresses into the draft, and gives them in the order of their choice. */
  take(wanted: number): readonly Allocation[] {
    const { config, draft, owner } = this.#scope
    this.#missing = wanted
    draft.view.consult(blockFamily)
    if (owner === undefined && config.strictAffinity) {
      this.#obstacle = {
        field: 'node',
        reason: 'StrictAffinity',
        message: 'strict affinity is on, so that only addresses of a node’s own blocks are given out: name the node',
      }
      return []
    }
    this.#takeFromOwnBlocks()
    while (this.#missing > 0 && this.#claimNext()) this.#claimed++
    if (this.#missing > 0 && this.#obstacle === undefined) this.#borrow()
    return this.#found
  }

  /** Why no more was found: the obstacle, and what each pool has left. */
  causes(): readonly Cause[] {
    const full = this.#scope.pools.map((pool) => this.#fullness(pool))
    return this.#obstacle === undefined ? full : [this.#obstacle, ...full]
  }

  #takeFromOwnBlocks(): void {
    const { owner } = this.#scope
    if (owner !== undefined) {
      for (const cidr of this.#claimedCidrs(owner, 'hint')) {
        if (this.#missing === 0) return
        this.#takeFromClaimed(owner, cidr)
      }
    }
    // Blocks that say that they are the owner's although its claim is lost; or, without an owner, those that are nobody's.
    for (const pool of this.#scope.pools) {
      for (const digest of this.#scope.blocks.openWithAffinity(pool.cidr, this.#affinity)) {
        if (this.#missing === 0) return
        const found = this.#scope.draft.block(digest.cidr)
        if (found.kind !== 'block' || found.block.affinity !== this.#affinity) continue
        if (this.#takeFrom(found.block, pool) && owner !== undefined)
          this.#scope.draft.confirmAffinity(owner, digest.cidr)
      }
    }
  }

  /** The blocks that the owner has claims on, in the order of the claims' keys, as far as they lie in the pools. */
  #claimedCidrs(owner: Owner, guard: 'hint' | 'changed'): readonly Cidr[] {
    const { family, draft, pools } = this.#scope
    const claims = owner.type === 'host' ? affinities : virtualAffinities
    const listing = draft.view.list(claims, guard, affinityPrefix(owner, family))
    const cidrs = guard === 'hint' ? this.#worthReading(listing) : cidrsOf(listing)
    return cidrs.filter((cidr) => pools.some((pool) => covers(pool.cidr, cidr)))
  }

  /** Without the blocks that are known to be used up. Hundreds of operations of one batch ask for the same listing. */
  #worthReading(listing: readonly { readonly key: string }[]): readonly Cidr[] {
    let cidrs = worthReading.get(listing)
    if (cidrs === undefined) {
      cidrs = cidrsOf(listing).filter((cidr) => {
        const digest = this.#scope.blocks.digest(blockKey(cidr).text)
        return digest === undefined || !this.#isUsedUp(digest)
      })
      worthReading.set(listing, cidrs)
    }
    return cidrs
  }

  #isUsedUp(digest: BlockDigest): boolean {
    return digest.freeCount === 0 && !digest.hasCooling && digest.affinity === this.#affinity
  }

  /** Takes from a block that the owner has a claim on, and heals what is half done. @see calico-ipam.md section 6.3 */
  #takeFromClaimed(owner: Owner, cidr: Cidr): void {
    const { draft, reserved } = this.#scope
    const pool = this.#poolOf(cidr)
    if (pool === undefined || reserved.covers(cidr)) return
    const found = draft.block(cidr)
    if (found.kind === 'unreadable') return
    if (found.kind === 'absent') {
      if (cidr.prefixLength === pool.blockSize && this.#isVacant(cidr)) this.#takeFromNew(cidr, pool)
      return
    }
    if (found.block.affinity !== this.#affinity) {
      draft.dropAffinity(owner, cidr)
      return
    }
    if (this.#takeFrom(found.block, pool)) draft.confirmAffinity(owner, cidr)
  }

  /** Claims one more block, vacant or to be taken over, and takes from it; false when there is none to claim. */
  #claimNext(): boolean {
    const { config, owner } = this.#scope
    if (owner !== undefined) {
      const limit = this.#blockLimit()
      const claimed = this.#claimedCidrs(owner, 'changed').length
      if (claimed + this.#claimed >= limit) {
        this.#obstacle = {
          field: 'node',
          reason: 'BlockLimit',
          message: `${owner.name} has ${String(claimed)} blocks in these pools, and may have ${String(limit)}`,
        }
        return false
      }
    }
    if (!config.autoAllocateBlocks) {
      this.#obstacle = {
        field: 'node',
        reason: 'AutoAllocationOff',
        message: 'the blocks are used up, and auto_allocate_blocks of the IPAM configuration is off',
      }
      return false
    }
    if (this.#claimVacant() || this.#takeOver()) return true
    if (config.strictAffinity) {
      this.#obstacle = {
        field: 'node',
        reason: 'StrictAffinity',
        message: 'no block is left to claim, and strict affinity forbids borrowing from others’ blocks',
      }
    }
    return false
  }

  #blockLimit(): number {
    const limits = [this.#scope.request.maxBlocksPerNode, this.#scope.config.maxBlocksPerHost].filter(
      (limit) => limit > 0,
    )
    return limits.length === 0 ? defaultMaxBlocks : Math.min(...limits)
  }

  #claimVacant(): boolean {
    const { blocks, draft, owner, pools, reserved } = this.#scope
    for (const pool of pools) {
      const start = startOfSearch(owner?.name ?? '', blockCount(pool.cidr, pool.blockSize))
      let busy: Cidr | undefined
      for (const cidr of blocks.vacant(pool.cidr, pool.blockSize, start, reserved)) {
        if (draft.view.isBusy(blockKey(cidr))) busy ??= cidr
        else if (this.#claimIfVacant(cidr, pool)) return true
      }
      // All that is vacant is being claimed at this moment: reading it waits for how that ends.
      if (busy !== undefined && this.#claimIfVacant(busy, pool)) return true
    }
    return false
  }

  /** The index knows nothing of what was planned earlier in the same batch, so the block itself is asked. */
  #claimIfVacant(cidr: Cidr, pool: Pool): boolean {
    const found = this.#scope.draft.block(cidr)
    if (found.kind === 'absent') return this.#isVacant(cidr) && this.#takeFromNew(cidr, pool)
    return found.kind === 'block' && found.block.affinity === this.#affinity && this.#takeFrom(found.block, pool)
  }

  /** No block of another size may lie there. */
  #isVacant(cidr: Cidr): boolean {
    for (const other of this.#scope.blocks.overlapping(cidr)) {
      if (other.cidr.prefixLength !== cidr.prefixLength) return false
    }
    return true
  }

  #takeFromNew(cidr: Cidr, pool: Pool): boolean {
    const { draft, owner } = this.#scope
    if (!this.#takeFrom(newBlock(cidr, owner ?? null, draft.now), pool)) return false
    if (owner !== undefined) draft.confirmAffinity(owner, cidr)
    return true
  }

  /** Takes over an empty block of somebody else that was not claimed a moment ago. @see calico-ipam.md section 1.6, step 5 */
  #takeOver(): boolean {
    const { blocks, draft, pools, reserved } = this.#scope
    for (const pool of pools) {
      for (const digest of blocks.open(pool.cidr)) {
        if (!digest.isEmpty || digest.affinity === this.#affinity || reserved.covers(digest.cidr)) continue
        const found = draft.block(digest.cidr)
        if (found.kind !== 'block' || !isEmpty(found.block) || this.#isClaimedRecently(digest)) continue
        const other = parseOwner(found.block.affinity ?? '')
        if (other === undefined || draft.affinity(other, digest.cidr) === undefined) continue
        draft.dropAffinity(other, digest.cidr)
        if (this.#takeFromNew(digest.cidr, pool)) return true
      }
    }
    return false
  }

  #isClaimedRecently({ claimedAtSeconds }: BlockDigest): boolean {
    if (claimedAtSeconds === undefined) return false
    const claimedAt = BigInt(claimedAtSeconds) * nanosecondsPerSecond
    return this.#scope.draft.now.nanoseconds - claimedAt < reclaimAfterNanoseconds
  }

  /** Takes from blocks of anybody, without a change of affinity. @see calico-ipam.md section 1.8 */
  #borrow(): void {
    const { blocks, draft, pools } = this.#scope
    for (const pool of pools) {
      for (const digest of blocks.open(pool.cidr)) {
        if (this.#missing === 0) return
        const found = draft.block(digest.cidr)
        if (found.kind === 'block') this.#takeFrom(found.block, pool)
      }
    }
  }

  /** Takes what is missing from `block`, as far as it goes; false when there was nothing to take. */
  #takeFrom(block: Block, pool: Pool): boolean {
    const { draft, request, reserved } = this.#scope
    const isReserved = reserved.overlaps(block.cidr)
      ? (ordinal: Ordinal): boolean => reserved.has(addressAt(block.cidr, ordinal))
      : (): boolean => false
    const taken = assignAutomatically(block, this.#missing, isReserved, holderOf(request))
    if (taken.ordinals.length === 0) return false
    draft.relyOn(pool)
    draft.setBlock(taken.block)
    draft.addToHandle(request.handle, block.cidr, taken.ordinals.length)
    this.#missing -= taken.ordinals.length
    for (const ordinal of taken.ordinals) this.#found.push(allocationOf(taken.block, ordinal, pool.name))
    return true
  }

  #poolOf(cidr: Cidr): Pool | undefined {
    return this.#scope.pools.find((pool) => covers(pool.cidr, cidr))
  }

  #fullness(pool: Pool): Cause {
    const { blocks, reserved } = this.#scope
    let inUse = 0n
    let blockCountInUse = 0n
    for (const { cidr, freeCount } of blocks.overlapping(pool.cidr)) {
      inUse += addressCount(cidr) - BigInt(freeCount)
      blockCountInUse++
    }
    const counts = [
      `${String(addressCount(pool.cidr))} addresses`,
      `${String(inUse)} in use or cooling down`,
      `${String(reserved.countIn(pool.cidr))} reserved`,
      `${String(blockCountInUse)} of ${String(blockCount(pool.cidr, pool.blockSize))} blocks claimed`,
    ]
    return {
      field: `pools[${pool.name}]`,
      reason: 'PoolFull',
      message: `pool ${pool.name} gives no more to this request: ${counts.join(', ')}`,
    }
  }
}
