import type { Pool } from '../model/index.ts'
import type { CauseReason, Refusal } from '../plan/index.ts'
import { ComputedMetric, type ExpositionFormat } from './exposition.ts'

/** The reasons of causes that concern addresses. All other causes are faults of fields, which are counted by their reason. */
const countedReasons: ReadonlySet<CauseReason> = new Set<CauseReason>([
  'PoolDisabled',
  'PoolTerminating',
  'PoolNotAutomatic',
  'PoolNotForUse',
  'PoolNotForNode',
  'PoolNotForNamespace',
  'PoolFull',
  'PoolBlocksTooSmall',
  'PoolUnreadable',
  'NoPool',
  'BlockLimit',
  'AutoAllocationOff',
  'StrictAffinity',
  'HandleLimit',
  'QuotaExceeded',
])

/** Counts why calls for addresses were refused, by pool. A refusal with several causes counts once for each. */
export class RefusalMetrics {
  readonly #metric = new ComputedMetric(
    'ippoold_refusals_total',
    'Refused calls for addresses, by cause and pool.',
    'counter',
  )
  /** By pool, the empty text for none, and by reason. */
  readonly #counts = new Map<string, Map<string, number>>()
  #pools: readonly Pool[] = []

  add({ reason, causes }: Refusal): void {
    if (reason === 'AddressInUse') this.#add('', reason)
    const seen = new Set<string>()
    for (const { field, reason: cause } of causes) {
      if (!countedReasons.has(cause)) continue
      const pool = /^pools\[(.*)\]$/s.exec(field)?.[1] ?? ''
      const name = `${cause} ${pool}`
      if (!seen.has(name)) this.#add(pool, cause)
      seen.add(name)
    }
  }

  /** Prints the counts. Those of pools that are gone are dropped: their number would grow for ever. */
  print(pools: readonly Pool[], format: ExpositionFormat): string {
    if (pools !== this.#pools) {
      this.#pools = pools
      const names = new Set(pools.map(({ name }) => name))
      for (const pool of [...this.#counts.keys()]) if (pool !== '' && !names.has(pool)) this.#counts.delete(pool)
    }
    this.#metric.samples = [...this.#counts].flatMap(([ippool, ofPool]) =>
      Array.from(ofPool, ([reason, value]) => ({ labels: { ippool, reason }, value })),
    )
    return this.#metric.print(format)
  }

  #add(pool: string, reason: string): void {
    const ofPool = this.#counts.get(pool) ?? new Map<string, number>()
    this.#counts.set(pool, ofPool)
    ofPool.set(reason, (ofPool.get(reason) ?? 0) + 1)
  }
}
