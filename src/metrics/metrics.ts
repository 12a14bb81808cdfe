import { collectDefaultMetrics, type OpenMetricsContentType, Registry } from 'prom-client'
import { joinProbes, type Probe, silentProbe, type Store } from '../datastore/index.ts'
import { availabilityOf, poolsIn } from '../ipam/index.ts'
import {
  type Availability,
  type BlockIndex,
  defaultIpamConfig,
  ipamConfigKey,
  type Now,
  type Pool,
  pools as poolFamily,
  reservations,
} from '../model/index.ts'
import { CheckMetrics } from './check-metrics.ts'
import { ComputedMetric, type ExpositionFormat, type Sample } from './exposition.ts'
import { PoolMetrics } from './pool-metrics.ts'
import { metricsProbe } from './probe-metrics.ts'
import { RefusalMetrics } from './refusal-metrics.ts'
import { StoreMetrics } from './store-metrics.ts'

/** The sources of metrics, beside the events that their probe hears. */
export interface MetricsOptions {
  readonly store: Pick<Store, 'peek' | 'peekAll' | 'health' | 'pending' | 'figures'>
  /** The index of blocks that is kept beside the store. */
  readonly blocks: BlockIndex
  readonly now: () => Now
  readonly version: string
  /** By protection of a server that other machines can reach: true if this server does without it. */
  readonly waived: Readonly<Record<string, boolean>>
  /** When certificates end, in milliseconds since the epoch, by what they are for. */
  readonly certificateEnds: () => Readonly<Partial<Record<string, number>>>
  /** Counts the AccessTokens by state; undefined if none are accepted. `now` is in nanoseconds since the epoch. */
  readonly countAccessTokens: ((now: bigint) => Readonly<Record<string, number>>) | undefined
  /** False leaves out the series of nodes. */
  readonly hasNodes: boolean
  /** True names a recorded trace for each bucket of the time to answer requests, in OpenMetrics. */
  readonly hasExemplars: boolean
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
  readonly #pools: PoolMetrics
  readonly #check: CheckMetrics
  readonly #refusals = new RefusalMetrics()
  readonly #store = new StoreMetrics()
  readonly #constants: readonly ComputedMetric[]
  readonly #certificates = new ComputedMetric(
    'ippoold_certificate_seconds_left',
    'Time until the certificate ends; negative afterwards.',
  )
  readonly #tokens = new ComputedMetric('ippoold_access_tokens', 'AccessTokens, by state.')

  constructor(options: MetricsOptions) {
    this.#options = options
    const registry = new Registry()
    this.#pools = new PoolMetrics(options.blocks, options.hasNodes)
    this.#check = new CheckMetrics(options.hasNodes)
    this.#constants = constantMetrics(options)
    this.probe = joinProbes(metricsProbe(registry, options.hasExemplars), {
      ...silentProbe,
      ...this.#check.probe,
      requestRefused: ({ refusal }) => {
        this.#refusals.add(refusal)
      },
    })
    collectDefaultMetrics({ register: registry })
    this.#registries = { 'text/plain': registry, 'application/openmetrics-text': openMetricsOf(registry) }
  }

  /** To be called for every change of a block, with its key. */
  blockChanged(key: string): void {
    this.#pools.blockChanged(key)
  }

  /** Counts the pools in advance, a little in each turn of the event loop, so that the first scrape has as little to do as any other. */
  async prepare(): Promise<void> {
    await this.#pools.catchUp(this.#readPools(), this.#availability())
  }

  /** Writes all metrics as they are now, in one of the formats. `type` is the media type, with its version. */
  async read(format: ExpositionFormat): Promise<{ readonly type: string; readonly text: string }> {
    const { store, now, certificateEnds, countAccessTokens } = this.#options
    await this.#pools.catchUp(this.#readPools(), this.#availability())
    const pools = this.#readPools()
    this.#certificates.samples = samplesOf('certificate', certificateEnds(), (end) => (end - Date.now()) / 1_000)
    this.#tokens.samples = samplesOf('state', countAccessTokens?.(now().nanoseconds) ?? {})
    const registry = this.#registries[format]
    const texts = [
      this.#pools.print(pools, this.#availability(), format),
      this.#refusals.print(pools, format),
      this.#check.print(format),
      this.#store.print({ ...store.figures(), health: store.health(), pending: store.pending }, format),
      ...[this.#certificates, this.#tokens, ...this.#constants].map((metric) => metric.print(format)),
      await registry.metrics(),
    ]
    return { type: registry.contentType, text: texts.join('') }
  }

  /** The same list as long as no pool changes. */
  #readPools(): readonly Pool[] {
    const { store } = this.#options
    return poolsIn(store.peekAll(poolFamily, poolFamily.prefix)).all
  }

  /** Without a known cooldown, all released addresses still cool down. */
  #availability(): Availability {
    const { store, now } = this.#options
    const config = store.peek(ipamConfigKey) ?? { kind: 'absent' }
    const { ipCooldownSeconds } =
      config.kind === 'value' ? config.value : config.kind === 'absent' ? defaultIpamConfig : unknownCooldown
    return availabilityOf(ipCooldownSeconds, store.peekAll(reservations, reservations.prefix), now())
  }
}

const unknownCooldown = { ipCooldownSeconds: undefined }

/** A sample for each member of an object, with its name as the value of a label. */
function samplesOf(
  label: string,
  values: Readonly<Partial<Record<string, number>>>,
  convert: (value: number) => number = (value) => value,
): readonly Sample[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [{ labels: { [label]: name }, value: convert(value) }],
  )
}

/** Returns the metrics that do not change while the process runs. */
function constantMetrics({ version, waived }: Pick<MetricsOptions, 'version' | 'waived'>): readonly ComputedMetric[] {
  const build = new ComputedMetric('ippoold_build_info', 'The versions of the server and of Node; always 1.')
  build.samples = [{ labels: { version, node_version: process.version }, value: 1 }]
  const protections = new ComputedMetric(
    'ippoold_protection_waived',
    'True (1) if the server does without the protection, although other machines can reach it.',
  )
  protections.samples = samplesOf(
    'protection',
    Object.fromEntries(Object.entries(waived).map(([protection, isWaived]) => [protection, Number(isWaived)])),
  )
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
