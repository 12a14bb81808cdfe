import {
  blocks as blockFamily,
  formatAffinity,
  type IndexedBlock,
  type Pool,
  pools as poolFamily,
  reservations,
  type Availability,
} from '../../model/index.ts'
import { type Cidr, CidrSet, firstAddress, overlaps } from '../../net/index.ts'
import { answerOnly, type Plan, type View, type Result, success } from '../../plan/index.ts'
import { isNamed, refuseUnknownPools, type UnknownPool } from '../eligible-pools.ts'
import { deniedIn, reachOf, reading, visiblePools } from '../reach.ts'
import type { IpamContext } from '../request.ts'
import { poolOf, type Pools, readAvailability, readCooldown, readPools } from '../surroundings.ts'
import { poolCounterOf } from './pool-counter.ts'
import { type AddressCounts, countHeld, countInBlock, countInRange, type PoolCounts } from './count-addresses.ts'

/** A pool and the counts of its addresses. */
export interface CountedPool {
  readonly pool: Pool
  readonly usage: PoolCounts
}

/** A block and the counts of its addresses. */
export interface CountedBlock {
  readonly block: IndexedBlock
  /** The name of the first pool, by name, that shares an address with the block; undefined if none does. */
  readonly pool: string | undefined
  readonly usage: AddressCounts
}

/** The utilization of all pools, or of the requested ones. */
export interface UtilizationAnswer {
  readonly pools: readonly CountedPool[]
  /** The names of stored pools that cannot be read; empty if the request names pools. */
  readonly unreadable: readonly string[]
  /** Blocks that lie in no pool; empty if the request names pools. */
  readonly orphaned: readonly CountedBlock[]
  /** The blocks of the pools, in address order; empty unless the request asks for them. */
  readonly blocks: readonly CountedBlock[]
}

/** Which pools to count, and whether to count each of their blocks as well. */
export interface UtilizationRequest {
  /** Names or CIDRs of pools; empty: all pools. */
  readonly pools: readonly string[]
  readonly withBlocks: boolean
}

/** Selects the blocks that match every given condition. */
export interface BlocksRequest {
  /** The name or CIDR of a pool that shares an address with the block. */
  readonly pool?: string | undefined
  /** The node that the block belongs to. */
  readonly node?: string | undefined
  /** True: only blocks that lie in no pool. */
  readonly orphaned?: boolean | undefined
  /** The last block of the previous page. */
  readonly after?: Cidr | undefined
  readonly limit: number
}

/** A page of blocks, in address order. */
export interface BlocksAnswer {
  readonly blocks: readonly CountedBlock[]
  readonly isLast: boolean
}

/**
 * Counts the addresses of pools and of their blocks, from the index of blocks; the answer is given only after the store has confirmed
 * that the index is current. Refused with `Invalid` if a requested pool does not exist. @see docs/calico/ipam.md section 8
 */
export function planReadUtilization(
  view: View,
  request: UtilizationRequest,
  context: IpamContext,
): Plan<Result<UtilizationAnswer>> {
  return answerOnly(readUtilization(view, request, context))
}

/** Reads a page of the requested blocks, with their counts. Refused with `Invalid` if the requested pool does not exist. */
export function planReadBlocks(view: View, request: BlocksRequest, context: IpamContext): Plan<Result<BlocksAnswer>> {
  return answerOnly(readBlocks(view, request, context))
}

/** The blocks whose addresses to count: those of a pool, a name or a CIDR, and those that share an address with a range. */
export interface HeldRequest {
  readonly pool?: string | undefined
  readonly range?: Cidr | undefined
}

/**
 * Counts the assigned addresses in blocks that can be read, from the index of blocks; undefined if the caller may list only those of some
 * handles, which the index does not know. Refused with `Invalid` if the requested pool does not exist.
 */
export function planCountHeld(
  view: View,
  { pool: reference, range }: HeldRequest,
  context: IpamContext,
): Plan<Result<number | undefined>> {
  for (const family of [poolFamily, blockFamily]) view.consult(family)
  const stored = readPools(view)
  const { rights, blocks } = context
  const listing = reading.addresses[1]
  const visible = visiblePools(rights, stored, listing)
  const chosen = choosePools(visible, 'pool', reference === undefined ? [] : [reference])
  if (!chosen.ok) return answerOnly(chosen)
  const reach = reachOf(rights, stored, listing)
  if (!reach.isForAllHandles) return answerOnly(success(undefined))
  const [pool] = reference === undefined ? [] : chosen.value
  const within = range ?? pool?.cidr
  let count = 0
  for (const block of within === undefined ? blocks.after() : blocks.overlapping(within)) {
    if (pool !== undefined && poolOf(stored, firstAddress(block.cidr)) !== pool) continue
    if (!reach.touches(block.cidr)) continue
    count += countHeld(block, range ?? block.cidr)
  }
  return answerOnly(success(count))
}

/**
 * Finds the keys of all blocks that had an address held on `node` at any time since the index had changed `since` times, sorted; with them
 * come others that have changed since, and values that cannot be read. Undefined if the index has changed too often to tell.
 */
