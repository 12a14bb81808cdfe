import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { mapMax, type MapRequest, planReadAddressStates, planReadMap } from '../../ipam/index.ts'
import { bits, type Cidr, formatCidr, prefixLength } from '../../net/index.ts'
import type { Cause } from '../../plan/index.ts'
import { AddressMap, AddressStates, answer, cidrField, closed, problems } from '../schemas/index.ts'
import { refuseFields } from '../wire/index.ts'
import { carryOut } from './change.ts'
import { beginCall, type IpamOptions, readCidr } from './request.ts'

const MapQuery = Type.Object(
  {
    cidr: Type.String({ ...cidrField, description: 'The addresses to look at, a CIDR.', examples: ['10.0.0.0/8'] }),
    prefixLength: Type.Integer({
      minimum: 0,
      maximum: 128,
      description: `The prefix length of the ranges to count. At most ${mapMax} ranges may have something in them: 12 bits more always do.`,
      examples: [16],
    }),
  },
  closed,
)

const StatesQuery = Type.Object(
  {
    cidr: Type.String({
      ...cidrField,
      description: `The addresses to look at, a CIDR with at most ${mapMax} of them.`,
      examples: ['10.1.0.0/26'],
    }),
  },
  closed,
)

/** `GET /map` and `GET /map/addresses`: how the addresses of ranges, and single addresses, are used. */
export const mapRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.get(
    '/map',
    {
      config: { access: { verb: 'list', resource: 'ippools' } },
      schema: {
        operationId: 'readMap',
        tags: ['ipam'],
        summary: 'Count the addresses of ranges',
        description: [
          'Counts the addresses of each range of one size within a CIDR, of pools and of blocks outside of them. Read from memory, so the call',
          'is cheap. Ranges in which there is neither a block nor a pool that is no larger are left out.',
        ].join(' '),
        querystring: MapQuery,
        response: { 200: answer('The ranges.', AddressMap), ...problems('Conflict', 'Invalid', 'Timeout') },
      },
    },
    async (request): Promise<AddressMap> => {
      const wanted = readMapRequest(request.query)
      const found = await carryOut(beginCall(options, request), (view, context) => planReadMap(view, wanted, context))
      return {
        cidr: formatCidr(wanted.cidr),
        prefixLength: wanted.prefixLength,
        pools: found.pools.map(({ name, cidr }) => ({ pool: name, cidr: formatCidr(cidr) })),
        ranges: found.ranges.map(({ range, pools, poolCount, blocks, ...counts }) => ({
          range: formatCidr(range),
          pools: [...pools],
          poolCount,
          blocks,
          capacity: String(counts.capacity),
          inUse: String(counts.inUse),
          cooling: String(counts.cooling),
          reserved: String(counts.reserved),
          available: String(counts.available),
        })),
      }
    },
  )

  app.get(
    '/map/addresses',
    {
      config: { access: { verb: 'list', resource: 'ippools' } },
      schema: {
        operationId: 'readAddressStates',
        tags: ['ipam'],
        summary: 'Read the states of single addresses',
        description: `Tells of each address of a CIDR, of at most ${mapMax}, whether it is available, in use, cooling down or reserved. Read from memory.`,
        querystring: StatesQuery,
        response: { 200: answer('The states.', AddressStates), ...problems('Conflict', 'Invalid', 'Timeout') },
      },
    },
    async (request): Promise<AddressStates> => {
      const { value: cidr, causes } = readCidr(request.query.cidr)
      if (cidr === undefined) throw refuseFields('Invalid', causes)
      const states = await carryOut(beginCall(options, request), (view, context) =>
        planReadAddressStates(view, cidr, context),
      )
      return { cidr: formatCidr(cidr), states }
    },
  )
  done()
}

function readMapRequest({ cidr: text, prefixLength: length }: typeof MapQuery.static): MapRequest {
  const { value: cidr, causes } = readCidr(text)
  if (cidr === undefined) throw refuseFields('Invalid', causes)
  const found = length < cidr.prefixLength ? undefined : prefixLength(cidr.family, length)
  if (found === undefined) throw refuseFields('Invalid', [wrongLength(cidr, length)])
  return { cidr, prefixLength: found }
}

function wrongLength(cidr: Cidr, length: number): Cause {
  const right = `from ${cidr.prefixLength} to ${Math.min(bits(cidr.family), cidr.prefixLength + 12)}`
  const message = `${length} does not fit ${formatCidr(cidr)}; give a prefix length ${right}`
  return { field: 'prefixLength', reason: 'FieldValueInvalid', message }
}
