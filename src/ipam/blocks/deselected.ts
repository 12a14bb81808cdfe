import { type Block, isBlockEmpty, nodeKey, hostOf, type Pool } from '../../model/index.ts'
import { type Cidr, covers, firstAddress } from '../../net/index.ts'
import { matches } from '../../selector/index.ts'
import type { Draft } from '../draft.ts'
import { poolOf, type Pools } from '../surroundings.ts'
import { releaseBlock } from './release-blocks.ts'

/** The most blocks that one assignment releases: each adds two writes to its transaction. */
const blocksPerAssign = 8

/**
 * Releases `block` if it is empty and the enabled pool that it lies in does not select its node. A node that is not registered keeps its
 * blocks, because its labels are not known. @see docs/calico/ipam.md section 5.3
 */
export function releaseDeselected(draft: Draft, block: Block, pools: Pools): void {
  const host = hostOf(block)
  if (host?.type !== 'host' || !isBlockEmpty(block)) return
  const node = draft.view.get(nodeKey(host.name))
  const pool = poolOf(pools, firstAddress(block.cidr), ({ isAllocatable }) => isAllocatable)
  if (node.kind !== 'value' || pool?.nodeSelector.ok !== true) return
  if (!matches(pool.nodeSelector.selector, node.value.labels)) releaseBlock(draft, block)
}

/**
 * Of the `empty` blocks with this affinity, releases those that lie in none of the pools chosen for the node, as far as
 * {@link releaseDeselected} does. `empty` is a hint: the blocks are read. @see docs/calico/ipam.md section 1.4
 */
export function releaseDeselectedBlocks(
  draft: Draft,
  affinity: string | null,
  empty: readonly Cidr[],
  pools: Pools,
  chosen: readonly Pool[],
): void {
  const outside = empty.filter((cidr) => !chosen.some((pool) => covers(pool.cidr, cidr)))
  for (const cidr of outside.slice(0, blocksPerAssign)) {
    const found = draft.block(cidr)
    if (found.kind === 'block' && found.block.affinity === affinity) releaseDeselected(draft, found.block, pools)
  }
}
