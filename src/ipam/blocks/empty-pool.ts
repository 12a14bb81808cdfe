import {
  affinities,
  type IndexedBlock,
  type BlockIndex,
  blockKey,
  blocks as blockFamily,
  formatAffinity,
  type Now,
  type AffinityHost,
  parseAffinityKey,
  type Pool,
  pools,
  virtualAffinities,
} from '../../model/index.ts'
import { type Cidr, covers, overlaps } from '../../net/index.ts'
import { type Budget, type Key, stepLimits, type View, type Write } from '../../plan/index.ts'
import { Draft } from '../draft.ts'
import { readCooldown } from '../surroundings.ts'
import { keysPerBlock } from './claim.ts'
import { blocksPerStepMax, releaseBlock } from './release-blocks.ts'

/** The outcome of one step of emptying a pool. */
export interface Emptying {
  readonly writes: readonly Write[]
  readonly blocksLeft: number
  /** True if no block lies in the pool, and the step leaves no affinity of one. The commit does not prove it: see {@link proveBlocks}. */
  readonly isEmpty: boolean
  /** True if the step had no room for all affinities that are left over. */
  readonly isCut: boolean
}

/**
 * Lets the commit prove that there is no block which the index does not know. For that, etcd reads every block while it carries out no
 * other write, so use it only in the step that relies on it.
 */
export function proveBlocks(view: View): void {
  view.consult(blockFamily, 'created')
}

/** How many blocks live and die with the pool. A hint. */
export function countBlocks(view: View, pool: Pool, index: BlockIndex): number {
  const sums = stayingPools(view, pool).length === 0 ? index.sumsOf(pool.cidr) : undefined
  return sums?.blocks ?? [...blocksOf(view, pool, index)].length
}

/**
 * One step of emptying a pool: releases blocks from their nodes, which deletes those without an address in use, and then removes the
 * affinities that are left over. There may be many of those, so they are looked through only with the last blocks to release, if no
 * block is left, and if `looksThrough` is given. May be repeated at any time, by any server, on whatever is stored. A block that cannot
 * be read is left alone.
 */
export function emptyPool(
  budget: Budget,
  pool: Pool,
  index: BlockIndex,
  { now, looksThrough = false }: { readonly now: Now; readonly looksThrough?: boolean },
): Emptying {
  const { view } = budget
  const { blocks, releasable, isCut: isMore } = nextBlocks(blocksOf(view, pool, index))
  const draft = new Draft(view, now, readCooldown(view))
  const released = release(draft, budget, releasable.length > 0 ? releasable : coolingFirst(blocks, now))
  const isLast = releasable.length > 0 && released.isComplete
  const left = looksThrough || isLast || blocks.length === 0 ? removeAffinities(draft, budget, pool) : 'some'
  return {
    writes: draft.writes(),
    blocksLeft: (isMore ? countBlocks(view, pool, index) : blocks.length) - released.deletedCount,
    isEmpty: blocks.length === 0 && left === 'none',
    isCut: left === 'more than fit',
  }
}

/** The blocks to release in a step, and all blocks up to the last of them. */
interface NextBlocks {
  readonly blocks: readonly IndexedBlock[]
  /** The blocks that belong to a node, or are empty. */
  readonly releasable: readonly IndexedBlock[]
  /** True if there are more to release than fit into a step: what follows was not looked at. */
  readonly isCut: boolean
}

/** Looks at no more blocks than it takes to fill a step: there may be very many, and a step for each few of them. */
function nextBlocks(all: Iterable<IndexedBlock>): NextBlocks {
  const blocks: IndexedBlock[] = []
  const releasable: IndexedBlock[] = []
  for (const block of all) {
    blocks.push(block)
    if (block.affinity !== null || block.isEmpty) releasable.push(block)
    if (releasable.length > blocksPerStepMax) return { blocks, releasable, isCut: true }
  }
  return { blocks, releasable, isCut: false }
}

