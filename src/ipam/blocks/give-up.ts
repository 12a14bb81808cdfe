import {
  affinities,
  type Affinity,
  affinityKey,
  affinityPrefix,
  type Block,
  type BlockIndex,
  blockKey,
  blocks as blockFamily,
  formatOwner,
  type IndexedBlock,
  isEmpty,
  type Owner,
  parseAffinityKey,
  parseOwner,
  releaseOrdinals,
  virtualAffinities,
  withoutOwner,
} from '../../model/index.ts'
import { type Cidr, covers, formatCidr, lastAddress, parseCidr } from '../../net/index.ts'
import { answerOnly, type Listed, type Plan, remove, type View, type Result, success } from '../../plan/index.ts'
import { ordinalsOfNode } from '../check/index.ts'
import { Draft } from '../draft.ts'
import { isNamed } from '../eligible-pools.ts'
import type { Context } from '../request.ts'
import { readConfig, readPools, requireUnlocked } from '../surroundings.ts'
import { blocksPerStep, type FailedBlock, refuseField, stepLengthMax } from './claim.ts'

/** Whose claims are given up, and where: all that fulfil every condition given. */
export interface ReleaseScope {
  readonly node?: string | undefined
  readonly cidr?: Cidr | undefined
  /** The name or the CIDR of a pool. */
  readonly pool?: string | undefined
  /** Blocks with addresses in use, or cooling down, are left alone. */
  readonly onlyIfEmpty: boolean
  /** A dry run: as if the addresses that this node uses had been released before. */
  readonly asIfReleasedBy?: string | undefined
}

/** A block that does not belong to its owner any more. */
export interface ReleasedBlock {
  readonly block: Cidr
  /** Who it belonged to, as it was stored. */
  readonly affinity: string
  /** It was empty, and is gone; otherwise it belongs to nobody, and vanishes with its last address. */
  readonly isDeleted: boolean
}

/** What one step of giving up claims did. */
export interface ReleaseStep {
  readonly released: readonly ReleasedBlock[]
  /** Claims on blocks that do not exist, or belong to somebody else; they are gone. */
  readonly stale: readonly Omit<ReleasedBlock, 'isDeleted'>[]
  readonly failed: readonly FailedBlock[]
  /** Where the next step begins; undefined when it is done. */
  readonly next: string | undefined
}

/**
 * One step of giving up claims on blocks, from `start` on: what the step before gave as `next`. First the blocks that belong to somebody
 * in question, then claims of theirs that led to no block of theirs. A block in use keeps its addresses. The commit proves that
 * nothing was claimed that is not known. Refused with `Invalid` when the pool does not exist. @see docs/calico/ipam.md sections 6.4 and 6.5
 */
export function planReleaseAffinity(
  view: View,
  scope: ReleaseScope,
  start: string,
  context: Context,
): Plan<Result<ReleaseStep>> {
  const unlocked = requireUnlocked(view)
  if (!unlocked.ok) return answerOnly(unlocked)
  const config = readConfig(view)
  if (!config.ok) return answerOnly(config)
  const range = rangeOf(view, scope)
  if (!range.ok) return answerOnly(range)
  const [larger] = scope.cidr === undefined ? [] : context.blocks.overlapping(scope.cidr)
  if (scope.cidr !== undefined && larger !== undefined && !covers(scope.cidr, larger.cidr)) {
    view.consult(blockFamily)
    return answerOnly(
      refuseField('cidr', `${formatCidr(scope.cidr)} is only a part of the block ${formatCidr(larger.cidr)}`),
    )
  }
  const { ipCooldownSeconds } = config.value
  const draft = new Draft(view, context.now, ipCooldownSeconds)
  const release = new Release(draft, scope, range.value, context.blocks, (block) =>
    scope.asIfReleasedBy === undefined
      ? block
      : releaseOrdinals(block, ordinalsOfNode(block, scope.asIfReleasedBy), context.now, ipCooldownSeconds).block,
  )
  const next = release.carryOn(start)
  const { released, stale, failed } = release
  return { answer: success({ released, stale, failed, next }), writes: draft.writes() }
}

