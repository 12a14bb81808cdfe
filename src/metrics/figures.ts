import { countInRange } from '../ipam/index.ts'
import { type Availability, type BlockIndex, type IndexedBlock, parseAffinity, type Pool } from '../model/index.ts'
import { type Cidr, covers } from '../net/index.ts'

/** The addresses of a pool, counted as the utilization counts them. */
export interface PoolFigures {
  readonly ippool: string
  readonly size: number
  readonly inUse: number
  readonly cooling: number
  readonly reserved: number
  readonly available: number
  readonly blocks: number
}

/** What a node has of a pool, in Calico's sense: `blocks` are those that belong to the node, wherever their addresses are used. */
export interface NodeFigures {
  readonly ippool: string
  readonly node: string
  inUse: number
  /** Those in blocks that do not belong to the node. */
  borrowed: number
  blocks: number
}

/** The names that Calico's metrics have for what has none. */
const noPool = 'no_ippool'
const noAffinity = 'no_affinity'
const unknownNode = 'unknown_node'

/** Counts the addresses of each pool. Numbers beyond 2^53 lose digits, as all numbers of Prometheus do. */
export function countPools(pools: readonly Pool[], blocks: BlockIndex, terms: Availability): readonly PoolFigures[] {
  return pools.map(({ name, cidr }) => {
    const { capacity, inUse, cooling, reserved, available, blocksInUse } = countInRange(cidr, blocks, terms)
    return {
      ippool: name,
      size: Number(capacity),
      inUse: Number(inUse),
      cooling: Number(cooling),
      reserved: Number(reserved),
      available: Number(available),
      blocks: blocksInUse,
    }
  })
}

/**
 * Counts what each node has of each pool, in one walk through the blocks. Pairs that have nothing are left out. Addresses whose holder
 * names no node are those of `unknown_node`, and are never borrowed.
 */
export function countNodes(pools: readonly Pool[], blocks: BlockIndex): readonly NodeFigures[] {
  const counted = new Map<string, Map<string, NodeFigures>>()
  const of = (ippool: string, node: string): NodeFigures => {
    const nodes = counted.get(ippool) ?? new Map<string, NodeFigures>()
    const figures = nodes.get(node) ?? { ippool, node, inUse: 0, borrowed: 0, blocks: 0 }
    counted.set(ippool, nodes)
    nodes.set(node, figures)
    return figures
  }
  for (const { ippool, block } of withPools(blocks.after(), pools)) {
    const owner = ownerOf(block)
    of(ippool, owner ?? noAffinity).blocks++
    for (const { node, count } of block.held) {
      const figures = of(ippool, node ?? unknownNode)
      figures.inUse += count
      if (node !== undefined && node !== owner) figures.borrowed += count
    }
  }
  return [...counted.values()].flatMap((nodes) => [...nodes.values()])
}

/** Adds up what each node has, over all pools. */
export function sumByNode(figures: readonly NodeFigures[]): readonly Omit<NodeFigures, 'ippool'>[] {
  const sums = new Map<string, Omit<NodeFigures, 'ippool'>>()
  for (const { node, inUse, borrowed, blocks } of figures) {
    const sum = sums.get(node) ?? { node, inUse: 0, borrowed: 0, blocks: 0 }
    sum.inUse += inUse
    sum.borrowed += borrowed
    sum.blocks += blocks
    sums.set(node, sum)
  }
  return [...sums.values()]
}

function ownerOf({ affinity }: IndexedBlock): string | undefined {
  const host = affinity === null ? undefined : parseAffinity(affinity)
  return host?.type === 'host' ? host.name : undefined
}

/** Finds the pool of each block by walking through both in the order of their addresses. Of pools in each other, the inner one. */
function* withPools(
  blocks: Iterable<IndexedBlock>,
  pools: readonly Pool[],
): Iterable<{ readonly ippool: string; readonly block: IndexedBlock }> {
  const ascending = pools.toSorted(({ cidr: one }, { cidr: other }) => compareStarts(one, other))
  /** The pools that begin at or before the block, and end after its start: each contains the next. */
  const around: Pool[] = []
  let next = 0
  for (const block of blocks) {
    for (let pool = ascending[next]; pool && compareStarts(pool.cidr, block.cidr) <= 0; pool = ascending[++next]) {
      leave(around, pool.cidr)
      around.push(pool)
    }
    leave(around, block.cidr)
    yield { ippool: around.at(-1)?.name ?? noPool, block }
  }
}

/** Drops the pools that do not contain `cidr`. */
function leave(around: Pool[], cidr: Cidr): void {
  for (let last = around.at(-1); last && !covers(last.cidr, cidr); last = around.at(-1)) around.pop()
}

/** IPv4 before IPv6, by first address, larger ones first. */
function compareStarts(one: Cidr, other: Cidr): number {
  if (one.family !== other.family) return one.family - other.family
  if (one.base !== other.base) return one.base < other.base ? -1 : 1
  return one.prefixLength - other.prefixLength
}
