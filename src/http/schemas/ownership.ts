import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { limits } from '../wire/index.ts'
import { closed, name, nullableText, texts } from './fields.ts'
import { ref } from './ref.ts'
import { ReleaseItem } from './release.ts'

/** Who uses an address, as it is answered. */
export const Usage = Type.Object(
  {
    node: nullableText('The node that uses it; null when that was not said.'),
    attributes: texts({ description: 'What else is kept of it.' }),
  },
  { ...closed, $id: 'Usage', description: 'Who uses an address.' },
)
export type Usage = Static<typeof Usage>

/** Who uses an address, as it is given. */
export const UsageRequest = Type.Object(
  {
    node: Type.Optional(Type.String({ ...name, description: 'The node.', examples: ['node-2'] })),
    attributes: Type.Optional(
      texts({
        maxProperties: limits.attributes,
        maxLength: limits.attributeValueLength,
        description: `Keys of 1 to ${limits.attributeKeyLength} characters; ${limits.attributesBytes} bytes in all.`,
      }),
    ),
  },
  { ...closed, $id: 'UsageRequest', description: 'Who uses an address; an empty object: nobody.' },
)
export type UsageRequest = Static<typeof UsageRequest>

const usage = { node: 'node-1', attributes: { namespace: 'vms', pod: 'launcher-1' } }

/** Who uses an address, and who did or will. */
export const Ownership = Type.Object(
  {
    address: Type.String({ description: 'The address.' }),
    handle: nullableText('Its handle; null when it was assigned without one.'),
    sequenceNumber: Type.String({ description: 'Of its assignment; changes of its owners do not change it.' }),
    active: ref(Usage),
    alternate: ref(Usage),
  },
  {
    ...closed,
    $id: 'Ownership',
    description:
      'Who uses an address (`active`), and who used it or is to use it (`alternate`), as in a live migration.',
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
export type Ownership = Static<typeof Ownership>

const preconditions = {
  handle: ReleaseItem.properties.handle,
  sequenceNumber: ReleaseItem.properties.sequenceNumber,
  expected: Type.Optional(
    Type.Object(
      { active: Type.Optional(ref(UsageRequest)), alternate: Type.Optional(ref(UsageRequest)) },
      {
        ...closed,
        title: 'ExpectedOwners',
        description: 'Only if the owners have all that is named here; an empty object: only if there is nothing.',
      },
    ),
  ),
}

/** The body of a swap: preconditions. */
export const SwapRequest = Type.Object(preconditions, {
  ...closed,
  $id: 'SwapRequest',
  description: 'On which conditions the owners of an address change places.',
  examples: [{ handle: 'vm-42', expected: { active: { attributes: usage.attributes } } }],
})
export type SwapRequest = Static<typeof SwapRequest>

/** The body of a change of owners: what is left out stays. */
export const OwnersRequest = Type.Object(
  { active: Type.Optional(ref(UsageRequest)), alternate: Type.Optional(ref(UsageRequest)), ...preconditions },
  {
    ...closed,
    $id: 'OwnersRequest',
    description: 'Who is to use an address from now on, and on which conditions. An owner that is left out stays.',
    examples: [
      {
        handle: 'vm-42',
        alternate: { node: 'node-2', attributes: { pod: 'launcher-2' } },
        expected: { alternate: {} },
      },
    ],
  },
)
export type OwnersRequest = Static<typeof OwnersRequest>
