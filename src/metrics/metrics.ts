import { collectDefaultMetrics, Gauge, type OpenMetricsContentType, Registry } from 'prom-client'
import type { Probe, Store } from '../datastore/index.ts'
import { availabilityOf, poolsIn } from '../ipam/index.ts'
import {
  type BlockIndex,
  defaultIpamConfig,
  ipamConfigKey,
  type Now,
  pools as poolFamily,
  reservations,
} from '../model/index.ts'
import { ComputedGauge } from './computed-gauge.ts'
import { countNodes, countPools, type NodeFigures, type PoolFigures, sumByNode } from './figures.ts'
import { metricsProbe } from './probe-metrics.ts'

/** What metrics are made of, beside what their probe hears. */
export interface MetricsOptions {
  readonly store: Pick<Store, 'peek' | 'peekAll' | 'health' | 'pending'>
  /** The index of blocks that is kept beside the store. */
  readonly blocks: BlockIndex
  readonly now: () => Now
  readonly version: string
  /** What protects a server that other machines can reach, and whether this one does without. */
  readonly waived: Readonly<Record<string, boolean>>
  /** False leaves out the series of nodes. */
  readonly hasNodes: boolean
}

/** The metrics of the process. */
export class Metrics {
  /** Has to hear what the parts of the server do. */
  readonly probe: Probe
  readonly #options: MetricsOptions
  readonly #registries: Readonly<{
    'text/plain': Registry
    'application/openmetrics-text': Registry<OpenMetricsContentType>
  }>
  readonly #pools: PoolGauges
  readonly #constants: readonly ComputedGauge[]
  readonly #ready: ComputedGauge
  readonly #pending: Gauge

  constructor(options: MetricsOptions) {
    this.#options = options
    const registry = new Registry()
    const registers = [registry]
    this.probe = metricsProbe(registry)
    this.#pools = new PoolGauges()
    this.#ready = new ComputedGauge('ippoold_ready', '1 if the check of the readiness is passed.')
    this.#pending = new Gauge({
      name: 'ippoold_operations_pending',
      help: 'Operations that have not ended.',
      registers,
    })
    this.#constants = constantGauges(options)
    collectDefaultMetrics({ register: registry })
    this.#registries = { 'text/plain': registry, 'application/openmetrics-text': openMetricsOf(registry) }
  }

  /** Writes all metrics as they are now, in one of the formats. `type` is the media type, with its version. */
  async read(
    format: 'text/plain' | 'application/openmetrics-text',
  ): Promise<{ readonly type: string; readonly text: string }> {
    const { store } = this.#options
    this.#pending.set(store.pending)
    this.#ready.samples = store.health().checks.map(({ name, ok }) => ({ labels: { check: name }, value: ok ? 1 : 0 }))
    this.#countPools()
    const registry = this.#registries[format]
    const computed = [...this.#pools.all, this.#ready, ...this.#constants].map((gauge) => gauge.print()).join('')
    return { type: registry.contentType, text: `${computed}${await registry.metrics()}` }
  }

  #countPools(): void {
    const { store, blocks, now, hasNodes } = this.#options
    const { all: pools } = poolsIn(store.peekAll(poolFamily, poolFamily.prefix))
    const config = store.peek(ipamConfigKey) ?? { kind: 'absent' }
    const { ipCooldownSeconds } =
      config.kind === 'value' ? config.value : config.kind === 'absent' ? defaultIpamConfig : unknownCooldown
    const terms = availabilityOf(ipCooldownSeconds, store.peekAll(reservations, reservations.prefix), now())
    this.#pools.show(countPools(pools, blocks, terms), hasNodes ? countNodes(pools, blocks) : undefined)
  }
}

/** Without a known cooldown, all released addresses still cool down. */
const unknownCooldown = { ipCooldownSeconds: undefined }

