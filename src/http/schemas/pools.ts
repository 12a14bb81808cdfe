import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { closed, nullableText, oneOf, ref } from './fields.ts'
import { poolExample, PoolUtilization } from './utilization.ts'

const listedPool = Type.Object(
  {
    utilization: ref(PoolUtilization),
    growthPerHour: Type.Unsafe<number | null>({
      type: ['number', 'null'],
      description: [
        'By how many addresses an hour the pool has become fuller: over the last day, or since this server started. Negative if it has',
        'become emptier; null in the first ten minutes.',
      ].join(' '),
    }),
    fullAt: nullableText(
      'When it is full if it goes on like that; null if it is not growing, or will last for ten years.',
      {
        format: 'date-time',
      },
    ),
  },
  { ...closed, title: 'ListedPool', description: 'A pool, how full it is, and where that leads.' },
)

/** One page of pools. */
export const PoolList = Type.Object(
  {
    pools: Type.Array(listedPool),
    total: Type.Integer({ format: 'int32', description: 'The number of pools on all pages.' }),
    continue: nullableText(
      'Send it as `continue`, with the same `q`, `state` and `sort`, to get the next page; null on the last page.',
    ),
  },
  {
    ...closed,
    $id: 'PoolList',
    description: 'A page of pools. Each page shows its own moment.',
    examples: [
      {
        pools: [{ utilization: poolExample, growthPerHour: 1.5, fullAt: '2026-11-30T04:00:00Z' }],
        total: 1,
        continue: null,
      },
    ],
  },
)
export type PoolList = Static<typeof PoolList>

const trendPoint = Type.Object(
  {
    at: Type.String({ format: 'date-time', description: 'The moment.' }),
    inUse: Type.Integer({ format: 'int64', description: 'Addresses in use, from then on until the next point.' }),
  },
  { ...closed, title: 'TrendPoint', description: 'The number of addresses in use at one moment.' },
)

const poolTrend = Type.Object(
  {
    pool: Type.String({ description: 'The name of the pool.' }),
    points: Type.Array(trendPoint, { description: 'Oldest first; the last one is now.' }),
  },
  { ...closed, title: 'PoolTrend', description: 'How the number of addresses in use of a pool has changed.' },
)

/** How full pools were. */
export const TrendList = Type.Object(
  {
    since: nullableText('When this server began to look, a day ago at most; null if it has not looked yet.', {
      format: 'date-time',
    }),
    pools: Type.Array(poolTrend, { description: 'In the order of the request.' }),
  },
  {
    ...closed,
    $id: 'TrendList',
    description: 'How full pools were, as far as this server has seen it.',
    examples: [
      {
        since: '2026-11-23T04:00:00Z',
        pools: [{ pool: 'my.ippool-1', points: [{ at: '2026-11-23T04:00:00Z', inUse: 1 }] }],
      },
    ],
  },
)
export type TrendList = Static<typeof TrendList>

/** What the addresses of a pool can be counted by. */
export const holderKinds = ['handle', 'node'] as const

const poolHolder = Type.Object(
  {
    name: nullableText('The handle or the node; null for addresses that have none.'),
    addresses: Type.Integer({ format: 'int64', description: 'Number of its addresses in the pool.' }),
  },
  { ...closed, title: 'PoolHolder', description: 'A handle or a node, and the number of its addresses in a pool.' },
)

/** Who holds the most addresses of a pool. */
export const PoolHolderList = Type.Object(
  {
    pool: Type.String({ description: 'The name of the pool.' }),
    by: oneOf(holderKinds, {
      title: 'HolderKind',
      prefix: 'Holder_',
      description: 'What the addresses are counted by.',
    }),
    holders: Type.Array(poolHolder, { description: 'Those with the most addresses, in descending order.' }),
    total: Type.Integer({ format: 'int64', description: 'The number of handles or nodes that were found.' }),
    isComplete: Type.Boolean({
      description: 'False if the pool has more blocks than one call reads: the numbers are of the first 2,048 blocks.',
    }),
  },
  {
    ...closed,
    $id: 'PoolHolderList',
    description: 'Who holds the most addresses of a pool.',
    examples: [
      { pool: 'my.ippool-1', by: 'handle', holders: [{ name: 'vm-42', addresses: 2 }], total: 1, isComplete: true },
    ],
  },
)
export type PoolHolderList = Static<typeof PoolHolderList>