/** The blocks that live and die with the pool: in its range, and in no other pool that stays. There may be very many. */
function* blocksOf(view: View, pool: Pool, index: BlockIndex): Iterable<IndexedBlock> {
  const staying = stayingPools(view, pool)
  for (const block of index.overlapping(pool.cidr)) {
    // A block that shares an address with the pool and is not larger lies in it.
    const isInside = block.cidr.prefixLength >= pool.cidr.prefixLength
    if (isInside && !staying.some((other) => covers(other.cidr, block.cidr))) yield block
  }
}

/** The pools in the same range that stay. There are none unless Calico did not check for overlaps, as when it splits a pool. */
function stayingPools(view: View, pool: Pool): readonly Pool[] {
  return view
    .list(pools, 'changed')
    .flatMap((entry) => (entry.kind === 'value' ? [entry.value] : []))
    .filter((other) => other.name !== pool.name && !other.isTerminating && overlaps(other.cidr, pool.cidr))
}

/** Blocks with addresses that cool down. Each step begins at another one, so that each has its turn although a step is bounded. */
function coolingFirst(blocks: readonly IndexedBlock[], now: Now): readonly IndexedBlock[] {
  const cooling = blocks.filter((block) => block.hasCooling)
  const start = Number((now.nanoseconds / 1_000_000n) % BigInt(Math.max(cooling.length, 1)))
  return [...cooling.slice(start), ...cooling.slice(0, start)]
}

/** Releases as many of the blocks as the budget allows. */
function release(
  draft: Draft,
  budget: Budget,
  blocks: readonly IndexedBlock[],
): { readonly deletedCount: number; readonly isComplete: boolean } {
  draft.view.prefetch(blocks.slice(0, blocksPerStepMax).map(({ cidr }) => blockKey(cidr)))
  let deletedCount = 0
  for (const { cidr } of blocks) {
    if (!budget.hasRoom(keysPerBlock, draft.bytes)) return { deletedCount, isComplete: false }
    const found = draft.block(cidr)
    if (found.kind === 'absent' || (found.kind === 'block' && releaseBlock(draft, found.block))) deletedCount++
  }
  return { deletedCount, isComplete: true }
}

/**
 * Removes the affinities of the pool's blocks, of nodes and of virtual hosts, that lead to no block with this affinity. Returns which of
 * the pool's affinities are left.
 */
function removeAffinities(draft: Draft, budget: Budget, pool: Pool): 'none' | 'some' | 'more than fit' {
  const leftover = affinitiesOf(draft.view, pool).filter(({ key }) => !draft.changes(key))
  draft.view.prefetch(leftover.slice(0, stepLimits.keys).map(({ cidr }) => blockKey(cidr)))
  let removedCount = 0
  for (const { host, cidr } of leftover) {
    if (!budget.hasRoom(keysPerBlock, draft.bytes)) return 'more than fit'
    // The index of blocks may be behind: a block that was deleted and made anew in one transaction was not created, for etcd.
    const found = draft.block(cidr)
    if (found.kind === 'unreadable') continue
    if (found.kind === 'block' && found.block.affinity === formatAffinity(host)) continue
    draft.deleteAffinity(host, cidr)
    removedCount++
  }
  return removedCount === leftover.length ? 'none' : 'some'
}

/** An affinity as its key says it. */
interface AffinityOf {
  readonly key: Key<unknown>
  readonly host: AffinityHost
  readonly cidr: Cidr
}

/** The affinities of blocks that live and die with the pool, whether or not there is such a block. */
function affinitiesOf(view: View, pool: Pool): readonly AffinityOf[] {
  const staying = stayingPools(view, pool)
  return [affinities, virtualAffinities].flatMap((family) =>
    view.list(family, 'created').flatMap(({ key: text }) => {
      const found = parseAffinityKey(text)
      if (found === undefined || !covers(pool.cidr, found.cidr)) return []
      if (staying.some((other) => covers(other.cidr, found.cidr))) return []
      return [{ key: { family, text }, host: found.host, cidr: found.cidr }]
    }),
  )
}
