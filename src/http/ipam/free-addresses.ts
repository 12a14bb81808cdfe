import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { planReadFree } from '../../ipam/index.ts'
import { formatAddress, formatCidr, parseAddress } from '../../net/index.ts'
import { answer, cidrField, closed, FreeRangeList, pageFields, pageMax, problems } from '../schemas/index.ts'
import { printContinueToken, readContinueToken, refuseFields } from '../wire/index.ts'
import { carryOut } from './change.ts'
import { PoolPath } from './pool-path.ts'
import { beginCall, type IpamOptions, readCidr } from './request.ts'

const FreeQuery = Type.Object(
  {
    cidr: Type.Optional(
      Type.String({ ...cidrField, description: 'Only addresses in this range, a CIDR.', examples: ['10.1.0.0/28'] }),
    ),
    ...pageFields('Ranges', 'MTAuMS4wLjk'),
  },
  closed,
)

/** `GET /pools/{name}/free`: the available addresses of a pool. */
export const freeAddressesRoute: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.get(
    '/pools/:name/free',
    {
      config: { access: { verb: 'get', resource: 'ippools' } },
      schema: {
        operationId: 'listFreeAddresses',
        tags: ['ipam'],
        summary: 'List the available addresses of a pool',
        description: [
          'Lists the addresses that are neither in use nor cooling down nor reserved, as ranges that do not touch, page by page. Each page',
          'shows its own moment. Read from memory, so the call is cheap however large the pool is.',
        ].join(' '),
        params: PoolPath,
        querystring: FreeQuery,
        response: {
          200: answer('A page of ranges.', FreeRangeList),
          ...problems('NotFound', 'Conflict', 'Invalid', 'Timeout'),
        },
      },
    },
    async (request): Promise<FreeRangeList> => {
      const { params, query } = request
      const { limit = pageMax, cidr } = query
      const range = readCidr(cidr)
      if (range.causes.length > 0) throw refuseFields('Invalid', range.causes)
      const from = query.continue === undefined ? undefined : readContinueToken(query.continue, parseAddress)
      const wanted = { pool: params.name, range: range.value, from, limit }
      const found = await carryOut(beginCall(options, request), (view, context) => planReadFree(view, wanted, context))
      return {
        pool: found.pool.name,
        cidr: formatCidr(found.range),
        isAllocatable: found.pool.isAllocatable,
        available: String(found.available),
        ranges: found.ranges.map(({ first, last }) => ({
          first: formatAddress(first),
          last: formatAddress(last),
          count: String(last.value - first.value + 1n),
        })),
        continue: found.next === undefined ? null : printContinueToken(formatAddress(found.next)),
      }
    },
  )
  done()
}
