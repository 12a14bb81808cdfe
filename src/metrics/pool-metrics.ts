import { setImmediate as nextTurn } from 'node:timers/promises'
import { countInRange } from '../ipam/index.ts'
import {
  type Availability,
  blockKey,
  type BlockIndex,
  type IndexedBlock,
  parseAffinity,
  parseBlockKey,
  type Pool,
  PoolsByRange,
} from '../model/index.ts'
import { type Cidr, isSameCidr } from '../net/index.ts'
import { type ExpositionFormat, printHead, printLabels } from './exposition.ts'

/** The names that Calico's metrics have for what has none. */
const noPool = 'no_ippool'
const noAffinity = 'no_affinity'
const unknownNode = 'unknown_node'

/** How long a turn of the event loop may be kept by counting. */
const turnMs = 5

/** The figures of a node, in Calico's sense: `blocks` are those that belong to the node, wherever their addresses are used. */
class NodeFigures {
  readonly labels: string
  inUse = 0
  /** Those in blocks that do not belong to the node. */
  borrowed = 0
  blocks = 0
  #lines: readonly string[] | undefined

  constructor(labels: Readonly<Record<string, string>>) {
    this.labels = printLabels(labels)
  }

  get isEmpty(): boolean {
    return this.inUse === 0 && this.blocks === 0
  }

  /** Call it after a change. */
  forgetLines(): void {
    this.#lines = undefined
  }

  /** A line for each of these metrics. */
  lines(names: readonly [inUse: string, borrowed: string, blocks: string]): readonly string[] {
    const values = [this.inUse, this.borrowed, this.blocks]
    this.#lines ??= names.map((name, index) => `${name}${this.labels} ${values[index]}\n`)
    return this.#lines
  }
}

/** The figures of one pool, or of the blocks that lie in none, and their lines while nothing changes. */
interface Row {
  readonly name: string
  readonly cidr: Cidr
  readonly nodes: Map<string, NodeFigures>
  /** False: the figures are as they were printed, unless addresses cool down meanwhile. */
  isChanged: boolean
  /** True if time alone changes the figures. */
  isCooling: boolean
  /** The lines of each metric of {@link poolMetrics}. */
  lines: readonly string[]
}

/** The row in which a block was counted, and the block as it was then. */
interface Counted {
  readonly row: Row | undefined
  readonly block: IndexedBlock
}

const ofNodeInPool = ['ipam_allocations_in_use', 'ipam_allocations_borrowed', 'ipam_blocks'] as const
const ofNode = ['ipam_allocations_per_node', 'ipam_allocations_borrowed_per_node', 'ipam_blocks_per_node'] as const

/** Those whose names begin with `ipam_` are Calico's, with its meanings. */
const poolMetrics = [
  ['ipam_ippool_size', 'Addresses of the pool.'],
  ['ipam_ippool_reserved', 'Addresses of the pool that are reserved, held or not.'],
  ['ippoold_pool_addresses', 'Addresses of the pool, by state.'],
  ['ipam_allocations_in_use', 'Addresses that are held, by the node of their holder.'],
  ['ipam_allocations_borrowed', 'Addresses held on the node, in blocks that do not belong to it.'],
  ['ipam_blocks', 'Blocks, by the node that they belong to.'],
] as const

const nodeMetrics = [
  ['ipam_allocations_per_node', 'Addresses that are held on the node.'],
  ['ipam_allocations_borrowed_per_node', 'Addresses held on the node, in blocks that do not belong to it.'],
  ['ipam_blocks_per_node', 'Blocks that belong to the node.'],
] as const

/**
 * The metrics of pools and nodes. A scrape counts only what has changed since the one before: the pools of blocks that changed, and
 * those in which addresses cool down. The lines of all others stay as they were printed.
 */
export class PoolMetrics {
  readonly #blocks: BlockIndex
  readonly #hasNodes: boolean
  /** The keys of blocks that changed since the last scrape. */
  readonly #changed = new Set<string>()
  readonly #counted = new Map<string, Counted>()
  /** By the names of the pools. */
  readonly #rows = new Map<string, Row>()
  /** The figures of blocks outside all pools, by node. */
  readonly #outside = new Map<string, NodeFigures>()
  readonly #nodes = new Map<string, NodeFigures>()
  #byRange = new PoolsByRange<Row>([])
  #pools: readonly Pool[] = []
  #reserved: Availability['reserved'] | undefined
  /** The texts of all metrics, without their heads; undefined if something changed since. */
  #texts: readonly string[] | undefined

  /** `hasNodes` false leaves out the series of nodes. */
  constructor(blocks: BlockIndex, hasNodes: boolean) {
    this.#blocks = blocks
    this.#hasNodes = hasNodes
  }

  /** To be called for every change of a block, with its key. */
  blockChanged(key: string): void {
    this.#changed.add(key)
  }

  /**
   * Counts what has changed, a little in each turn of the event loop: after a start that is everything. What changes meanwhile is left
   * for {@link print}.
   */
  async catchUp(pools: readonly Pool[], terms: Availability): Promise<void> {
    this.#takePools(pools)
    let turnEndsMs = performance.now() + turnMs
    const pause = async (): Promise<void> => {
      if (performance.now() < turnEndsMs) return
      await nextTurn()
      turnEndsMs = performance.now() + turnMs
    }
    for (const key of this.#changed) {
      this.#takeBlock(key)
      await pause()
    }
    for (const row of this.#rows.values()) {
      if (row.isChanged) this.#countPool(row, terms)
      await pause()
    }
  }

