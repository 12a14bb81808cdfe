import {
  type Block,
  blockKey,
  estimateHandleBytes,
  normalizeHandleId,
  handleKey,
  handleOf,
  isHeld,
  ordinalsOfHandle,
  releaseOrdinalsOfHandle,
  releaseOrdinals,
  sequenceNumberOf,
  incrementSequenceNumber,
} from '../../model/index.ts'
import {
  addressAt,
  type Address,
  type Cidr,
  firstAddress,
  formatAddress,
  formatCidr,
  hostCidr,
  type Ordinal,
  ordinalOf,
  parseCidr,
} from '../../net/index.ts'
import {
  answerOnly,
  Budget,
  type Plan,
  refuse,
  type Result,
  type Step,
  stepLimits,
  success,
  type View,
} from '../../plan/index.ts'
import { releaseDeselected } from '../blocks/index.ts'
import { Draft, type Taken } from '../draft.ts'
import { type Reach, reachOf, releasing } from '../reach.ts'
import type { Allocation, IpamContext, FailedRelease, ReleaseAnswer, ReleaseItem } from '../request.ts'
import { locateBlock, type Pools, readConfig, readPools, requireUnlocked } from '../surroundings.ts'

/** Keys that one address takes at the most: its block and its handle, and of a block that goes with it the node and the affinity. */
const keysPerAddress = 4

/** Keys that every release compares: the lock, the configuration, and the listing of the pools. */
const keysPerRelease = 3

/** The most addresses that {@link planRelease} should be given: so many fit into a transaction, whatever keys they take. */
export const releasedTogetherMax = Math.floor((stepLimits.keys - keysPerRelease) / keysPerAddress)

/**
 * Releases addresses, and reports on each of them: a stale sequence number does not stop the others. An address that the caller may not
 * release is reported as not held.
 * @see docs/calico/ipam.md sections 3.4 and 5.1
 */
export function planRelease(
  view: View,
  items: readonly ReleaseItem[],
  context: IpamContext,
): Plan<Result<ReleaseAnswer>> {
  const budget = new Budget(view)
  const prepared = prepareRelease(budget.view, context)
  if (!prepared.ok) return answerOnly(prepared)
  const { draft, pools, cooldownSeconds } = prepared.value
  const reach = reachOf(context.rights, pools, releasing)
  const tally = emptyTally()
  const changes: BlockChange[] = []
  for (const [cidr, inBlock] of groupByBlock(view, pools, items, context, tally)) {
    const found = draft.block(cidr)
    if (found.kind === 'absent') {
      for (const { address } of inBlock) tally.unallocated.push(address)
    } else if (found.kind === 'unreadable') {
      for (const { address } of inBlock) {
        if (reach.touches(hostCidr(address))) tally.failed.push(unreadable(address, cidr, found.problem))
        else tally.unallocated.push(address)
      }
    } else {
      const ordinals = inBlock.flatMap((item) => releasable(found.block, item, tally, reach))
      if (ordinals.length === 0) continue
      changes.push(release(draft, found.block, ordinals, cooldownSeconds))
      for (const ordinal of ordinals) tally.released.push(addressAt(cidr, ordinal))
    }
  }
  view.prefetch(changes.flatMap(({ handles }) => [...handles.keys()].map((handle) => handleKey(handle))))
  const taken: TakenFromHandles = new Map()
  for (const change of changes) store(draft, change, pools, taken)
  takeFromHandles(draft, taken)
  giveBackCharges(budget, draft, context)
  return { answer: success(tally), writes: draft.writes() }
}

/** Gives back the charges for the addresses that a draft has released, while there is room. */
export function giveBackCharges(budget: Budget, draft: Draft, { charges }: IpamContext): void {
  if (charges?.isEmpty === false) draft.giveBackCharges((keys) => budget.hasRoom(keys))
}

/** Keys that one block of a handle takes at the most: its own, and of a block that goes the node and the affinity. */
const keysPerBlock = 3