export function planFindBlocksOnNode(
  view: View,
  { node, since }: { readonly node: string; readonly since: number },
  { blocks }: Pick<IpamContext, 'blocks'>,
): Plan<readonly string[] | undefined> {
  view.consult(blockFamily)
  const changed = blocks.changedSince(since)
  return answerOnly(changed && [...new Set([...blocks.keysOnNode(node), ...changed])].sort())
}

function readUtilization(view: View, request: UtilizationRequest, context: IpamContext): Result<UtilizationAnswer> {
  const { stored, terms } = readBasis(view, context)
  const { blocks, rights } = context
  const listing = reading.pools[1]
  const reach = reachOf(rights, stored, listing)
  const readableBlocks = reachOf(rights, stored, reading.blocks[1])
  const isComplete = request.pools.length === 0
  const chosen = choosePools(visiblePools(rights, stored, listing), 'pools', request.pools)
  if (!chosen.ok) return chosen
  const pools = chosen.value.filter((pool) => reach.includesPool(pool, undefined))
  const forbidden = chosen.value.find((pool) => !pools.includes(pool))
  if (forbidden !== undefined && !isComplete) return { ok: false, refusal: deniedIn(rights, listing, forbidden) }
  const counts = isComplete ? poolCounterOf(blocks).count(stored, terms) : undefined
  const count = (found: Iterable<IndexedBlock>): readonly CountedBlock[] =>
    [...found]
      .filter(({ cidr }) => readableBlocks.includes(cidr, undefined))
      .map((block) => countBlock(block, stored, terms))
  return success({
    pools: pools.map((pool) => ({
      pool,
      usage: counts?.get(pool) ?? countInRange(pool.cidr, blocks, terms),
    })),
    unreadable: isComplete && reach.isUnlimited ? stored.unreadable.map(({ name }) => name) : [],
    orphaned: isComplete ? count(orphanedAmong(blocks.after(), stored)) : [],
    blocks: request.withBlocks ? count(blocksOf(pools, context)) : [],
  })
}

function readBlocks(view: View, request: BlocksRequest, context: IpamContext): Result<BlocksAnswer> {
  const { stored, terms } = readBasis(view, context)
  const listing = reading.blocks[1]
  const visible = visiblePools(context.rights, stored, listing)
  const chosen = choosePools(visible, 'pool', request.pool === undefined ? [] : [request.pool])
  if (!chosen.ok) return chosen
  const reach = reachOf(context.rights, stored, listing)
  const [pool] = request.pool === undefined ? [] : chosen.value
  const affinity = request.node === undefined ? undefined : formatAffinity({ type: 'host', name: request.node })
  const all = context.blocks.after(request.after)
  const blocks: CountedBlock[] = []
  for (const block of request.orphaned === true ? orphanedAmong(all, stored) : all) {
    if (affinity !== undefined && block.affinity !== affinity) continue
    if (pool !== undefined && !overlaps(pool.cidr, block.cidr)) continue
    if (!reach.includes(block.cidr, undefined)) continue
    if (blocks.length === request.limit) return success({ blocks, isLast: false })
    blocks.push(countBlock(block, stored, terms))
  }
  return success({ blocks, isLast: true })
}

/** The values that every count is based on. */
export interface Basis {
  readonly stored: Pools
  readonly terms: Availability
}

/** Reads the values that counts are based on, and makes the store confirm that the index of blocks is current. */
export function readBasis(view: View, { now }: IpamContext): Basis {
  const cooldownSeconds = readCooldown(view)
  // A listing does not show deletions: consulting the families makes the store confirm that nothing was deleted.
  for (const family of [poolFamily, reservations, blockFamily]) view.consult(family)
  return { stored: readPools(view), terms: readAvailability(view, cooldownSeconds, now) }
}

/** The pools that a field refers to, each once, in the order of the references; all pools if there is no reference. */
function choosePools({ all }: Pools, field: string, references: readonly string[]): Result<readonly Pool[]> {
  if (references.length === 0) return success(all)
  const unknown: UnknownPool[] = []
  const chosen = new Set<Pool>()
  for (const reference of references) {
    const pool = all.find((one) => isNamed(one, reference))
    if (pool !== undefined) chosen.add(pool)
    else unknown.push({ field, reference })
  }
  return unknown.length === 0 ? success([...chosen]) : refuseUnknownPools(unknown)
}

function countBlock(block: IndexedBlock, { all }: Pools, terms: Availability): CountedBlock {
  const pool = all.find(({ cidr }) => overlaps(cidr, block.cidr))?.name
  return { block, pool, usage: countInBlock(block, terms) }
}

function* orphanedAmong(blocks: Iterable<IndexedBlock>, { all }: Pools): Iterable<IndexedBlock> {
  const inPools = CidrSet.of(all.map(({ cidr }) => cidr))
  for (const block of blocks) if (!inPools.overlaps(block.cidr)) yield block
}

/** The blocks of these pools, each once: pools may overlap. */
function blocksOf(pools: readonly Pool[], { blocks }: IpamContext): readonly IndexedBlock[] {
  return [...new Set(pools.flatMap(({ cidr }) => [...blocks.overlapping(cidr)]))]
}