/** The gauges of pools and nodes. Those whose names begin with `ipam_` are Calico's, with its meanings. */
class PoolGauges {
  readonly #size = new ComputedGauge('ipam_ippool_size', 'Addresses of the pool.')
  readonly #addresses = new ComputedGauge('ippoold_pool_addresses', 'Addresses of the pool, by state.')
  readonly #inUse = new ComputedGauge(
    'ipam_allocations_in_use',
    'Addresses that are held, by the node of their holder.',
  )
  readonly #borrowed = new ComputedGauge(
    'ipam_allocations_borrowed',
    'Addresses held on the node, in blocks that do not belong to it.',
  )
  readonly #blocks = new ComputedGauge('ipam_blocks', 'Blocks, by the node that they belong to.')
  readonly #inUsePerNode = new ComputedGauge('ipam_allocations_per_node', 'Addresses that are held on the node.')
  readonly #borrowedPerNode = new ComputedGauge(
    'ipam_allocations_borrowed_per_node',
    'Addresses held on the node, in blocks that do not belong to it, over all pools.',
  )
  readonly #blocksPerNode = new ComputedGauge('ipam_blocks_per_node', 'Blocks that belong to the node.')

  get all(): readonly ComputedGauge[] {
    const ofPools = [this.#size, this.#addresses, this.#inUse, this.#borrowed, this.#blocks]
    return [...ofPools, this.#inUsePerNode, this.#borrowedPerNode, this.#blocksPerNode]
  }

  /** Replaces what is told. Without the figures of nodes, what they add up to is told of the pools. */
  show(pools: readonly PoolFigures[], nodes: readonly NodeFigures[] | undefined): void {
    const ofPools = (value: (figures: PoolFigures) => number) =>
      pools.map((figures) => ({ labels: { ippool: figures.ippool }, value: value(figures) }))
    this.#size.samples = ofPools(({ size }) => size)
    this.#addresses.samples = pools.flatMap(({ ippool, inUse, cooling, reserved, available }) =>
      Object.entries({ in_use: inUse, cooling, reserved, available }).map(([state, value]) => ({
        labels: { ippool, state },
        value,
      })),
    )
    if (nodes === undefined) {
      this.#inUse.samples = ofPools(({ inUse }) => inUse)
      this.#blocks.samples = ofPools(({ blocks }) => blocks)
      return
    }
    const ofNodes = (value: (figures: NodeFigures) => number) =>
      nodes.map((figures) => ({ labels: { ippool: figures.ippool, node: figures.node }, value: value(figures) }))
    this.#inUse.samples = ofNodes(({ inUse }) => inUse)
    this.#borrowed.samples = ofNodes(({ borrowed }) => borrowed)
    this.#blocks.samples = ofNodes(({ blocks }) => blocks)
    const sums = sumByNode(nodes)
    const perNode = (value: (sum: (typeof sums)[number]) => number) =>
      sums.map((sum) => ({ labels: { node: sum.node }, value: value(sum) }))
    this.#inUsePerNode.samples = perNode(({ inUse }) => inUse)
    this.#borrowedPerNode.samples = perNode(({ borrowed }) => borrowed)
    this.#blocksPerNode.samples = perNode(({ blocks }) => blocks)
  }
}

/** What does not change while the process runs. */
function constantGauges({ version, waived }: Pick<MetricsOptions, 'version' | 'waived'>): readonly ComputedGauge[] {
  const build = new ComputedGauge('ippoold_build_info', 'The versions of the server and of Node; always 1.')
  build.samples = [{ labels: { version, node_version: process.version }, value: 1 }]
  const protections = new ComputedGauge(
    'ippoold_protection_waived',
    '1 if the server does without the protection, although other machines can reach it.',
  )
  protections.samples = Object.entries(waived).map(([protection, isWaived]) => ({
    labels: { protection },
    value: isWaived ? 1 : 0,
  }))
  return [build, protections]
}

/** A registry that writes the same metrics as OpenMetrics. It renames counters, so it gets shadows of them. */
function openMetricsOf(registry: Registry): Registry<OpenMetricsContentType> {
  const shadows = new Registry<OpenMetricsContentType>()
  shadows.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  for (const metric of registry.getMetricsAsArray()) {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- its types do not foresee a metric in two registries
    shadows.registerMetric(Object.create(metric) as never)
  }
  return shadows
}
