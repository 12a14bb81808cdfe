import { type Action, mayAlways, type Rights } from '../../access/index.ts'
import {
  affinities,
  type Affinity,
  affinityKey,
  affinityPrefix,
  type Block,
  type BlockIndex,
  blockKey,
  blocks as blockFamily,
  formatAffinity,
  type IndexedBlock,
  isBlockEmpty,
  type AffinityHost,
  hostOf,
  parseAffinityKey,
  releaseOrdinals,
  virtualAffinities,
  clearAffinity,
} from '../../model/index.ts'
import { type Cidr, covers, formatCidr, lastAddress, parseCidr } from '../../net/index.ts'
import {
  answerOnly,
  Budget,
  type Listed,
  type Plan,
  remove,
  type Result,
  type Step,
  stepLimits,
  success,
  type View,
} from '../../plan/index.ts'
import { ordinalsOfNode } from '../allocation.ts'
import { Draft } from '../draft.ts'
import { isNamed, refuseUnknownPools } from '../eligible-pools.ts'
import { deniedIn, reachOf, visiblePools } from '../reach.ts'
import type { IpamContext } from '../request.ts'
import { readConfig, readPools, requireUnlocked } from '../surroundings.ts'
import { type FailedBlock, keysPerBlock, refuseField } from './claim.ts'

/**
 * Takes `block`, as the draft found it, from its host: the affinity is removed with it. An empty block is deleted, which is answered
 * with true. A block in use keeps its addresses, and its number grows, so that a change which began before cannot be finished.
 * @see docs/calico/ipam.md section 6.4
 */
export function releaseBlock(draft: Draft, block: Block): boolean {
  const host = hostOf(block)
  if (host !== undefined) draft.dropAffinity(host, block.cidr)
  const isDeleted = isBlockEmpty(block)
  if (isDeleted || block.affinity !== null) draft.setBlock(clearAffinity(block))
  return isDeleted
}

/** The most blocks that fit into one step: no more are worth fetching for it. */
export const blocksPerStepMax = Math.floor(stepLimits.keys / keysPerBlock)

/** The actions of releasing blocks: those of a node that is removed, and others. */
const removingNode = { verb: 'delete', resource: 'nodes' } as const
const releasingBlocks = { verb: 'delete', resource: 'affinities' } as const

/** The blocks to release: those that meet every given condition, and that the caller may release. */
export interface ReleaseScope {
  readonly node?: string | undefined
  readonly cidr?: Cidr | undefined
  /** The name or the CIDR of a pool. */
  readonly pool?: string | undefined
  /** Leave blocks alone that have addresses in use or cooling down. */
  readonly onlyIfEmpty: boolean
  /** For a dry run: as if the addresses that this node uses had been released before. */
  readonly asIfReleasedBy?: string | undefined
}

/** A block that lost its affinity. */
export interface ReleasedBlock {
  readonly block: Cidr
  /** The affinity as it was stored. */
  readonly affinity: string
  /** The block was empty, and is deleted; otherwise it is deleted with its last address. */
  readonly isDeleted: boolean
}

/** The outcome of one step of releasing blocks. */
export interface BlockRelease {
  readonly released: readonly ReleasedBlock[]
  /** Affinities that were left over, and are removed: the block does not exist, or has another affinity. */
  readonly stale: readonly Omit<ReleasedBlock, 'isDeleted'>[]
  readonly failed: readonly FailedBlock[]
}

/**
 * One step of releasing blocks from their nodes: first the blocks in scope, by the index of blocks, then the affinities that are left
 * over. A block in use keeps its addresses. The commit proves that no block or affinity was created that is not known. Refused with
 * `Invalid` if the pool does not exist. @see docs/calico/ipam.md sections 6.4 and 6.5
 */
export function planReleaseBlocks(
  view: View,
  scope: ReleaseScope,
  position: string,
  context: IpamContext,
  action: Action = releasingBlocks,
): Plan<Result<Step<BlockRelease>>> {
  const { rights } = context
  const budget = new Budget(view)
  const unlocked = requireUnlocked(budget.view)
  if (!unlocked.ok) return answerOnly(unlocked)
  const config = readConfig(budget.view)
  if (!config.ok) return answerOnly(config)
  const range = rangeOf(budget.view, scope, rights, action)
  if (!range.ok) return answerOnly(range)
  const isReleasable = releasableBlocks(budget.view, rights, action)
  const [larger] = scope.cidr === undefined ? [] : context.blocks.overlapping(scope.cidr)
  if (
    scope.cidr !== undefined &&
    larger !== undefined &&
    !covers(scope.cidr, larger.cidr) &&
    isReleasable(larger.cidr)
  ) {
    view.consult(blockFamily)
    return answerOnly(
      refuseField('cidr', `${formatCidr(scope.cidr)} is only a part of the block ${formatCidr(larger.cidr)}`),
    )
  }
  const { ipCooldownSeconds } = config.value
  const draft = new Draft(budget.view, context.now, ipCooldownSeconds)
  const within = { range: range.value, isReleasable }
  const release = new Release(draft, budget, scope, within, context.blocks, (block) =>
    scope.asIfReleasedBy === undefined
      ? block
      : releaseOrdinals(block, ordinalsOfNode(block, scope.asIfReleasedBy), context.now, ipCooldownSeconds).block,
  )
  const next = release.carryOn(position)
  const { released, stale, failed } = release
  return { answer: success({ answer: { released, stale, failed }, next }), writes: draft.writes() }
}

