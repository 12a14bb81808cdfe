import { type Call, given, type Schemas } from '../../api/index.ts'

type Listed = Schemas['ListedPool']

/** A pool with its counts, and how they change. */
export type CountedPool = Listed['utilization'] & Pick<Listed, 'growthPerHour' | 'fullAt'>

/** Of pools that need attention, so many are named in each list. */
export const namedMax = 5
const pageSize = 200
const sorts = [
  ...(['name', 'percentInUse', 'inUse', 'available', 'capacity'] as const),
  ...(['-name', '-percentInUse', '-inUse', '-available', '-capacity'] as const),
]

/** The call that lists the pools in an order, those with a text in them. */
export function listPools(sort: string, q: string, next?: string): Call<Schemas['PoolList']> {
  const query = given({
    sort: sorts.find((one) => one === sort),
    q: q === '' ? undefined : q,
    limit: pageSize,
    continue: next,
  })
  return (api) => api.GET('/ipam/v1/pools', { params: { query } })
}

/** The call that lists the first pools in a state, and how many there are. */
export function listPoolsIn(state: 'Disabled' | 'Terminating'): Call<Schemas['PoolList']> {
  return (api) => api.GET('/ipam/v1/pools', { params: { query: { state, limit: namedMax } } })
}

/** The pools of an answer. */
export function poolsIn({ pools }: Schemas['PoolList']): readonly CountedPool[] {
  return pools.map(({ utilization, growthPerHour, fullAt }) => ({ ...utilization, growthPerHour, fullAt }))
}