/**
 * As {@link planReleaseAffinity} for all that a node has, in any pool and in none; the last step also removes the marker that old
 * versions of Calico kept of every node. Addresses stay with whoever holds them; a dry run may take those of the node for released.
 * @see docs/calico/ipam.md section 6.5, RemoveIPAMHost
 */
export function planForgetNode(
  view: View,
  node: string,
  start: string,
  context: Context,
  { asIfReleased = false } = {},
): Plan<Result<ReleaseStep>> {
  const asIfReleasedBy = asIfReleased ? node : undefined
  const { answer, writes } = planReleaseAffinity(view, { node, onlyIfEmpty: false, asIfReleasedBy }, start, context)
  if (!answer.ok || answer.value.next !== undefined) return { answer, writes }
  const marker = { family: affinities, text: `${affinities.prefix}${node}` }
  return { answer, writes: view.get(marker).kind === 'absent' ? writes : [...writes, remove(marker)] }
}

function rangeOf(view: View, { cidr, pool: reference }: ReleaseScope): Result<Cidr | undefined> {
  if (reference === undefined) return success(cidr)
  const pool = readPools(view).all.find((one) => isNamed(one, reference))
  const message =
    pool === undefined
      ? `${JSON.stringify(reference)}: no pool that can be read has this name or CIDR`
      : `the pool ${pool.name} does not contain ${formatCidr(cidr ?? pool.cidr)}`
  if (pool !== undefined && (cidr === undefined || covers(pool.cidr, cidr))) return success(cidr ?? pool.cidr)
  return refuseField('pool', message)
}

/** The two parts of giving up claims, as a position in them is written. */
const inBlocks = 'block '
const inClaims = 'claim '

class Release {
  readonly released: ReleasedBlock[] = []
  readonly stale: Omit<ReleasedBlock, 'isDeleted'>[] = []
  readonly failed: FailedBlock[] = []
  readonly #draft: Draft
  readonly #owner: Owner | undefined
  readonly #onlyIfEmpty: boolean
  readonly #range: Cidr | undefined
  readonly #blocks: BlockIndex
  readonly #load: (block: Block) => Block
  #length = 0

  constructor(
    draft: Draft,
    scope: ReleaseScope,
    range: Cidr | undefined,
    blocks: BlockIndex,
    load: (block: Block) => Block,
  ) {
    this.#draft = draft
    this.#owner = scope.node === undefined ? undefined : { type: 'host', name: scope.node }
    this.#onlyIfEmpty = scope.onlyIfEmpty
    this.#range = range
    this.#blocks = blocks
    this.#load = load
  }