/**
 * One step of removing a node: releases its blocks in any pool and in none, as {@link planReleaseBlocks} does. The last step removes the
 * marker that old versions of Calico kept of every node. Addresses stay with their handles.
 * @see docs/calico/ipam.md section 6.5, RemoveIPAMHost
 */
export function planRemoveNode(
  view: View,
  node: string,
  position: string,
  context: IpamContext,
  { asIfReleased = false } = {},
): Plan<Result<Step<BlockRelease>>> {
  const asIfReleasedBy = asIfReleased ? node : undefined
  const scope = { node, onlyIfEmpty: false, asIfReleasedBy }
  const { answer, writes } = planReleaseBlocks(view, scope, position, context, removingNode)
  if (!answer.ok || answer.value.next !== undefined || !mayAlways(context.rights, removingNode))
    return { answer, writes }
  const marker = { family: affinities, text: `${affinities.prefix}${node}` }
  return { answer, writes: view.get(marker).kind === 'absent' ? writes : [...writes, remove(marker)] }
}

/** Tells which blocks the caller may release. Reads the pools only if that depends on them. */
function releasableBlocks(view: View, rights: Rights, action: Action): (cidr: Cidr) => boolean {
  if (rights.isUnlimited) return () => true
  const reach = reachOf(rights, readPools(view), action)
  return (cidr) => reach.includes(cidr, undefined)
}

function rangeOf(
  view: View,
  { cidr, pool: reference }: ReleaseScope,
  rights: Rights,
  action: Action,
): Result<Cidr | undefined> {
  if (reference === undefined) return success(cidr)
  const pools = readPools(view)
  const pool = visiblePools(rights, pools, action).all.find((one) => isNamed(one, reference))
  if (pool === undefined) return refuseUnknownPools([{ field: 'pool', reference }])
  if (!reachOf(rights, pools, action).includesPool(pool, undefined))
    return { ok: false, refusal: deniedIn(rights, action, pool) }
  if (cidr === undefined || covers(pool.cidr, cidr)) return success(cidr ?? pool.cidr)
  return refuseField('pool', `the pool ${pool.name} does not contain ${formatCidr(cidr)}`)
}

/** The two parts of a release, as they begin a position. */
const inBlocks = 'block '
const inAffinities = 'claim '

class Release {
  readonly released: ReleasedBlock[] = []
  readonly stale: Omit<ReleasedBlock, 'isDeleted'>[] = []
  readonly failed: FailedBlock[] = []
  readonly #draft: Draft
  readonly #budget: Budget
  readonly #host: AffinityHost | undefined
  readonly #onlyIfEmpty: boolean
  readonly #range: Cidr | undefined
  readonly #isReleasable: (cidr: Cidr) => boolean
  readonly #blocks: BlockIndex
  readonly #load: (block: Block) => Block

  constructor(
    draft: Draft,
    budget: Budget,
    scope: ReleaseScope,
    { range, isReleasable }: { readonly range: Cidr | undefined; readonly isReleasable: (cidr: Cidr) => boolean },
    blocks: BlockIndex,
    load: (block: Block) => Block,
  ) {
    this.#draft = draft
    this.#budget = budget
    this.#host = scope.node === undefined ? undefined : { type: 'host', name: scope.node }
    this.#onlyIfEmpty = scope.onlyIfEmpty
    this.#range = range
    this.#isReleasable = isReleasable
    this.#blocks = blocks
    this.#load = load
  }