  /** Prints the metrics as they are now. `pools` is the same list as long as no pool changes. */
  print(pools: readonly Pool[], terms: Availability, format: ExpositionFormat): string {
    this.#takePools(pools)
    for (const key of this.#changed) this.#takeBlock(key)
    this.#countPools(terms)
    this.#texts ??= [...this.#printPools(), ...this.#printNodes()]
    const metrics = this.#hasNodes ? [...poolMetrics, ...nodeMetrics] : poolMetrics
    const texts = this.#texts
    return metrics.map(([name, help], index) => printHead(name, help, 'gauge', format) + (texts[index] ?? '')).join('')
  }

  /** Makes a row for each pool. The blocks of pools that came, went or moved count as changed. */
  #takePools(pools: readonly Pool[]): void {
    if (pools === this.#pools) return
    this.#pools = pools
    const named = new Map(pools.map((pool) => [pool.name, pool]))
    const moved: Cidr[] = []
    for (const { name, cidr } of [...this.#rows.values()]) {
      const now = named.get(name)?.cidr
      if (now !== undefined && isSameCidr(now, cidr)) continue
      moved.push(cidr)
      this.#rows.delete(name)
    }
    for (const { name, cidr } of pools) {
      if (this.#rows.has(name)) continue
      moved.push(cidr)
      this.#rows.set(name, { name, cidr, nodes: new Map(), isChanged: true, isCooling: false, lines: [] })
    }
    if (moved.length === 0) return
    this.#byRange = new PoolsByRange([...this.#rows.values()])
    for (const cidr of moved)
      for (const block of this.#blocks.overlapping(cidr)) this.#changed.add(blockKey(block.cidr).text)
    this.#texts = undefined
  }

  /** Takes over the change of a block. */
  #takeBlock(key: string): void {
    this.#changed.delete(key)
    const before = this.#counted.get(key)
    const block = this.#blocks.entry(key)
    const cidr = parseBlockKey(key)
    if (cidr === undefined) return
    for (const row of this.#byRange.around(cidr)) row.isChanged = true
    for (const row of this.#byRange.within(cidr)) row.isChanged = true

    if (!this.#hasNodes) return
    if (before !== undefined) this.#count(before, -1)
    if (block === undefined) this.#counted.delete(key)
    else {
      const counted = { row: this.#byRange.innermost(cidr), block }
      this.#counted.set(key, counted)
      this.#count(counted, 1)
    }
    this.#texts = undefined
  }

  /** Adds what a block tells of nodes. Addresses whose holder names no node are those of `unknown_node`, and are never borrowed. */
  #count({ row, block }: Counted, sign: 1 | -1): void {
    const owner = ownerOf(block)
    const add = (node: string, change: (figures: NodeFigures) => void): void => {
      const ofPool = row?.nodes ?? this.#outside
      for (const [figures, labels] of [
        [ofPool, { ippool: row?.name ?? noPool, node }],
        [this.#nodes, { node }],
      ] as const) {
        const found = figures.get(node) ?? new NodeFigures(labels)
        change(found)
        found.forgetLines()
        // Nodes come and go, and pairs that have nothing are not told.
        if (found.isEmpty) figures.delete(node)
        else figures.set(node, found)
      }
    }
    add(owner ?? noAffinity, (figures) => {
      figures.blocks += sign
    })
    for (const { node, count } of block.held) {
      add(node ?? unknownNode, (figures) => {
        figures.inUse += sign * count
        if (node !== undefined && node !== owner) figures.borrowed += sign * count
      })
    }
  }

  #countPools(terms: Availability): void {
    const isReservedAnew = terms.reserved !== this.#reserved
    this.#reserved = terms.reserved
    for (const row of this.#rows.values()) {
      if (!row.isChanged && !row.isCooling && !isReservedAnew) continue
      this.#countPool(row, terms)
    }
  }

  #countPool(row: Row, terms: Availability): void {
    row.lines = this.#linesOf(row, terms)
    row.isChanged = false
    const [cooling] = this.#blocks.cooling(row.cidr)
    row.isCooling = cooling !== undefined
    this.#texts = undefined
  }

  #linesOf({ name, cidr, nodes }: Row, terms: Availability): readonly string[] {
    const { capacity, inUse, cooling, reserved, available, blocksInUse } = countInRange(cidr, this.#blocks, terms)
    const labels = printLabels({ ippool: name })
    const states = { in_use: inUse, cooling, reserved, available }
    return [
      `ipam_ippool_size${labels} ${Number(capacity)}\n`,
      `ipam_ippool_reserved${labels} ${Number(reserved)}\n`,
      Object.entries(states)
        .map(([state, value]) => `ippoold_pool_addresses${printLabels({ ippool: name, state })} ${Number(value)}\n`)
        .join(''),
      ...(this.#hasNodes
        ? joinLines(nodes, ofNodeInPool)
        : [`ipam_allocations_in_use${labels} ${Number(inUse)}\n`, '', `ipam_blocks${labels} ${blocksInUse}\n`]),
    ]
  }

  #printPools(): readonly string[] {
    const rows = [...this.#rows.values()]
    const outside = ['', '', '', ...joinLines(this.#outside, ofNodeInPool)]
    return poolMetrics.map((_, index) => rows.map(({ lines }) => lines[index]).join('') + (outside[index] ?? ''))
  }

  #printNodes(): readonly string[] {
    return joinLines(this.#nodes, ofNode)
  }
}

function joinLines(
  figures: ReadonlyMap<string, NodeFigures>,
  names: Parameters<NodeFigures['lines']>[0],
): readonly string[] {
  const lines = [...figures.values()].map((each) => each.lines(names))
  return names.map((_, index) => lines.map((each) => each[index]).join(''))
}

function ownerOf({ affinity }: IndexedBlock): string | undefined {
  const host = affinity === null ? undefined : parseAffinity(affinity)
  return host?.type === 'host' ? host.name : undefined
}
