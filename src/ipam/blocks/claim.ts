import type { Rights } from '../../access/index.ts'
import {
  affinityKey,
  type Block,
  type BlockIndex,
  formatAffinity,
  isBlockOfNobody,
  newBlock,
  type AffinityHost,
  type Pool,
  incrementSequenceNumber,
} from '../../model/index.ts'
import { blockAt, blockCount, type Cidr, covers, firstAddress, formatCidr } from '../../net/index.ts'
import {
  answerOnly,
  Budget,
  type Cause,
  type Plan,
  refuse,
  type Result,
  type Step,
  success,
  type View,
} from '../../plan/index.ts'
import { Draft } from '../draft.ts'
import { isNamed, notAllocatable, refuseUnknownPools } from '../eligible-pools.ts'
import { deniedIn, reachOf, visiblePools } from '../reach.ts'
import type { IpamContext } from '../request.ts'
import { poolOf, type Pools, readConfig, readPools, requireUnlocked } from '../surroundings.ts'

/** The most blocks that one request may claim. */
const claimsMax = 4_096n

/** Keys that one block takes: its own and that of its affinity. */
export const keysPerBlock = 2

/** The blocks that a node claims: those of a range, or of a whole pool. */
export interface ClaimRequest {
  readonly node: string
  readonly cidr?: Cidr | undefined
  /** The name or the CIDR of a pool; a range that is given as well must lie in it. */
  readonly pool?: string | undefined
}

/** The reason why a block is left as it is. */
export type BlockFailure = 'ClaimedByOther' | 'NoAffinity' | 'Overlap' | 'NotEmpty' | 'Unreadable'

/** A block that is left as it is. */
export interface FailedBlock {
  readonly block: Cidr
  readonly reason: BlockFailure
  readonly message: string
}

/** The outcome of one step of claiming blocks. */
export interface BlockClaim {
  /** Claimed by this step, or repaired: an earlier claim had stopped half-way. */
  readonly claimed: readonly Cidr[]
  /** The node had these already. */
  readonly unchanged: readonly Cidr[]
  readonly failed: readonly FailedBlock[]
}

/**
 * One step of claiming blocks for a node, from the block with the number `position` on. The limit of blocks per node, selectors and
 * reservations do not apply. Refused with `Invalid` if the range does not consist of blocks of one pool that gives addresses.
 * @see docs/calico/ipam.md sections 6.2, 6.3 and 6.5
 */
export function planClaimBlocks(
  view: View,
  request: ClaimRequest,
  position: string,
  context: IpamContext,
): Plan<Result<Step<BlockClaim>>> {
  const budget = new Budget(view)
  const unlocked = requireUnlocked(budget.view)
  if (!unlocked.ok) return answerOnly(unlocked)
  const config = readConfig(budget.view)
  if (!config.ok) return answerOnly(config)
  const wanted = resolve(readPools(budget.view), request, context.rights)
  if (!wanted.ok) return answerOnly(wanted)
  const { pool, range } = wanted.value
  const draft = new Draft(budget.view, context.now, config.value.ipCooldownSeconds)
  const claim = new Claim(draft, { type: 'host', name: request.node }, context.blocks)
  draft.relyOn(pool)
  const count = blockCount(range, pool.blockSize)
  let number = BigInt(position)
  while (number < count && budget.hasRoom(keysPerBlock, draft.bytes)) {
    claim.take(blockAt(range, pool.blockSize, number))
    number++
  }
  const { claimed, unchanged, failed } = claim
  const next = number < count ? String(number) : undefined
  return { answer: success({ answer: { claimed, unchanged, failed }, next }), writes: draft.writes() }
}

class Claim {
  readonly claimed: Cidr[] = []
  readonly unchanged: Cidr[] = []
  readonly failed: FailedBlock[] = []
  readonly #draft: Draft
  readonly #host: AffinityHost
  readonly #blocks: BlockIndex

  constructor(draft: Draft, host: AffinityHost, blocks: BlockIndex) {
    this.#draft = draft
    this.#host = host
    this.#blocks = blocks
  }