  /** Releases as many blocks as the budget allows; returns the position of the next step. */
  carryOn(start: string): string | undefined {
    const { view } = this.#draft
    // For one host, its affinities show the blocks that the index does not know yet.
    view.consult(blockFamily, this.#host === undefined ? 'created' : 'hint')
    let position = start
    if (!start.startsWith(inAffinities)) {
      const candidates = this.#candidates(parseCidr(start.slice(inBlocks.length)))
      view.prefetch(candidates.slice(0, blocksPerStepMax).map(({ cidr }) => blockKey(cidr)))
      for (const { cidr } of candidates) {
        if (!this.#hasRoom) return position
        this.#release(cidr)
        position = `${inBlocks}${formatCidr(cidr)}`
      }
      position = inAffinities
    }
    for (const { key } of this.#affinities()) {
      if (key <= position.slice(inAffinities.length)) continue
      const affinity = parseAffinityKey(key)
      if (affinity === undefined || !this.#isInScope(affinity.cidr) || this.#isOfBlock(affinity)) continue
      if (!this.#hasRoom) return position
      this.#settle(affinity)
      position = `${inAffinities}${key}`
    }
    return undefined
  }

  /** Of one host, the affinities of both families are listed besides. */
  get #hasRoom(): boolean {
    return this.#budget.hasRoom(keysPerBlock + 2, this.#draft.bytes)
  }

  #isInScope(cidr: Cidr): boolean {
    return (this.#range === undefined || covers(this.#range, cidr)) && this.#isReleasable(cidr)
  }

  /** The blocks after `after` that are in scope, or may be, because they cannot be read: one more than fit, at the most. */
  #candidates(after: Cidr | undefined): readonly IndexedBlock[] {
    const range = this.#range
    const all = after === undefined && range !== undefined ? this.#blocks.overlapping(range) : this.#blocks.after(after)
    const affinity = this.#host && formatAffinity(this.#host)
    const candidates: IndexedBlock[] = []
    for (const entry of all) {
      const { cidr } = entry
      if (range !== undefined && (cidr.family !== range.family || cidr.base > lastAddress(range).value)) break
      const isTheirs =
        affinity === undefined ? entry.affinity !== null || !entry.isReadable : entry.affinity === affinity
      if (isTheirs && this.#isInScope(cidr)) candidates.push(entry)
      if (candidates.length > stepLimits.keys) break
    }
    return candidates
  }

  #release(cidr: Cidr): void {
    const found = this.#draft.block(cidr)
    if (found.kind === 'unreadable') {
      this.#fail(cidr, 'Unreadable', `the stored block cannot be read: ${found.problem}`)
      return
    }
    // The index is only a hint.
    if (found.kind === 'absent' || found.block.affinity === null) return
    const { affinity } = found.block
    if (this.#host !== undefined && affinity !== formatAffinity(this.#host)) return
    const block = this.#load(found.block)
    if (this.#onlyIfEmpty && !isBlockEmpty(block)) {
      this.#fail(cidr, 'NotEmpty', 'addresses of it are in use, or cool down')
      return
    }
    this.released.push({ block: cidr, affinity, isDeleted: releaseBlock(this.#draft, block) })
  }

  *#affinities(): Iterable<Listed<Affinity>> {
    const { view } = this.#draft
    if (this.#host === undefined) {
      yield* view.list(affinities, 'hint')
      yield* view.list(virtualAffinities, 'hint')
    } else {
      yield* view.list(affinities, 'created', affinityPrefix(this.#host, 4))
      yield* view.list(affinities, 'created', affinityPrefix(this.#host, 6))
    }
  }

  /** True if the block has this affinity too, by the index: then the block was dealt with, and the affinity with it. */
  #isOfBlock({ host, cidr }: { readonly host: AffinityHost; readonly cidr: Cidr }): boolean {
    return this.#blocks.entry(blockKey(cidr).text)?.affinity === formatAffinity(host)
  }

  /** Removes an affinity that is left over. The index may not know yet that the block has it after all. */
  #settle({ host, cidr }: { readonly host: AffinityHost; readonly cidr: Cidr }): void {
    const stored = this.#draft.view.get(affinityKey(host, cidr))
    const found = this.#draft.block(cidr)
    // Unless a node is asked for, every block that cannot be read has been reported before.
    if (found.kind === 'unreadable' && this.#host === undefined) return
    const unreadable = [stored, found].find(({ kind }) => kind === 'unreadable')
    if (unreadable !== undefined && 'problem' in unreadable) {
      this.#fail(
        cidr,
        'Unreadable',
        `the stored block, or the claim of ${host.name}, cannot be read: ${unreadable.problem}`,
      )
      return
    }
    const affinity = formatAffinity(host)
    if (found.kind === 'block' && found.block.affinity === affinity) {
      this.#release(cidr)
      return
    }
    if (found.kind === 'block') this.#draft.dropStaleAffinity(host, found.block)
    else this.#draft.dropAffinity(host, cidr)
    this.stale.push({ block: cidr, affinity })
  }

  #fail(block: Cidr, reason: FailedBlock['reason'], why: string): void {
    this.failed.push({ block, reason, message: `The block ${formatCidr(block)} is left as it is: ${why}.` })
  }
}
