import {
  affinities,
  affinityPrefix,
  assignAutomatically,
  type Block,
  type BlockIndex,
  blockKey,
  type Cause,
  type IndexedBlock,
  type IpamConfig,
  isEmpty,
  mayGive,
  newBlock,
  nanosecondsPerSecond,
  type Owner,
  parseAffinityKey,
  parseOwner,
  type Pool,
  type Terms,
  virtualAffinities,
} from '../model/index.ts'
import { addressAt, blockCount, type Cidr, type CidrSet, covers, type Family, type Ordinal } from '../net/index.ts'
import { allocationOf, holderOf } from './allocation.ts'
import { affinityText, type Draft } from './draft.ts'
import { blockOfOtherSize } from './locate.ts'
import type { Allocation, AssignRequest } from './request.ts'
import { Shortage } from './shortage.ts'
import { startOfSearch } from './start-of-search.ts'
import { oncePerListing } from './surroundings.ts'

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

/** A block that somebody has a claim on, and the key it is stored under. */
interface Claim {
  readonly cidr: Cidr
  readonly blockKey: string
}

/** The claims that a listing of affinities tells of. Thousands of operations are given the same listing. */
const claimsIn = oncePerListing((listing: readonly { readonly key: string }[]): readonly Claim[] =>
  listing.flatMap(({ key }) => {
    const cidr = parseAffinityKey(key)?.cidr
    return cidr === undefined ? [] : { cidr, blockKey: blockKey(cidr).text }
  }),
)

/** Of claims those not known to be used up, and for how long that holds. */
interface WorthReading {
  readonly cidrs: readonly Cidr[]
  /** As of this state of the index, which does not change while a batch is being planned. */
  readonly changes: number
  readonly reserved: CidrSet
  /** Whether a block that is used up has an address that cools down: then it depends on the time, too. */
  readonly isCooling: boolean
}

const worthReading = new WeakMap<readonly Claim[], WorthReading>()

/**
 * Finds addresses of one family: in the owner's blocks, then in vacant ones that it claims, then in empty ones that it takes over, and
 * at last in blocks of others. @see calico-ipam.md section 1.6
 */
export class Search {
  readonly #scope: SearchScope
  readonly #affinity: string | null
  readonly #terms: Terms
  readonly #found: Allocation[] = []
  #missing = 0
  #claimed = 0
  #obstacle: Cause | undefined

  constructor(scope: SearchScope) {
    this.#scope = scope
    this.#affinity = affinityText(scope.owner)
    const cooldown = BigInt(scope.config.ipCooldownSeconds) * nanosecondsPerSecond
    this.#terms = { reserved: scope.reserved, cooledBefore: scope.draft.now.nanoseconds - cooldown }
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
    if (owner === undefined) this.#repeat(() => this.#takeFromAffine())
    else this.#takeFromClaims(owner)
    this.#repeat(() => this.#claimNext())
    if (this.#missing > 0 && this.#obstacle === undefined) this.#borrow()
    return this.#found
  }

  /** What pools have left, for causes. */
  get shortage(): Shortage {
    return new Shortage(this.#scope.blocks, this.#terms, this.#scope.config.ipCooldownSeconds)
  }

  /** Why no more was found: the obstacle, and what each pool has left. */
  causes(): readonly Cause[] {
    const full = this.#scope.pools.map((pool) => {
      const found = this.#found.filter((allocation) => allocation.pool === pool.name)
      return this.shortage.ofPool(pool, found.length)
    })
    return this.#obstacle === undefined ? full : [this.#obstacle, ...full]
  }

  /** Takes a step as long as addresses are missing and the step before it gave some. */
  #repeat(step: () => boolean): void {
    let hasGiven = true
    while (this.#missing > 0 && hasGiven) hasGiven = step()
  }

  #takeFromClaims(owner: Owner): void {
    for (const cidr of this.#worthReading(this.#claims(owner, 'hint'))) {
      if (this.#missing === 0) return
      const pool = this.#poolOf(cidr)
      if (pool !== undefined && !this.#scope.reserved.covers(cidr)) this.#takeFromClaimed(owner, cidr, pool)
    }
  }

  /** The claims of the owner, in the order of their keys, whatever pools they are in. */
  #claims(owner: Owner, guard: 'hint' | 'changed'): readonly Claim[] {
    const { family, draft } = this.#scope
    const claims = owner.type === 'host' ? affinities : virtualAffinities
    return claimsIn(draft.view.list(claims, guard, affinityPrefix(owner, family)))
  }

  /** The blocks claimed, but those known to be used up. */
  #worthReading(claims: readonly Claim[]): readonly Cidr[] {
    const { blocks, reserved } = this.#scope
    const known = worthReading.get(claims)
    if (known?.changes === blocks.changes && known.reserved === reserved && !known.isCooling) return known.cidrs
    const cidrs: Cidr[] = []
    let isCooling = false
    for (const { cidr, blockKey } of claims) {
      const entry = blocks.entry(blockKey)
      const isUsedUp = entry !== undefined && !mayGive(entry, this.#terms) && entry.affinity === this.#affinity
      if (!isUsedUp) cidrs.push(cidr)
      else if (entry.coolingSince !== undefined) isCooling = true
    }
    worthReading.set(claims, { cidrs, changes: blocks.changes, reserved, isCooling })
    return cidrs
  }

  /** Takes from a block that the owner has a claim on, and heals what is half done. @see calico-ipam.md section 6.3 */
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
    const { config, owner } = this.#scope
    if (owner !== undefined) {
      const limit = this.#blockLimit()
      const claimed = this.#claims(owner, 'changed').filter(({ cidr }) => this.#poolOf(cidr) !== undefined).length
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
    if (this.#takeFromAffine() || this.#claimVacant() || this.#takeOver()) {
      this.#claimed++
      return true
    }
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

  /** Takes from a block that is the owner's by its own word, though the claim is lost; or, without an owner, from one that is nobody's. */
  #takeFromAffine(): boolean {
    const { blocks, draft, owner, pools } = this.#scope
    for (const pool of pools) {
      for (const { cidr } of blocks.openWithAffinity(pool.cidr, pool.blockSize, this.#affinity, this.#terms)) {
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
    if (!this.#hasRoom(cidr)) return false
    const found = this.#scope.draft.block(cidr)
    if (found.kind === 'absent') {
      this.#takeFromNew(cidr, pool)
      return true
    }
    return found.kind === 'block' && found.block.affinity === this.#affinity && this.#takeFrom(found.block, pool)
  }

  #hasRoom(cidr: Cidr): boolean {
    return blockOfOtherSize(cidr, this.#scope.blocks) === undefined
  }

  /** Only for a CIDR that is not entirely reserved. */
  #takeFromNew(cidr: Cidr, pool: Pool): void {
    const { draft, owner } = this.#scope
    this.#takeFrom(newBlock(cidr, owner ?? null, draft.now), pool)
    if (owner !== undefined) draft.confirmAffinity(owner, cidr)
  }

  /** Takes over an empty block of somebody else that was not claimed a moment ago. @see calico-ipam.md section 1.6, step 5 */
  #takeOver(): boolean {
    const { blocks, draft, pools, reserved } = this.#scope
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
        draft.dropAffinity(other, cidr)
        this.#takeFromNew(cidr, pool)
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

  /** Takes from blocks of anybody, without a change of affinity. @see calico-ipam.md section 1.8 */
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
}
