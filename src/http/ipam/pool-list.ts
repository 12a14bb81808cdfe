import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import {
  fullAt,
  planListPools,
  planReadUtilization,
  type PoolOrder,
  type PoolPlace,
  poolSortFields,
  poolStates,
} from '../../ipam/index.ts'
import { formatTime } from '../../model/index.ts'
import {
  answer,
  closed,
  constantName,
  oneOf,
  pageFields,
  pageMax,
  PoolList,
  problems,
  TrendList,
} from '../schemas/index.ts'
import { limits, printContinueToken, readContinueToken } from '../wire/index.ts'
import { carryOut } from './change.ts'
import { beginCall, type IpamOptions } from './request.ts'
import { printPool } from './utilization.ts'

/** The values of `sort`: each field, and with a minus the descending order. */
const sorts = poolSortFields.flatMap((field) => [field, `-${field}`] as const)

const poolText = { minLength: 1, maxLength: limits.nameLength }

const PoolsQuery = Type.Object(
  {
    q: Type.Optional(
      Type.String({
        ...poolText,
        description: 'Only pools that have this text in the name or the CIDR, in any case.',
        examples: ['10.1.'],
      }),
    ),
    state: Type.Optional(
      oneOf(poolStates, {
        title: 'PoolState',
        prefix: 'Pools',
        description: [
          'Only pools in this state. `Assigning`: they assign addresses. `Terminating`: they are being deleted. `Disabled`: by `disabled`, and not',
          'being deleted. `Unusable`: a field is wrong, or a condition forbids it.',
        ].join(' '),
        examples: ['Terminating'],
      }),
    ),
    sort: Type.Optional(
      oneOf(sorts, {
        title: 'PoolSort',
        names: sorts.map((sort) => `POOLS_BY_${constantName(sort.replace(/^-(.*)/, '$1Descending'))}`),
        description:
          'The field to sort by, with a minus for the descending order; `name` when absent. Pools with the same value are in the order of their names.',
        examples: ['-percentInUse'],
      }),
    ),
    ...pageFields('Pools', 'MC4yNS9ibHVl', 512),
  },
  closed,
)

const TrendsQuery = Type.Object(
  {
    pools: Type.Array(Type.String(poolText), {
      maxItems: limits.pools,
      description: 'Names or CIDRs of pools. May be given several times.',
      examples: [['my.ippool-1']],
    }),
  },
  closed,
)

/** `GET /pools` and `GET /trends`: how full pools are, sorted and page by page, and how full they were. */
export const poolListRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.get(
    '/pools',
    {
      config: { access: { verb: 'list', resource: 'ippools' } },
      schema: {
        operationId: 'listPools',
        tags: ['ipam'],
        summary: 'List pools by how full they are',
        description: [
          'Lists pools with the exact numbers of their addresses, in an order, page by page. Counted without reading the blocks, so the call is',
          'cheap, also with thousands of pools. Each page shows its own moment: pools may change their places meanwhile.',
        ].join(' '),
        querystring: PoolsQuery,
        response: { 200: answer('A page of pools.', PoolList), ...problems('Conflict', 'Invalid', 'Timeout') },
      },
    },
    async (request): Promise<PoolList> => {
      const { q: text = '', state, sort = 'name', limit = pageMax, continue: token } = request.query
      const after = token === undefined ? undefined : readContinueToken(token, parsePlace)
      const wanted = { text, state, order: readOrder(sort), after, limit }
      const call = beginCall(options, request)
      const found = await carryOut(call, (view, context) => planListPools(view, wanted, context))
      const atMs = millisecondsOf(options)
      return {
        pools: found.pools.map(({ pool, usage }) => {
          const growth = options.trends?.growthOf(pool, { atMs, inUse: Number(usage.inUse) })
          const full = fullAt(Number(usage.available), growth, atMs)
          return {
            utilization: printPool({ pool, usage }),
            growthPerHour: growth ?? null,
            fullAt: full === undefined ? null : printTime(full),
          }
        }),
        total: found.total,
        continue: found.last === undefined ? null : printContinueToken(`${found.last.value}/${found.last.name}`),
      }
    },
  )

  app.get(
    '/trends',
    {
      config: { access: { verb: 'list', resource: 'ippools' } },
      schema: {
        operationId: 'readTrends',
        tags: ['ipam'],
        summary: 'Read how full pools were',
        description: [
          'Tells how many addresses of pools were in use, as far as this server has seen it: since it started, and for a day at most. It looks',
          'once a minute, and remembers at most 96 points of each pool. Other servers may have seen more; for all of it, scrape the metrics.',
        ].join(' '),
        querystring: TrendsQuery,
        response: { 200: answer('The trends.', TrendList), ...problems('Conflict', 'Invalid', 'Timeout') },
      },
    },
    async (request): Promise<TrendList> => {
      const { pools } = request.query
      const found = await carryOut(beginCall(options, request), (view, context) =>
        planReadUtilization(view, { pools, withBlocks: false }, context),
      )
      const { trends } = options
      const atMs = millisecondsOf(options)
      return {
        since: trends?.sinceMs === undefined ? null : printTime(trends.sinceMs),
        pools: found.pools.map(({ pool, usage }) => ({
          pool: pool.name,
          points: [...(trends?.pointsOf(pool) ?? []), { atMs, inUse: Number(usage.inUse) }].map((point) => ({
            at: printTime(point.atMs),
            inUse: point.inUse,
          })),
        })),
      }
    },
  )
  done()
}

function readOrder(sort: (typeof sorts)[number]): PoolOrder {
  const by = poolSortFields.find((field) => sort === field || sort === `-${field}`) ?? 'name'
  return { by, isDescending: sort !== by }
}

/** The sort value may have any of the forms of a JavaScript number. */
function parsePlace(text: string): PoolPlace | undefined {
  const [, value, name] = /^(\d[\d.e+-]{0,24})\/(.+)$/s.exec(text) ?? []
  const number = Number(value)
  return name === undefined || Number.isNaN(number) ? undefined : { value: number, name }
}

function millisecondsOf({ now }: IpamOptions): number {
  return Number(now().nanoseconds / 1_000_000n)
}

function printTime(atMs: number): string {
  return formatTime({ nanoseconds: BigInt(Math.round(atMs)) * 1_000_000n })
}
