import { type Outcome, perform } from '../../api/index.ts'
import { useOutcome } from '../../live/index.ts'

const pattern = /^ippoold_check_findings\{.*\} (\d+)$/gm

/**
 * How many findings the last of the regular checks has brought. Undefined if the caller may not read the metrics; 0 on a server that leaves
 * the checks to another one. With thousands of pools the metrics have megabytes: they are read once, and not before `isAwaited`.
 */
export function useFindings(isAwaited: boolean): number | undefined {
  return useOutcome(isAwaited ? 'findings' : undefined, readFindings).data
}

async function readFindings(): Promise<Outcome<number>> {
  const outcome = await perform((api) => api.GET('/metrics', { parseAs: 'text' }))
  return outcome.ok ? { ok: true, data: countFindings(outcome.data) } : outcome
}

/** The sum over all codes, in the text format of Prometheus. */
function countFindings(metrics: string): number {
  return Array.from(metrics.matchAll(pattern)).reduce((sum, [, count]) => sum + Number(count), 0)
}