/**
 * One step of releasing what a handle holds, from the block after `position` on; only in pools where the caller may release it. Refused
 * with `NotFound` if the handle does not exist, or holds nothing there. @see docs/calico/ipam.md section 5.2
 */
export function planReleaseHandle(
  view: View,
  handle: string,
  position: string,
  context: IpamContext,
): Plan<Result<Step<ReleaseAnswer>>> {
  const budget = new Budget(view)
  const prepared = prepareRelease(budget.view, context)
  if (!prepared.ok) return answerOnly(prepared)
  const { draft, pools, cooldownSeconds } = prepared.value
  const absent = refuse('NotFound', `No handle ${JSON.stringify(handle)} exists.`)
  const reach = reachOf(context.rights, pools, releasing)
  const stored = budget.view.get(handleKey(handle))
  if (stored.kind === 'absent') return answerOnly(absent)
  if (stored.kind === 'unreadable') {
    if (!reach.includesHandle(handle)) return answerOnly(absent)
    return answerOnly(
      refuse('Conflict', `The stored handle ${JSON.stringify(handle)} cannot be read: ${stored.problem}`),
    )
  }
  const tally = emptyTally()
  const mine = [...stored.value.blocks.keys()].filter((text) => isWithin(reach, text, handle))
  if (mine.length === 0 && !reach.includesHandle(handle)) return answerOnly(absent)
  const following = mine.filter((text) => position === '' || text > position).sort()
  // No step has room for more.
  const near = following.slice(0, stepLimits.keys).map((text) => ({ text, cidr: parseCidr(text) }))
  view.prefetch(near.flatMap(({ cidr }) => (cidr === undefined ? [] : [blockKey(cidr)])))
  const handleBytes = estimateHandleBytes(stored.value)
  const emptied: string[] = []
  let last: string | undefined
  for (const { text, cidr } of near) {
    if (last !== undefined && !budget.hasRoom(keysPerBlock, handleBytes + draft.bytes)) break
    last = text
    const found = cidr === undefined ? undefined : draft.block(cidr)
    if (cidr !== undefined && found?.kind === 'unreadable') {
      tally.failed.push(unreadable(firstAddress(cidr), cidr, found.problem))
      continue
    }
    if (cidr !== undefined && found?.kind === 'block') {
      const { block, ordinals } = releaseOrdinalsOfHandle(found.block, handle, draft.now, cooldownSeconds)
      for (const ordinal of ordinals) tally.released.push(addressAt(cidr, ordinal))
      if (ordinals.length > 0) store(draft, { block, handles: new Map() }, pools, new Map())
      // A client that has counted an address but not written it into the block yet, as Calico does, must lose and count again.
      else draft.setBlock(incrementSequenceNumber(block))
    }
    emptied.push(text)
  }
  if (emptied.length > 0) {
    draft.setHandleCounts(
      handle,
      emptied.map((text) => [text, 0]),
    )
  }
  giveBackCharges(budget, draft, context)
  const next = last === following.at(-1) ? undefined : last
  return { answer: success({ answer: tally, next }), writes: draft.writes() }
}

/** True if addresses of the handle may be released in the block with this name. */
function isWithin(reach: Reach, text: string, handle: string): boolean {
  if (reach.isUnlimited) return true
  const cidr = parseCidr(text)
  return cidr === undefined ? reach.includesHandle(handle) : reach.includes(cidr, handle)
}

/**
 * One step of releasing addresses that were found to be held by a handle. Each is released only as the assignment that was found. Returns
 * the addresses that are left for the next step. Refused with `Conflict` if a block cannot be read.
 */
export function planReleaseHeld(
  view: View,
  handle: string,
  held: readonly Allocation[],
  context: IpamContext,
): Plan<Result<readonly Allocation[]>> {
  const budget = new Budget(view)
  const prepared = prepareRelease(budget.view, context)
  if (!prepared.ok) return answerOnly(prepared)
  const left = releaseHeld(budget, prepared.value, handle, held)
  giveBackCharges(budget, prepared.value.draft, context)
  return left.ok ? { answer: left, writes: prepared.value.draft.writes() } : answerOnly(left)
}