  take(cidr: Cidr): void {
    const claim = this.#draft.view.get(affinityKey(this.#host, cidr))
    if (claim.kind === 'unreadable') {
      this.#fail(cidr, 'Unreadable', `the stored claim cannot be read: ${claim.problem}`)
      return
    }
    const found = this.#draft.block(cidr)
    if (found.kind === 'unreadable') this.#fail(cidr, 'Unreadable', `the stored block cannot be read: ${found.problem}`)
    else if (found.kind === 'absent') this.#create(cidr)
    else if (found.block.affinity !== formatAffinity(this.#host)) this.#leave(found.block)
    else if (claim.kind === 'value' && claim.value.state === 'confirmed') this.unchanged.push(cidr)
    else this.#store(incrementSequenceNumber(found.block))
  }

  #create(cidr: Cidr): void {
    const other = this.#blocks.ofOtherSize(cidr)
    if (other === undefined) this.#store(newBlock(cidr, this.#host, this.#draft.now))
    else this.#fail(cidr, 'Overlap', `the block ${formatCidr(other.cidr)} of another size has some of its addresses`)
  }

  /** An affinity that was not confirmed comes with a new number of the block, so that a release which began before cannot be finished. */
  #store(block: Block): void {
    this.#draft.setBlock(block)
    this.#draft.confirmAffinity(this.#host, block.cidr)
    this.claimed.push(block.cidr)
  }

  /** The block decides which node it belongs to; an affinity that differs is stale. A block without one is not taken over. */
  #leave(block: Block): void {
    const { cidr, affinity } = block
    this.#draft.dropStaleAffinity(this.#host, block)
    if (affinity !== null) this.#fail(cidr, 'ClaimedByOther', `it belongs to ${affinity}`)
    else if (!isBlockOfNobody(block))
      this.#fail(cidr, 'NoAffinity', 'it belongs to nobody, and vanishes with its last address')
    else this.#fail(cidr, 'NoAffinity', 'it belonged to nobody; it was empty, and is deleted, so repeat the request')
  }

  #fail(block: Cidr, reason: BlockFailure, why: string): void {
    this.failed.push({ block, reason, message: `The block ${formatCidr(block)} cannot be claimed: ${why}.` })
  }
}

/** The blocks that a request asks for. */
interface Wanted {
  readonly pool: Pool
  readonly range: Cidr
}

const claiming = { verb: 'create', resource: 'affinities' } as const

function resolve(pools: Pools, request: ClaimRequest, rights: Rights): Result<Wanted> {
  const { cidr, pool: reference } = request
  const visible = visiblePools(rights, pools, claiming)
  const named = reference === undefined ? undefined : visible.all.find((pool) => isNamed(pool, reference))
  if (reference !== undefined && named === undefined) {
    return refuseUnknownPools([{ field: 'pool', reference }])
  }
  if (named?.isAllocatable === false && reachOf(rights, pools, claiming).includesPool(named, undefined)) {
    return refuse(
      'Conflict',
      `Blocks are not claimed in a pool that gives no addresses: ${notAllocatable(named).message}.`,
    )
  }
  const found = named ?? (cidr && poolOf(pools, firstAddress(cidr), ({ isAllocatable }) => isAllocatable))
  const pool = found !== undefined && visible.all.includes(found) ? found : undefined
  if (pool !== undefined && !reachOf(rights, pools, claiming).includesPool(pool, undefined)) {
    return { ok: false, refusal: deniedIn(rights, claiming, pool) }
  }
  const range = cidr ?? pool?.cidr
  if (pool === undefined || range === undefined) return refuseField('cidr', 'lies in no pool that gives addresses')
  if (!covers(pool.cidr, range)) {
    return refuseField('cidr', `${formatCidr(range)} reaches beyond the pool ${pool.name}, ${formatCidr(pool.cidr)}`)
  }
  const count = blockCount(range, pool.blockSize)
  if (count === 0n) {
    const size = String(pool.blockSize)
    return refuseField(
      'cidr',
      `${formatCidr(range)} is smaller than a block: those of the pool ${pool.name} are /${size}`,
    )
  }
  if (count > claimsMax) {
    const message = `${String(count)} blocks are too many for one request; claim ${String(claimsMax)} at the most`
    return refuseField(cidr === undefined ? 'pool' : 'cidr', message)
  }
  return success({ pool, range })
}

/** Refuses what is wrong with one field of a request. */
export function refuseField(field: string, message: string): Result<never> {
  const causes: readonly Cause[] = [{ field, reason: 'FieldValueInvalid', message }]
  return refuse('Invalid', `${field}: ${message}`, causes)
}