  /** Goes as far as the transaction takes; gives where to go on, if anywhere. */
  carryOn(start: string): string | undefined {
    // Of one owner the claims tell what the index has yet to hear of.
    this.#draft.view.consult(blockFamily, this.#owner === undefined ? 'created' : 'hint')
    let position = start
    if (!start.startsWith(inClaims)) {
      for (const { cidr } of this.#candidates(parseCidr(start.slice(inBlocks.length)))) {
        if (!this.#hasRoom) return position
        this.#release(cidr)
        position = `${inBlocks}${formatCidr(cidr)}`
      }
      position = inClaims
    }
    for (const { key } of this.#claims()) {
      if (key <= position.slice(inClaims.length)) continue
      const claim = parseAffinityKey(key)
      if (claim === undefined || !this.#isInScope(claim.cidr) || this.#isOwned(claim)) continue
      if (!this.#hasRoom) return position
      this.#settle(claim)
      position = `${inClaims}${key}`
    }
    return undefined
  }

  get #hasRoom(): boolean {
    const taken = this.released.length + this.stale.length + this.failed.length
    return taken < blocksPerStep && this.#length < stepLengthMax
  }

  #isInScope(cidr: Cidr): boolean {
    return this.#range === undefined || covers(this.#range, cidr)
  }

  /** Blocks after `after` that belong to somebody in question, or may, as nobody can read them. */
  *#candidates(after: Cidr | undefined): Iterable<IndexedBlock> {
    const range = this.#range
    const all = after === undefined && range !== undefined ? this.#blocks.overlapping(range) : this.#blocks.after(after)
    const affinity = this.#owner && formatOwner(this.#owner)
    for (const entry of all) {
      const { cidr } = entry
      if (range !== undefined && (cidr.family !== range.family || cidr.base > lastAddress(range).value)) return
      const isTheirs =
        affinity === undefined ? entry.affinity !== null || !entry.isReadable : entry.affinity === affinity
      if (isTheirs && this.#isInScope(cidr)) yield entry
    }
  }

  #release(cidr: Cidr): void {
    const found = this.#draft.block(cidr)
    if (found.kind === 'unreadable') {
      this.#fail(cidr, 'Unreadable', `the stored block cannot be read: ${found.problem}`)
      return
    }
    // The index is but a hint.
    if (found.kind === 'absent' || found.block.affinity === null) return
    const { affinity } = found.block
    if (this.#owner !== undefined && affinity !== formatOwner(this.#owner)) return
    const block = this.#load(found.block)
    const isDeleted = isEmpty(block)
    if (this.#onlyIfEmpty && !isDeleted) {
      this.#fail(cidr, 'NotEmpty', 'addresses of it are in use, or cool down')
      return
    }
    const owner = parseOwner(affinity)
    if (owner !== undefined) this.#draft.dropAffinity(owner, cidr)
    const after = withoutOwner(block)
    this.#draft.setBlock(after)
    this.#length += isDeleted ? 0 : blockFamily.encode(after).length
    this.released.push({ block: cidr, affinity, isDeleted })
  }

  *#claims(): Iterable<Listed<Affinity>> {
    const { view } = this.#draft
    if (this.#owner === undefined) {
      yield* view.list(affinities, 'hint')
      yield* view.list(virtualAffinities, 'hint')
    } else {
      yield* view.list(affinities, 'created', affinityPrefix(this.#owner, 4))
      yield* view.list(affinities, 'created', affinityPrefix(this.#owner, 6))
    }
  }

  /** Whether the block says so too, by the index: then it has been dealt with, and its claim goes with it or not at all. */
  #isOwned({ owner, cidr }: { readonly owner: Owner; readonly cidr: Cidr }): boolean {
    return this.#blocks.entry(blockKey(cidr).text)?.affinity === formatOwner(owner)
  }

  /** A claim that leads to no block of theirs goes; of a block that is theirs the index has yet to hear. */
  #settle({ owner, cidr }: { readonly owner: Owner; readonly cidr: Cidr }): void {
    const claim = this.#draft.view.get(affinityKey(owner, cidr))
    const found = this.#draft.block(cidr)
    // Without a node in question, every block that cannot be read has been told of.
    if (found.kind === 'unreadable' && this.#owner === undefined) return
    const unreadable = [claim, found].find(({ kind }) => kind === 'unreadable')
    if (unreadable !== undefined && 'problem' in unreadable) {
      this.#fail(
        cidr,
        'Unreadable',
        `the stored block, or the claim of ${owner.name}, cannot be read: ${unreadable.problem}`,
      )
      return
    }
    const affinity = formatOwner(owner)
    if (found.kind === 'block' && found.block.affinity === affinity) {
      this.#release(cidr)
      return
    }
    this.#draft.dropAffinity(owner, cidr)
    this.stale.push({ block: cidr, affinity })
  }

  #fail(block: Cidr, reason: FailedBlock['reason'], why: string): void {
    this.failed.push({ block, reason, message: `The block ${formatCidr(block)} is left as it is: ${why}.` })
  }
}
