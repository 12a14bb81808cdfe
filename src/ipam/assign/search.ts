import {
  assignAutomatically,
  type Block,
  type BlockIndex,
  blockKey,
  type IndexedBlock,
  type IpamConfig,
  isEmpty,
  isStorable,
  newBlock,
  nanosecondsPerSecond,
  type Owner,
  parseOwner,
  type Pool,
  type Terms,
  withHostReserved,
} from '../../model/index.ts'
import { addressAt, blockCount, type Cidr, covers, type IpFamily, type Ordinal } from '../../net/index.ts'
import type { Cause } from '../../plan/index.ts'
import { allocationsOf, holderOf } from '../allocation.ts'
import { cleanUpClaims } from '../blocks/index.ts'
import { affinityText, type Draft } from '../draft.ts'
import type { Allocation, AssignRequest } from '../request.ts'
import type { Pools } from '../surroundings.ts'
import { readClaims } from './claims.ts'
import type { Shortage } from './shortage.ts'
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
  /** The pools chosen for the node, those not for this use among them. */
  readonly chosen: readonly Pool[]
  /** Every pool there is. */
  readonly stored: Pools
  readonly family: IpFamily
  /** What keeps addresses that nobody holds from being chosen. */
  readonly terms: Terms
  /** What pools have left, for causes. */
  readonly shortage: Shortage
}

/** Blocks that a host may claim for one family when nothing else is said. @see docs/calico/ipam.md section 1.5 */
const defaultMaxBlocks = 20

/** How long ago an empty block must have been claimed before somebody else may take it over. @see docs/calico/ipam.md section 1.6 */
const reclaimAfterNanoseconds = 60n * nanosecondsPerSecond

/**
 * Finds addresses of one family: in the owner's blocks, then in vacant ones that it claims, then in empty ones that it takes over, and
 * at last in blocks of others. @see docs/calico/ipam.md section 1.6
 */
export class Search {
  readonly #scope: SearchScope
  readonly #affinity: string | null
  readonly #terms: Terms
  readonly #found: Allocation[] = []
  #missing = 0
  /** What the owner has claimed in these pools: earlier, once it has been counted, and in this search. */
  #claimedBefore: number | undefined
  #claimed = 0
  #obstacle: Cause | undefined

  constructor(scope: SearchScope) {
    this.#scope = scope
    this.#affinity = affinityText(scope.owner)
    this.#terms = scope.terms
  }

  /** Takes up to `wanted` addresses into the draft, and gives them in the order of their choice. */
  take(wanted: number): readonly Allocation[] {
    const { config, owner } = this.#scope
    this.#missing = wanted
    if (owner === undefined && config.strictAffinity) {
      this.#obstacle = {
        field: 'node',
        reason: 'StrictAffinity',
        message: 'strict affinity is on, so that only addresses of a node’s own blocks are given out: name the node',
      }
      return []
    }
    if (owner === undefined) this.#repeat(() => this.#takeFromAffine('calm'))
    else this.#takeFromClaims(owner)
    this.#repeat(() => this.#claimNext())
    if (owner === undefined) this.#repeat(() => this.#takeFromAffine('contested'))
    if (this.#missing > 0 && this.#obstacle === undefined) this.#borrow()
    return this.#found
  }

