import {
  blocks as blockFamily,
  formatOwner,
  type IndexedBlock,
  nanosecondsPerSecond,
  type Pool,
  pools as poolFamily,
  reservations,
  type Terms,
} from '../../model/index.ts'
import { type Cidr, CidrSet, overlaps } from '../../net/index.ts'
import { answerOnly, type Plan, type View, type Cause, refuse, type Result, success } from '../../plan/index.ts'
import { isNamed } from '../eligible-pools.ts'
import type { Context } from '../request.ts'
import { type Pools, readConfig, readPools, readReserved } from '../surroundings.ts'
import { type PoolUsage, type Usage, usageOfBlock, usageOfRange } from './usage.ts'

/** A pool and how it is used. */
export interface UsedPool {
  readonly pool: Pool
  readonly usage: PoolUsage
}

/** A block and how it is used. */
export interface UsedBlock {
  readonly block: IndexedBlock
  /** The first pool, by name, that shares an address with the block; undefined when none does. */
  readonly pool: string | undefined
  readonly usage: Usage
}

/** How pools are used, all or those asked for. */
export interface UtilizationAnswer {
  readonly pools: readonly UsedPool[]
  /** Pools that are stored and cannot be read, by name. */
  readonly unreadable: readonly string[]
  /** Blocks that lie in no pool; not looked for when pools are asked for by name. */
  readonly orphaned: readonly UsedBlock[]
  /** Blocks of the pools, in the order of their addresses, if they are asked for. */
  readonly blocks: readonly UsedBlock[]
}

/** Whose usage is asked for. */
export interface UtilizationRequest {
  /** Names or CIDRs of pools; empty: all. */
  readonly pools: readonly string[]
  readonly withBlocks: boolean
}

/** Which blocks are asked for: all that fulfil every condition given. */
export interface BlocksRequest {
  /** The name or the CIDR of a pool that they share an address with. */
  readonly pool?: string | undefined
  /** The node that they are affine to. */
  readonly node?: string | undefined
  /** Those that lie in no pool. */
  readonly orphaned?: boolean | undefined
  /** The last block of the page before. */
  readonly after?: Cidr | undefined
  readonly limit: number
}

/** A page of blocks, in the order of their addresses. */
export interface BlocksAnswer {
  readonly blocks: readonly UsedBlock[]
  readonly isLast: boolean
}

/**
 * How pools, and their blocks, are used: counted from the index of blocks, whose word is proved by reading afresh what has changed.
 * Refused with `Invalid` when a pool asked for does not exist. @see docs/calico/ipam.md section 8
 */
export function planReadUtilization(
  view: View,
  request: UtilizationRequest,
  context: Context,
): Plan<Result<UtilizationAnswer>> {
  return answerOnly(readUtilization(view, request, context))
}

/** A page of the blocks that a request asks for. Refused with `Invalid` when the pool asked for does not exist. */
export function planReadBlocks(view: View, request: BlocksRequest, context: Context): Plan<Result<BlocksAnswer>> {
  return answerOnly(readBlocks(view, request, context))
}

function readUtilization(view: View, request: UtilizationRequest, context: Context): Result<UtilizationAnswer> {
  const ground = survey(view, context)
  if (!ground.ok) return ground
  const { stored, terms } = ground.value
  const chosen = choose(stored, request.pools, 'pool')
  if (!chosen.ok) return chosen
  const { blocks } = context
  const used = (block: IndexedBlock): UsedBlock => usedBlock(block, stored, terms)
  const isComplete = request.pools.length === 0
  return success({
    pools: chosen.value.map((pool) => ({
      pool,
      usage: usageOfRange(pool.cidr, blocks.overlapping(pool.cidr), terms),
    })),
    unreadable: isComplete ? stored.unreadable.map(({ name }) => name) : [],
    orphaned: isComplete ? [...orphansAmong(blocks.after(), stored)].map(used) : [],
    blocks: request.withBlocks ? blocksOf(chosen.value, context).map(used) : [],
  })
}

function readBlocks(view: View, request: BlocksRequest, context: Context): Result<BlocksAnswer> {
  const ground = survey(view, context)
  if (!ground.ok) return ground
  const { stored, terms } = ground.value
  const pool = choose(stored, request.pool === undefined ? [] : [request.pool], 'pool')
  if (!pool.ok) return pool
  const [chosen] = request.pool === undefined ? [] : pool.value
  const affinity = request.node === undefined ? undefined : formatOwner({ type: 'host', name: request.node })
  const all = context.blocks.after(request.after)
  const blocks: UsedBlock[] = []
  for (const block of request.orphaned === true ? orphansAmong(all, stored) : all) {
    if (affinity !== undefined && block.affinity !== affinity) continue
    if (chosen !== undefined && !overlaps(chosen.cidr, block.cidr)) continue
    if (blocks.length === request.limit) return success({ blocks, isLast: false })
    blocks.push(usedBlock(block, stored, terms))
  }
  return success({ blocks, isLast: true })
}

/** What every count stands on. */
interface Ground {
  readonly stored: Pools
  readonly terms: Terms
}

function survey(view: View, { now }: Context): Result<Ground> {
  const config = readConfig(view)
  if (!config.ok) return config
  // Deletions are proved by no listing.
  for (const family of [poolFamily, reservations, blockFamily]) view.consult(family)
  const cooledBefore = now.nanoseconds - BigInt(config.value.ipCooldownSeconds) * nanosecondsPerSecond
  return success({ stored: readPools(view), terms: { reserved: readReserved(view), cooledBefore } })
}

/** The pools that are named, each once, in the order of the names; all when none is. */
function choose({ all }: Pools, references: readonly string[], field: string): Result<readonly Pool[]> {
  if (references.length === 0) return success(all)
  const causes: Cause[] = []
  const chosen = new Set<Pool>()
  for (const reference of references) {
    const pool = all.find((one) => isNamed(one, reference))
    if (pool !== undefined) chosen.add(pool)
    else {
      const message = `Invalid value: ${JSON.stringify(reference)}: no pool that can be read has this name or CIDR`
      causes.push({ field, reason: 'FieldValueInvalid', message })
    }
  }
  return causes.length === 0
    ? success([...chosen])
    : refuse('Invalid', 'A pool that was asked for does not exist.', causes)
}

function usedBlock(block: IndexedBlock, { all }: Pools, terms: Terms): UsedBlock {
  const pool = all.find(({ cidr }) => overlaps(cidr, block.cidr))?.name
  return { block, pool, usage: usageOfBlock(block, terms) }
}

function* orphansAmong(blocks: Iterable<IndexedBlock>, { all }: Pools): Iterable<IndexedBlock> {
  const inPools = CidrSet.of(all.map(({ cidr }) => cidr))
  for (const block of blocks) if (!inPools.overlaps(block.cidr)) yield block
}

/** The blocks of some pools, each once, although pools may overlap. */
function blocksOf(pools: readonly Pool[], { blocks }: Context): readonly IndexedBlock[] {
  return [...new Set(pools.flatMap(({ cidr }) => [...blocks.overlapping(cidr)]))]
}
