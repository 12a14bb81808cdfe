import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { poolUses } from '../../model/index.ts'
import { limits } from '../wire/index.ts'
import { closed, name, newHandle, oneOf, optionalList, ref, texts } from './fields.ts'

const HostReserved = Type.Object(
  {
    start: Type.Integer({ minimum: 0, maximum: 255, description: 'Number of addresses at the start.', examples: [3] }),
    end: Type.Integer({ minimum: 0, maximum: 255, description: 'Number of addresses at the end.', examples: [1] }),
  },
  { ...closed, title: 'ReservedEnds', description: 'Number of addresses at the ends of a block.' },
)

/** Body of an assign. All fields are optional. */
export const AssignBody = Type.Object(
  {
    handle: Type.Optional(
      Type.String({
        ...newHandle,
        description: 'The handle that will hold the addresses; the server chooses one if absent.',
      }),
    ),
    node: Type.Optional(
      Type.String({
        ...name,
        description: 'The node that will use the addresses; they come from its blocks.',
        examples: ['node-1'],
      }),
    ),
    ipv4: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: limits.addresses,
        description: 'Number of IPv4 addresses; 1 if neither counts nor addresses are given.',
      }),
    ),
    ipv6: Type.Optional(
      Type.Integer({ minimum: 0, maximum: limits.addresses, description: 'Number of IPv6 addresses.' }),
    ),
    addresses: optionalList(Type.String({ maxLength: limits.addressLength }), {
      maxItems: limits.addresses,
      description: 'The addresses to assign, instead of counts; each once.',
    }),
    pools: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: limits.nameLength }), {
        maxItems: limits.pools,
        description: 'Pools to choose from, by name or CIDR; all pools if absent or empty.',
      }),
    ),
    use: Type.Optional(
      oneOf(poolUses, { title: 'PoolUse', description: 'Purpose of the addresses; `Workload` if absent.' }),
    ),
    namespace: Type.Optional(
      Type.Object(
        {
          name: Type.Optional(
            Type.String({
              ...name,
              description: 'Name of the namespace; also its label `kubernetes.io/metadata.name`, as in Kubernetes.',
            }),
          ),
          labels: Type.Optional(
            texts({
              maxProperties: limits.labels,
              maxLength: limits.labelKeyLength,
              description: 'Labels of the namespace.',
            }),
          ),
        },
        {
          ...closed,
          title: 'Namespace',
          description: 'The namespace that will use the addresses; pools may select by namespace.',
        },
      ),
    ),
    attributes: Type.Optional(
      texts({
        maxProperties: limits.attributes,
        maxLength: limits.attributeValueLength,
        description: [
          `Attributes to store with the addresses. Keys have 1 to ${limits.attributeKeyLength} characters;`,
          `all keys and values together have at most ${limits.attributesBytes} bytes.`,
        ].join(' '),
      }),
    ),
    maxBlocksPerNode: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2 ** 31 - 1,
        description: 'Blocks that the node may have; 0 means no limit except the configured one.',
      }),
    ),
    maxPerHandle: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: limits.addresses,
        description: [
          'Addresses of each family that the handle may hold. A request that exceeds this number gets addresses that the handle holds already,',
          'or fails if it holds fewer than requested.',
        ].join(' '),
      }),
    ),
    hostReserved: Type.Optional(
      Type.Object(
        { ipv4: Type.Optional(HostReserved), ipv6: Type.Optional(HostReserved) },
        {
          ...closed,
          title: 'HostReserved',
          description: 'Addresses at the ends of each new block that are reserved for the node, as Windows requires.',
        },
      ),
    ),
    partial: Type.Optional(
      Type.Boolean({ description: 'Accept fewer addresses than requested. Otherwise all are assigned, or none.' }),
    ),
  },
  {
    ...closed,
    $id: 'AssignRequest',
    description: 'The addresses to assign: the number of each family, or a list.',
    examples: [
      {
        handle: 'vm-42',
        node: 'node-1',
        ipv4: 1,
        pools: ['my.ippool-1'],
        attributes: { tenant: 'blue' },
      },
    ],
  },
)
export type AssignBody = Static<typeof AssignBody>

/** Body of the declarative assign; the handle is in the path. */
export const EnsureBody = Type.Omit(AssignBody, ['handle', 'maxPerHandle'], {
  ...closed,
  $id: 'EnsureRequest',
  description: 'The addresses that a handle should hold at least: the number of each family, or a list.',
  examples: [{ node: 'node-1', ipv4: 1 }],
})

/** An address in a request, and who is to hold it. */
export const WantedAddressItem = Type.Object(
  {
    address: Type.String({ maxLength: limits.addressLength, description: 'The address.', examples: ['10.1.0.5'] }),
    handle: Type.String({ ...newHandle, description: 'The handle that is to hold it.' }),
    node: AssignBody.properties.node,
    attributes: AssignBody.properties.attributes,
  },
  {
    ...closed,
    $id: 'WantedAddress',
    description: 'An address, and who is to hold it.',
    examples: [{ address: '10.1.0.5', handle: 'vm-42', node: 'node-1', attributes: { tenant: 'blue' } }],
  },
)

/** Body of an ensure of addresses with different holders. */
export const EnsureAddressesBody = Type.Object(
  {
    addresses: Type.Array(ref(WantedAddressItem), {
      minItems: 1,
      maxItems: limits.ensured,
      description: 'The addresses; each once.',
    }),
  },
  {
    ...closed,
    $id: 'EnsureAddressesRequest',
    description: 'Addresses, and who is to hold each of them.',
    examples: [
      {
        addresses: [
          { address: '10.1.0.5', handle: 'vm-42', node: 'node-1' },
          { address: '10.1.0.6', handle: 'vm-43', attributes: { tenant: 'blue' } },
        ],
      },
    ],
  },
)
export type EnsureAddressesBody = Static<typeof EnsureAddressesBody>
