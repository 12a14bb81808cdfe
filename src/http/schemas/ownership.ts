import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { limits } from '../wire/index.ts'
import { closed, dryRunField, name, nullableText, ref, texts } from './fields.ts'
import { ReleaseBodyItem } from './release.ts'

/** One set of holder attributes in a response. */
export const UsageItem = Type.Object(
  {
    node: nullableText('The node that uses the address; null if unknown.'),
    attributes: texts({ description: 'The other attributes.' }),
  },
  { ...closed, $id: 'Usage', description: 'One set of holder attributes: who uses an address.' },
)
export type UsageItem = Static<typeof UsageItem>

/** One set of holder attributes in a request. */
export const UsageBodyItem = Type.Object(
  {
    node: Type.Optional(Type.String({ ...name, description: 'The node.', examples: ['node-2'] })),
    attributes: Type.Optional(
      texts({
        maxProperties: limits.attributes,
        maxLength: limits.attributeValueLength,
        description: [
          `Keys have 1 to ${limits.attributeKeyLength} characters;`,
          `all keys and values together have at most ${limits.attributesBytes} bytes.`,
        ].join(' '),
      }),
    ),
  },
  {
    ...closed,
    $id: 'UsageRequest',
    description: 'One set of holder attributes: who uses an address. An empty object means nobody.',
  },
)
export type UsageBodyItem = Static<typeof UsageBodyItem>

const usage = { node: 'node-1', attributes: { namespace: 'vms', pod: 'launcher-1' } }

/** Both sets of holder attributes of an address. */
export const HoldersResponse = Type.Object(
  {
    address: Type.String({ description: 'The address.' }),
    handle: nullableText('The handle that holds it; null if it was assigned without one.'),
    sequenceNumber: Type.String({
      description: 'The number of its assignment; changes of the holder attributes keep it.',
    }),
    active: ref(UsageItem),
    alternate: ref(UsageItem),
    dryRun: dryRunField,
  },
  {
    ...closed,
    $id: 'Ownership',
    description:
      'The holder attributes of an address: who uses it (`active`), and who used it or will use it (`alternate`), as in a live migration.',
    examples: [
      {
        address: '10.1.0.5',
        handle: 'vm-42',
        sequenceNumber: '1794812345678901234',
        active: usage,
        alternate: { node: 'node-2', attributes: { namespace: 'vms', pod: 'launcher-2' } },
      },
    ],
  },
)
export type HoldersResponse = Static<typeof HoldersResponse>

const nothingButNode = (side: 'active' | 'alternate') =>
  Type.Optional(
    Type.Boolean({
      description: `True: only if the ${side} holder has no attributes but a node; \`${side}\` can say which node.`,
    }),
  )

const preconditions = {
  handle: ReleaseBodyItem.properties.handle,
  sequenceNumber: ReleaseBodyItem.properties.sequenceNumber,
  expected: Type.Optional(
    Type.Object(
      {
        active: Type.Optional(ref(UsageBodyItem)),
        alternate: Type.Optional(ref(UsageBodyItem)),
        noActive: nothingButNode('active'),
        noAlternate: nothingButNode('alternate'),
      },
      {
        ...closed,
        title: 'ExpectedOwners',
        description: [
          'Only if the holder attributes include all of these. For an empty object: only if there are none, not even a node, as of an address',
          'that was assigned without one. To require that nobody but a node has the address, use `noActive`.',
        ].join(' '),
      },
    ),
  ),
}

/** Body of a swap: preconditions. */
export const SwapBody = Type.Object(preconditions, {
  ...closed,
  $id: 'SwapRequest',
  description: 'The conditions on which the holder attributes of an address are swapped.',
  examples: [{ handle: 'vm-42', expected: { active: { attributes: usage.attributes } } }],
})
export type SwapBody = Static<typeof SwapBody>

/** Body of a change of holder attributes. What it leaves out stays. */
export const HoldersBody = Type.Object(
  { active: Type.Optional(ref(UsageBodyItem)), alternate: Type.Optional(ref(UsageBodyItem)), ...preconditions },
  {
    ...closed,
    $id: 'OwnersRequest',
    description: 'The new holder attributes of an address, and preconditions. A set that is left out stays.',
    examples: [
      {
        handle: 'vm-42',
        alternate: { node: 'node-2', attributes: { pod: 'launcher-2' } },
        expected: { alternate: {} },
      },
    ],
  },
)
export type HoldersBody = Static<typeof HoldersBody>
