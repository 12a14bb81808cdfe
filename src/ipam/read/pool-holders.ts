import { type Block, blocks as blockFamily, normalizeHandleId, type Pool } from '../../model/index.ts'
import { type Cidr, contains, firstAddress } from '../../net/index.ts'
import { answerOnly, type Plan, type View } from '../../plan/index.ts'
import type { IpamContext } from '../request.ts'
import { poolOf, readPools } from '../surroundings.ts'

/** How many addresses each handle, or each node, holds; undefined as the name of addresses without one. */
export type HolderCounts = Map<string | undefined, number>

/** Counts the addresses of each node in the blocks of a pool, from the index of blocks. Blocks that cannot be read are left out. */
export function planCountNodes(
  view: View,
  pool: Pick<Pool, 'name' | 'cidr'>,
  { blocks }: Pick<IpamContext, 'blocks'>,
): Plan<HolderCounts> {
  view.consult(blockFamily)
  const stored = readPools(view)
  const counts: HolderCounts = new Map()
  for (const block of blocks.overlapping(pool.cidr)) {
    if (poolOf(stored, firstAddress(block.cidr))?.name !== pool.name) continue
    for (const { node, count } of block.held) addTo(counts, node, count)
  }
  return answerOnly(counts)
}

/** Counts the addresses of a block that lie in `range` and belong to a handle that `isListed`, by handle or by node. */
export function countHolders(
  { cidr, allocations, attributes }: Block,
  by: 'handle' | 'node',
  range: Cidr,
  isListed: (handle: string | undefined) => boolean,
): HolderCounts {
  const counts: HolderCounts = new Map()
  for (const [place, index] of allocations.entries()) {
    const attribute = index === null ? undefined : attributes?.[index]
    if (attribute === undefined || attribute.releasedAt !== undefined) continue
    const handle = attribute.handle === undefined ? undefined : normalizeHandleId(attribute.handle)
    if (!isListed(handle)) continue
    if (!contains(range, { family: cidr.family, value: cidr.base + BigInt(place) })) continue
    addTo(counts, by === 'handle' ? handle : attribute.active?.['node'], 1)
  }
  return counts
}

/** The holders with the most addresses, in descending order; those with the same number in the order of their names. */
export function mostOf(
  counts: HolderCounts,
  limit: number,
): readonly { readonly name: string | undefined; readonly addresses: number }[] {
  return [...counts]
    .map(([name, addresses]) => ({ name, addresses }))
    .sort((one, other) => other.addresses - one.addresses || ((one.name ?? '') < (other.name ?? '') ? -1 : 1))
    .slice(0, limit)
}

/** Adds to the number of one holder. */
export function addTo(counts: HolderCounts, name: string | undefined, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count)
}
