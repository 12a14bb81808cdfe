import { type Block, isEmpty, nodeKey, parseOwner, type Pool } from '../../model/index.ts'
import { type Cidr, covers, firstAddress } from '../../net/index.ts'
import { matches } from '../../selector/index.ts'
import type { Draft } from '../draft.ts'
import { poolOf, type Pools } from '../surroundings.ts'

/** How many blocks one assignment gives up at the most: each adds two writes to its transaction. */
const blocksPerAssign = 8

/**
 * Gives up `block`, with its claim, if it is empty and the enabled pool that it lies in does not select its host any more. A host that
 * is not registered keeps its blocks: nobody knows its labels. @see docs/calico/ipam.md section 5.3
 */
export function giveUpDeselected(draft: Draft, block: Block, pools: Pools): void {
  const owner = parseOwner(block.affinity ?? '')
  if (owner?.type !== 'host' || !isEmpty(block)) return
  const node = draft.view.get(nodeKey(owner.name))
  const pool = poolOf(pools, firstAddress(block.cidr), ({ isAllocatable }) => isAllocatable)
  if (node.kind !== 'value' || pool?.nodeSelector.ok !== true) return
  if (!matches(pool.nodeSelector.selector, node.value.labels)) draft.deleteBlock(block.cidr, owner)
}

/**
 * Of the blocks that somebody with this affinity claims, gives up those that lie in none of the pools chosen for the node and that
 * {@link giveUpDeselected} may give up. `empty` is a hint: the blocks themselves are asked. @see docs/calico/ipam.md section 1.4
 */
export function cleanUpClaims(
  draft: Draft,
  affinity: string | null,
  empty: readonly Cidr[],
  pools: Pools,
  chosen: readonly Pool[],
): void {
  const outside = empty.filter((cidr) => !chosen.some((pool) => covers(pool.cidr, cidr)))
  for (const cidr of outside.slice(0, blocksPerAssign)) {
    const found = draft.block(cidr)
    if (found.kind === 'block' && found.block.affinity === affinity) giveUpDeselected(draft, found.block, pools)
  }
}
