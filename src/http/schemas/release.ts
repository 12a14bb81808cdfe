import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { limits } from '../wire/index.ts'
import { closed, handle, oneOf, optionalList } from './fields.ts'
import { ref } from './ref.ts'

/** One address to take back, with what its owner knows about it. */
export const ReleaseItem = Type.Object(
  {
    address: Type.String({ maxLength: limits.addressLength, description: 'The address.' }),
    handle: Type.Optional(Type.String({ maxLength: limits.handleLength, description: 'Only if this owner holds it.' })),
    sequenceNumber: Type.Optional(
      Type.String({
        pattern: '^(0|[1-9][0-9]{0,19})$',
        $comment: 'decimal digits, as they were answered',
        description: 'Only if it is still the assignment with this number.',
      }),
    ),
  },
  {
    ...closed,
    $id: 'ReleaseItem',
    description: 'One address to take back, on conditions.',
    examples: [{ address: '10.1.0.5', handle: 'vm-42', sequenceNumber: '1794812345678901234' }],
  },
)
export type ReleaseItem = Static<typeof ReleaseItem>

/** An address to take back, plain or on conditions. */
const ReleaseAddress = Type.Union([Type.String({ maxLength: limits.addressLength }), ref(ReleaseItem)], {
  title: 'ReleaseAddress',
})

/** The body of a release: addresses, or everything of a handle. */
export const ReleaseRequest = Type.Object(
  {
    addresses: optionalList(ReleaseAddress, {
      maxItems: limits.addresses,
      description: 'Addresses, plain or on conditions; each once.',
    }),
    handle: Type.Optional(
      Type.String({ ...handle, description: 'Everything that this owner holds, instead of addresses.' }),
    ),
  },
  {
    ...closed,
    $id: 'ReleaseRequest',
    description: 'What to take back: either addresses, or everything of a handle.',
    examples: [
      { addresses: ['10.1.0.5', { address: '10.1.0.6', handle: 'vm-42', sequenceNumber: '1794812345678901234' }] },
    ],
  },
)
export type ReleaseRequest = Static<typeof ReleaseRequest>

/** Why an address is left where it is. */
export const failedReasons = ['SequenceNumberMismatch', 'HandleMismatch', 'Unreadable', 'Unavailable'] as const

/** An address that was left where it is. */
export const FailedRelease = Type.Object(
  {
    address: Type.String(),
    reason: oneOf(failedReasons, {
      title: 'ReleaseFailure',
      prefix: 'Release',
      description: '`Unavailable`: the datastore did not come round to it; release it again.',
    }),
    message: Type.String(),
  },
  { ...closed, $id: 'FailedRelease', description: 'An address that was not taken back, and why.' },
)

/** What became of each address of a release. */
export const Release = Type.Object(
  {
    released: Type.Array(Type.String(), { description: 'Taken back by this call.' }),
    unallocated: Type.Array(Type.String(), { description: 'Nobody held these.' }),
    failed: Type.Array(ref(FailedRelease), { description: 'Left to their owners.' }),
  },
  {
    ...closed,
    $id: 'Release',
    description: 'What became of each address, in ascending order.',
    examples: [
      {
        released: ['10.1.0.5'],
        unallocated: ['10.1.0.9'],
        failed: [{ address: '10.1.0.6', reason: 'HandleMismatch', message: 'It belongs to another handle.' }],
      },
    ],
  },
)
export type Release = Static<typeof Release>