  /** Why no more was found: the obstacle, and what each pool has left. */
  causes(): readonly Cause[] {
    const full = this.#scope.pools.map((pool) => {
      const found = this.#found.filter((allocation) => allocation.pool === pool.name)
      return this.#scope.shortage.ofPool(pool, found.length)
    })
    return this.#obstacle === undefined ? full : [this.#obstacle, ...full]
  }

  /** Takes a step as long as addresses are missing and the step before it gave some. */
  #repeat(step: () => boolean): void {
    let hasGiven = true
    while (this.#missing > 0 && hasGiven) hasGiven = step()
  }

  /** Before it takes from a block that others keep taking from, it claims one more: a fight would cost everybody more. */
  #takeFromClaims(owner: Owner): void {
    const { blocks, draft, family, stored, chosen } = this.#scope
    const { reserved } = this.#terms
    const { cidrs, empty } = readClaims(draft.view, blocks, owner, family, 'hint').worthReading(this.#terms)
    cleanUpClaims(draft, this.#affinity, empty, stored, chosen)
    const contested: (() => void)[] = []
    for (const cidr of cidrs) {
      if (this.#missing === 0) return
      const pool = this.#poolOf(cidr)
      if (pool === undefined || reserved.covers(cidr)) continue
      const take = (): void => {
        if (this.#missing > 0) this.#takeFromClaimed(owner, cidr, pool)
      }
      if (draft.view.isContested(blockKey(cidr))) contested.push(take)
      else take()
    }
    if (contested.length === 0) return
    this.#repeat(() => this.#claim(() => this.#claimVacant()))
    for (const take of contested) take()
  }

  /** Takes from a block that the owner has a claim on, and heals what is half done. @see docs/calico/ipam.md section 6.3 */
  #takeFromClaimed(owner: Owner, cidr: Cidr, pool: Pool): void {
    const { draft } = this.#scope
    const found = draft.block(cidr)
    if (found.kind === 'unreadable') return
    if (found.kind === 'absent') {
      if (cidr.prefixLength === pool.blockSize && this.#hasRoom(cidr)) this.#takeFromNew(cidr, pool)
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
    const isClaimed = this.#claim(
      () =>
        this.#takeFromAffine('calm') || this.#claimVacant() || this.#takeFromAffine('contested') || this.#takeOver(),
    )
    if (!isClaimed && this.#scope.config.strictAffinity) {
      this.#obstacle ??= {
        field: 'node',
        reason: 'StrictAffinity',
        message: 'no block is left to claim, and strict affinity forbids borrowing from others’ blocks',
      }
    }
    return isClaimed
  }

  /** Claims one more block in this way, if the owner may have one more. */
  #claim(way: () => boolean): boolean {
    this.#obstacle = this.#obstacleToClaiming()
    if (this.#obstacle !== undefined || !way()) return false
    this.#claimed++
    return true
  }

  #obstacleToClaiming(): Cause | undefined {
    const { config, owner } = this.#scope
    if (owner !== undefined) {
      const limit = this.#blockLimit()
      const claimed = (this.#claimedBefore ??= this.#countClaims(owner))
      if (claimed + this.#claimed >= limit) {
        return {
          field: 'node',
          reason: 'BlockLimit',
          message: `${owner.name} has ${String(claimed)} blocks in these pools, and may have ${String(limit)}`,
        }
      }
    }
    if (config.autoAllocateBlocks) return undefined
    return {
      field: 'node',
      reason: 'AutoAllocationOff',
      message: 'the blocks are used up, and auto_allocate_blocks of the IPAM configuration is off',
    }
  }

  /** The owner's blocks in these pools. */
  #countClaims(owner: Owner): number {
    const { blocks, draft, family } = this.#scope
    return readClaims(draft.view, blocks, owner, family, 'changed').count((cidr) => this.#poolOf(cidr) !== undefined)
  }

  #blockLimit(): number {
    const limits = [this.#scope.request.maxBlocksPerNode, this.#scope.config.maxBlocksPerHost].filter(
      (limit) => limit > 0,
    )
    return limits.length === 0 ? defaultMaxBlocks : Math.min(...limits)
  }

  /**
   * Takes from a block that is the owner's by its own word, though the claim is lost; or, without an owner, from one that is nobody's.
   * From one that others keep taking from, or from one that they do not.
   */
  #takeFromAffine(which: 'calm' | 'contested'): boolean {
    const { blocks, draft, owner, pools } = this.#scope
    for (const pool of pools) {
      for (const { cidr } of blocks.openWithAffinity(pool.cidr, pool.blockSize, this.#affinity, this.#terms)) {
        if (draft.view.isContested(blockKey(cidr)) !== (which === 'contested')) continue
        const found = draft.block(cidr)
        if (found.kind !== 'block' || found.block.affinity !== this.#affinity || !this.#takeFrom(found.block, pool))
          continue
        if (owner !== undefined) draft.confirmAffinity(owner, cidr)
        return true
      }
    }
    return false
  }

  #claimVacant(): boolean {
    const { blocks, draft, owner, pools } = this.#scope
    const { reserved } = this.#terms
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
    if (!this.#hasRoom(cidr)) return false
    const found = this.#scope.draft.block(cidr)
    if (found.kind === 'absent') return this.#takeFromNew(cidr, pool)
    return found.kind === 'block' && found.block.affinity === this.#affinity && this.#takeFrom(found.block, pool)
  }

  #hasRoom(cidr: Cidr): boolean {
    return this.#scope.blocks.ofOtherSize(cidr) === undefined
  }

  /** Makes a block and takes from it; false, and nothing is made, when reservations and what the host reserves leave nothing. */
  #takeFromNew(cidr: Cidr, pool: Pool): boolean {
    const { draft, owner, request, family } = this.#scope
    const reserved = request.hostReserved?.[family] ?? { start: 0, end: 0 }
    const block = withHostReserved(newBlock(cidr, owner ?? null, draft.now), reserved)
    if (!this.#takeFrom(block, pool)) return false
    if (owner !== undefined) draft.confirmAffinity(owner, cidr)
    return true
  }

  /** Takes over an empty block of somebody else that was not claimed a moment ago. @see docs/calico/ipam.md section 1.6, step 5 */
  #takeOver(): boolean {
    const { blocks, draft, pools } = this.#scope
    const { reserved } = this.#terms
    for (const pool of pools) {
      for (const entry of blocks.open(pool.cidr, pool.blockSize, this.#terms)) {
        const { cidr, affinity, sequenceNumber } = entry
        const other = parseOwner(affinity ?? '')
        if (!entry.isAbandoned || other === undefined || affinity === this.#affinity) continue
        if (this.#isClaimedRecently(entry) || reserved.covers(cidr)) continue
        const found = draft.block(cidr)
        // What was planned earlier in the same batch may have changed it, which its number tells.
        if (found.kind !== 'block' || found.block.sequenceNumber !== sequenceNumber || !isEmpty(found.block)) continue
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

  /** Takes from blocks of anybody, without a change of affinity. @see docs/calico/ipam.md section 1.8 */
  #borrow(): void {
    const { blocks, draft, pools } = this.#scope
    for (const pool of pools) {
      for (const { cidr } of blocks.open(pool.cidr, pool.blockSize, this.#terms)) {
        if (this.#missing === 0) return
        const found = draft.block(cidr)
        if (found.kind === 'block') this.#takeFrom(found.block, pool)
      }
    }
  }

  /** Takes what is missing from `block`, as far as it goes; false when there was nothing to take, or no room to say for whom. */
  #takeFrom(block: Block, pool: Pool): boolean {
    const { draft, request } = this.#scope
    const { reserved } = this.#terms
    const isReserved = reserved.overlaps(block.cidr)
      ? (ordinal: Ordinal): boolean => reserved.has(addressAt(block.cidr, ordinal))
      : (): boolean => false
    const holder = holderOf(request)
    const taken = assignAutomatically(block, this.#missing, isReserved, holder)
    if (taken.ordinals.length === 0 || !isStorable(taken.block)) return false
    draft.relyOn(pool)
    draft.setBlock(taken.block)
    draft.addToHandle(request.handle, block.cidr, taken.ordinals.length)
    this.#missing -= taken.ordinals.length
    this.#found.push(...allocationsOf(taken.block, taken.ordinals, pool.name, holder))
    return true
  }

  #poolOf(cidr: Cidr): Pool | undefined {
    return this.#scope.pools.find((pool) => covers(pool.cidr, cidr))
  }
}