/** As {@link planReleaseHeld}, as a part of a plan. */
export function releaseHeld(
  budget: Budget,
  { draft, pools, cooldownSeconds }: Prepared,
  handle: string,
  held: readonly Allocation[],
): Result<readonly Allocation[]> {
  const groups = groupNear(held)
  budget.view.prefetch(groups.map(({ block }) => blockKey(block)))
  const stored = budget.view.get(handleKey(handle))
  const handleBytes =
    stored.kind === 'value' && !draft.changes(handleKey(handle)) ? estimateHandleBytes(stored.value) : 0
  const taken: TakenFromHandles = new Map()
  let dealtWith = 0
  for (const { block, allocations } of groups) {
    const isEmpty = dealtWith === 0 && draft.bytes === 0
    if (!isEmpty && !budget.hasRoom(keysPerBlock, handleBytes + draft.bytes)) break
    dealtWith += allocations.length
    const found = draft.block(block)
    if (found.kind === 'unreadable') return refuse('Conflict', describeUnreadable(block, found.problem))
    if (found.kind === 'absent') continue
    const ordinals = allocations.flatMap((one) => releasable(found.block, itemOf(one), emptyTally(), undefined))
    if (ordinals.length > 0) store(draft, release(draft, found.block, ordinals, cooldownSeconds), pools, taken)
  }
  takeFromHandles(draft, taken)
  return success(held.slice(dealtWith))
}

/** Addresses of one block. */
interface InBlock {
  readonly block: Cidr
  readonly allocations: Allocation[]
}

/** The first of the addresses, which are sorted by blocks, in as many groups as a step can take at the most. */
function groupNear(sorted: readonly Allocation[]): readonly InBlock[] {
  const groups: InBlock[] = []
  for (const allocation of sorted) {
    const last = groups.at(-1)
    if (last !== undefined && formatCidr(last.block) === formatCidr(allocation.block)) last.allocations.push(allocation)
    else if (groups.length < stepLimits.keys) groups.push({ block: allocation.block, allocations: [allocation] })
    else break
  }
  return groups
}

/** An item that releases an address only as the assignment that was found. */
export function itemOf({ address, handle, sequenceNumber }: Allocation): ReleaseItem {
  return { address, sequenceNumber, ...(handle !== undefined && { handle }) }
}

/** The draft, pools and cooldown that every release begins with. */
export interface Prepared {
  readonly draft: Draft
  readonly pools: Pools
  readonly cooldownSeconds: number
}

/** Begins a release. Refused while the cluster is locked, and if the IPAM configuration cannot be read. */
export function prepareRelease(view: View, context: IpamContext): Result<Prepared> {
  const unlocked = requireUnlocked(view)
  if (!unlocked.ok) return unlocked
  const config = readConfig(view)
  if (!config.ok) return config
  const cooldownSeconds = config.value.ipCooldownSeconds
  return success({ draft: new Draft(view, context.now, cooldownSeconds), pools: readPools(view), cooldownSeconds })
}

/** A {@link ReleaseAnswer} while it is being found. */
interface Tally {
  readonly released: Address[]
  readonly unallocated: Address[]
  readonly failed: FailedRelease[]
}

function emptyTally(): Tally {
  return { released: [], unallocated: [], failed: [] }
}

/** Groups the items by the blocks of their addresses. If an address is named twice, the last item counts. */
function groupByBlock(
  view: View,
  pools: Pools,
  items: readonly ReleaseItem[],
  context: IpamContext,
  tally: Tally,
): Iterable<readonly [Cidr, readonly ReleaseItem[]]> {
  const last = new Map(items.map((item) => [formatAddress(item.address), item]))
  const groups = new Map<string, { readonly cidr: Cidr; readonly items: ReleaseItem[] }>()
  for (const item of last.values()) {
    const cidr = locateBlock(view, pools, item.address, context.blocks)
    if (cidr === undefined) {
      tally.unallocated.push(item.address)
      continue
    }
    const text = formatCidr(cidr)
    const group = groups.get(text)
    if (group === undefined) groups.set(text, { cidr, items: [item] })
    else group.items.push(item)
  }
  view.prefetch([...groups.values()].map(({ cidr }) => blockKey(cidr)))
  return [...groups.values()].map((group) => [group.cidr, group.items] as const)
}

