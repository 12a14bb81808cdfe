import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { type AddressOrder, planReadAddress, sortFields } from '../../../ipam/index.ts'
import {
  answer,
  problems,
  AddressList,
  AllocationItem,
  cidrField,
  closed,
  constantName,
  handle,
  oneOf,
  pageFields,
  pageMax,
} from '../../schemas/index.ts'
import { refuseFields, limits } from '../../wire/index.ts'
import { carryOut } from '../change.ts'
import { type IpamOptions, NoQuery, readCidr, beginCall } from '../request.ts'
import { printAllocation, readAddresses } from './allocations.ts'
import { listAddresses } from './list.ts'

/** The path of one address. */
export const AddressPath = Type.Object(
  { ip: Type.String({ maxLength: limits.addressLength, description: 'The address.', examples: ['10.1.0.5'] }) },
  closed,
)

/** The values of `sort`: each field, and with a minus the descending order. */
const sorts = sortFields.flatMap((field) => [field, `-${field}`] as const)

const AddressesQuery = Type.Object(
  {
    handle: Type.Optional(Type.String({ ...handle, description: 'Only addresses of this handle.' })),
    node: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: limits.attributeValueLength,
        description: 'Only addresses that this node uses, in its own blocks or in others.',
        examples: ['node-1'],
      }),
    ),
    pool: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: limits.nameLength,
        description: 'Only addresses from this pool, a name or a CIDR.',
        examples: ['my.ippool-1'],
      }),
    ),
    cidr: Type.Optional(
      Type.String({ ...cidrField, description: 'Only addresses in this range, a CIDR.', examples: ['10.1.0.0/28'] }),
    ),
    attribute: Type.Optional(
      Type.Array(Type.String({ pattern: '^[^=]+', $comment: 'a name, or a name, "=", and the value' }), {
        maxItems: limits.attributes,
        description:
          'Only addresses with this attribute: `name=value`, or `name` for any value. May be given several times.',
        examples: [['tenant=blue']],
      }),
    ),
    q: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: limits.handleLength,
        description:
          'Only addresses that have this text in the address, the handle, the node or the value of an attribute, in any case.',
        examples: ['vm-4'],
      }),
    ),
    sort: Type.Optional(
      oneOf(sorts, {
        title: 'AddressSort',
        names: sorts.map((sort) => `BY_${constantName(sort.replace(/^-(.*)/, '$1Descending'))}`),
        description: [
          'The field to sort by, with a minus for the descending order. Addresses without a value come last, and those with the same value by',
          'ascending address. When absent, addresses are in a fixed order, block by block, which costs the least. For each page sorted by',
          '`address`, the server reads the keys of all blocks; sorted by another field, all blocks that `pool`, `cidr` and `handle` leave: about',
          'ten seconds of a processor for a million addresses, and `Timeout` if the deadline passes before.',
        ].join(' '),
        examples: ['-assignedAt'],
      }),
    ),
    ...pageFields('Addresses', 'MTAxOC9pcHY0L2Jsb2NrLzEwLjEuMC4wLTI2LzU'),
  },
  closed,
)

/** `GET /addresses` and `GET /addresses/{ip}`: list the addresses that are held, and read one of them. */
export const addressRoute: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.get(
    '/addresses',
    {
      config: { access: { verb: 'list', resource: 'addresses' } },
      schema: {
        operationId: 'listAddresses',
        tags: ['ipam'],
        summary: 'List the addresses that are held',
        description: [
          'Lists addresses with their handles: all, or those that match every filter given. All pages show one moment. If etcd has',
          'compacted that moment, the next page is `Expired`. A page ends early if it had to look at many blocks.',
        ].join(' '),
        querystring: AddressesQuery,
        response: {
          200: answer('A page of addresses.', AddressList),
          ...problems('Conflict', 'Invalid', 'Expired', 'Timeout'),
        },
      },
    },
    (request) => {
      const { attribute = [], limit = pageMax, cidr, q: text, sort, ...query } = request.query
      const range = readCidr(cidr)
      if (range.causes.length > 0) throw refuseFields('Invalid', range.causes)
      const attributes = attribute.map(readAttribute)
      return listAddresses(beginCall(options, request), {
        ...query,
        limit,
        attributes,
        range: range.value,
        text,
        order: sort && readOrder(sort),
      })
    },
  )

  app.get(
    '/addresses/:ip',
    {
      config: { access: { verb: 'get', resource: 'addresses' } },
      schema: {
        operationId: 'readAddress',
        tags: ['ipam'],
        summary: 'Read one address',
        description:
          'One address with its handle. `NotFound` if it is not held; the message says so if it is cooling down.',
        params: AddressPath,
        querystring: NoQuery,
        response: {
          200: answer('The address and its handle.', AllocationItem),
          ...problems('NotFound', 'Invalid', 'Timeout'),
        },
      },
    },
    async (request) => {
      const { named, causes } = readAddresses([{ field: 'ip', text: request.params.ip }])
      const address = named[0]?.address
      if (address === undefined) throw refuseFields('Invalid', causes)
      return printAllocation(
        await carryOut(beginCall(options, request), (view, context) => planReadAddress(view, address, context)),
      )
    },
  )
  done()
}

function readOrder(sort: (typeof sorts)[number]): AddressOrder | undefined {
  const by = sortFields.find((field) => sort === field || sort === `-${field}`)
  return by && { by, isDescending: sort !== by }
}

/** The name and the value of an attribute, if one is given: a name has no equals sign here, while a value may. */
function readAttribute(text: string): readonly [name: string, value: string | undefined] {
  const end = text.indexOf('=')
  return end < 0 ? [text, undefined] : [text.slice(0, end), text.slice(end + 1)]
}
