import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { poolUses } from '../../model/index.ts'
import { limits } from '../wire/index.ts'
import { closed, handle, name, oneOf, optionalList, texts } from './fields.ts'

const HostReserved = Type.Object(
  {
    start: Type.Integer({ minimum: 0, maximum: 255, description: 'How many at the start.', examples: [3] }),
    end: Type.Integer({ minimum: 0, maximum: 255, description: 'How many at the end.', examples: [1] }),
  },
  { ...closed, title: 'ReservedEnds', description: 'How many addresses at the ends of a block.' },
)

/** The body of an assign. Every field may be left out. */
export const AssignBody = Type.Object(
  {
    handle: Type.Optional(
      Type.String({ ...handle, description: 'The owner, of one or many addresses; made up when absent.' }),
    ),
    node: Type.Optional(
      Type.String({
        ...name,
        description: 'The node that will use the addresses: they come from its blocks.',
        examples: ['node-1'],
      }),
    ),
    ipv4: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: limits.addresses,
        description: 'How many IPv4 addresses. One when neither counts nor addresses are given.',
      }),
    ),
    ipv6: Type.Optional(
      Type.Integer({ minimum: 0, maximum: limits.addresses, description: 'How many IPv6 addresses.' }),
    ),
    addresses: optionalList(Type.String({ maxLength: limits.addressLength }), {
      maxItems: limits.addresses,
      description: 'These very addresses, instead of counts; each once.',
    }),
    pools: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: limits.nameLength }), {
        maxItems: limits.pools,
        description: 'Names or CIDRs of the only pools to choose from; any pool when absent or empty.',
      }),
    ),
    use: Type.Optional(
      oneOf(poolUses, { title: 'PoolUse', description: 'What the addresses are for; `Workload` when absent.' }),
    ),
    namespace: Type.Optional(
      Type.Object(
        {
          name: Type.Optional(
            Type.String({
              ...name,
              description: 'Counts as the label `kubernetes.io/metadata.name`, as in Kubernetes.',
            }),
          ),
          labels: Type.Optional(
            texts({ maxProperties: limits.labels, maxLength: limits.labelKeyLength, description: 'Its labels.' }),
          ),
        },
        {
          ...closed,
          title: 'Namespace',
          description: 'The namespace that will use the addresses, for the namespace selectors of pools.',
        },
      ),
    ),
    attributes: Type.Optional(
      texts({
        maxProperties: limits.attributes,
        maxLength: limits.attributeValueLength,
        description: [
          `Kept with the addresses. Keys of 1 to ${limits.attributeKeyLength} characters;`,
          `${limits.attributesBytes} bytes in all.`,
        ].join(' '),
      }),
    ),
    maxBlocksPerNode: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2 ** 31 - 1,
        description: 'How many blocks the node may have; 0: no limit besides the configured one.',
      }),
    ),
    maxPerHandle: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: limits.addresses,
        description: [
          'How many addresses of each family the handle may hold. Instead of more than that, it is given again what it holds,',
          'if that is as much as it asks for.',
        ].join(' '),
      }),
    ),
    hostReserved: Type.Optional(
      Type.Object(
        { ipv4: Type.Optional(HostReserved), ipv6: Type.Optional(HostReserved) },
        {
          ...closed,
          title: 'HostReserved',
          description: 'Addresses at the ends of each new block that the node keeps for itself, as Windows needs it.',
        },
      ),
    ),
    partial: Type.Optional(
      Type.Boolean({ description: 'Fewer addresses than asked for are fine. Otherwise it is all or nothing.' }),
    ),
  },
  {
    ...closed,
    $id: 'AssignRequest',
    description: 'A wish for addresses: how many of each family, or which.',
    examples: [
      {
        handle: 'vm-42',
        node: 'node-1',
        ipv4: 1,
        ipv6: 1,
        pools: ['my.ippool-1', 'my.ippool-6'],
        attributes: { tenant: 'blue' },
      },
    ],
  },
)
export type AssignBody = Static<typeof AssignBody>

/** The body of the declarative assign: the owner is in the path. */
export const EnsureRequest = Type.Omit(AssignBody, ['handle', 'maxPerHandle'], {
  ...closed,
  $id: 'EnsureRequest',
  description: 'What an owner is to hold at least: how many addresses of each family, or which.',
  examples: [{ node: 'node-1', ipv4: 1, ipv6: 1 }],
})