/**
 * Returns the ordinal of an item that may be released; otherwise none, and adds an entry to the tally. An address that the caller may not
 * release looks as if it was not held. `reach` is undefined if rights were checked before.
 */
function releasable(block: Block, item: ReleaseItem, tally: Tally, reach: Reach | undefined): readonly Ordinal[] {
  const { address, handle, sequenceNumber } = item
  const ordinal = ordinalOf(block.cidr, address)
  const held = isHeld(block, ordinal) ? handleOf(block, ordinal) : undefined
  if (reach?.includes(hostCidr(address), held) === false) {
    tally.unallocated.push(address)
    return []
  }
  const stored = sequenceNumberOf(block, ordinal)
  // First of all, as in Calico: a number given for a free address is a mismatch too.
  if (sequenceNumber !== undefined && sequenceNumber !== stored) {
    const message = `${formatAddress(address)} has the sequence number ${String(stored)}, not ${String(sequenceNumber)}: it was released, and perhaps assigned again, in the meantime`
    tally.failed.push({ address, reason: 'SequenceNumberMismatch', message })
    return []
  }
  if (!isHeld(block, ordinal)) {
    tally.unallocated.push(address)
    return []
  }
  const holder = handleOf(block, ordinal)
  if (handle !== undefined && normalizeHandleId(handle) !== (holder ?? '')) {
    const who = holder === undefined ? 'is held without a handle' : `is held by the handle ${JSON.stringify(holder)}`
    const message = `${formatAddress(address)} ${who}, not by ${JSON.stringify(handle)}`
    tally.failed.push({ address, reason: 'HandleMismatch', message })
    return []
  }
  return [ordinal]
}

/** A block after a release, and how many of its addresses were released of each handle. */
interface BlockChange {
  readonly block: Block
  readonly handles: ReadonlyMap<string, number>
}

function release({ now }: Draft, block: Block, ordinals: readonly Ordinal[], cooldownSeconds: number): BlockChange {
  return {
    block: releaseOrdinals(block, ordinals, now, cooldownSeconds).block,
    handles: countByHandle(block, ordinals),
  }
}

/** Counts the ordinals by the handle that holds them. */
function countByHandle(block: Block, ordinals: readonly Ordinal[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const ordinal of ordinals) {
    const handle = handleOf(block, ordinal)
    if (handle !== undefined) counts.set(handle, (counts.get(handle) ?? 0) + 1)
  }
  return counts
}

/** The addresses that a release takes from handles, block by block. A handle with many blocks is large, so it is changed only once. */
type TakenFromHandles = Map<string, Map<string, Taken>>

function takeFromHandles(draft: Draft, taken: TakenFromHandles): void {
  for (const [handle, inBlocks] of taken) draft.takeFromHandle(handle, inBlocks)
}

/** Stores a block after a release, and adds to `taken` what its handles lose. */
function store(draft: Draft, { block, handles }: BlockChange, pools: Pools, taken: TakenFromHandles): void {
  draft.setBlock(block)
  for (const [handle, released] of handles) {
    const inBlocks = taken.get(handle) ?? new Map<string, Taken>()
    inBlocks.set(formatCidr(block.cidr), { released, held: ordinalsOfHandle(block, handle).length })
    taken.set(handle, inBlocks)
  }
  releaseDeselected(draft, block, pools)
}

function unreadable(address: Address, cidr: Cidr, problem: string): FailedRelease {
  return { address, reason: 'Unreadable', message: describeUnreadable(cidr, problem) }
}

function describeUnreadable(cidr: Cidr, problem: string): string {
  return `The stored block ${formatCidr(cidr)} cannot be read: ${problem}`
}
