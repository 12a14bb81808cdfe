import { useOutcome } from '../../live/index.ts'
import { type Outcome, perform } from '../../api/index.ts'
import type { TrendPoint } from '../../parts/index.ts'

/** How many addresses of each pool were in use. */
export type Trends = ReadonlyMap<string, readonly TrendPoint[]>

/** As many pools as one call asks for. */
const askedMax = 100

/** The trends of some pools. They change slowly, and are read once for each list of pools. */
export function useTrends(pools: readonly string[]): Trends {
  const asked = pools.slice(0, askedMax)
  const { data } = useOutcome(asked.length === 0 ? undefined : `trends ${asked.join()}`, () => readTrends(asked))
  return data ?? new Map<string, readonly TrendPoint[]>()
}

async function readTrends(pools: readonly string[]): Promise<Outcome<Trends>> {
  const outcome = await perform((api) => api.GET('/ipam/v1/trends', { params: { query: { pools: [...pools] } } }))
  if (!outcome.ok) return outcome
  const entries = outcome.data.pools.map(({ pool, points }) => {
    const line = points.map(({ at, inUse }) => ({ at: Date.parse(at), value: inUse }))
    return [pool, line] as const
  })
  return { ok: true, data: new Map(entries) }
}
