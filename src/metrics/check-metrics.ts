import type { Leak, Probe } from '../datastore/index.ts'
import { ComputedMetric, type ExpositionFormat, type Sample } from './exposition.ts'

type CheckEvents = 'checkEnded' | 'checkLeft' | 'leaksRepaired'

/** Metrics of the findings of the consistency check, on the server that checks, and of the addresses that repairs have released. */
export class CheckMetrics {
  readonly #findings = new ComputedMetric('ippoold_check_findings', 'Findings of the last consistency check, by code.')
  readonly #endedAt = new ComputedMetric(
    'ippoold_check_last_success_timestamp_seconds',
    'When the last consistency check ended.',
  )
  readonly #seconds = new ComputedMetric('ippoold_check_seconds', 'Time that the last consistency check took.')
  readonly #failures = new ComputedMetric(
    'ippoold_check_failures_total',
    'Consistency checks that could not be carried out.',
    'counter',
  )
  readonly #candidates = new ComputedMetric(
    'ipam_allocations_gc_candidates',
    'Addresses that are held and that nobody seems to use, as the last consistency check found.',
  )
  readonly #reclamations = new ComputedMetric(
    'ipam_allocations_gc_reclamations',
    'Such addresses that repairs have released.',
    'counter',
  )
  readonly #hasNodes: boolean
  readonly #repaired = new Map<string, Sample>()
  #failureCount = 0

  /** `hasNodes` false leaves out the label of nodes. */
  constructor(hasNodes: boolean) {
    this.#hasNodes = hasNodes
  }

  readonly probe: Pick<Probe, CheckEvents> = {
    checkEnded: ({ findings, durationMs }) => {
      if (findings === undefined) {
        this.#failureCount++
        return
      }
      this.#findings.samples = Array.from(findings.codes, ([code, value]) => ({ labels: { code }, value }))
      this.#endedAt.samples = [{ labels: {}, value: Date.now() / 1_000 }]
      this.#seconds.samples = [{ labels: {}, value: durationMs / 1_000 }]
      const candidates = new Map<string, Sample>()
      for (const leak of findings.leaks) this.#add(candidates, leak)
      this.#candidates.samples = [...candidates.values()]
    },
    checkLeft: () => {
      for (const metric of [this.#findings, this.#endedAt, this.#seconds, this.#candidates]) metric.samples = []
    },
    leaksRepaired: (leak) => {
      this.#add(this.#repaired, leak)
    },
  }

  print(format: ExpositionFormat): string {
    this.#failures.samples = [{ labels: {}, value: this.#failureCount }]
    this.#reclamations.samples = [...this.#repaired.values()]
    const metrics = [this.#findings, this.#endedAt, this.#seconds, this.#failures, this.#candidates, this.#reclamations]
    return metrics.map((metric) => metric.print(format)).join('')
  }

  #add(samples: Map<string, Sample>, { pool = 'no_ippool', node = 'unknown_node', addresses }: Leak): void {
    const labels = { ippool: pool, ...(this.#hasNodes && { node }) }
    const name = JSON.stringify(labels)
    samples.set(name, { labels, value: addresses + (samples.get(name)?.value ?? 0) })
  }
}
