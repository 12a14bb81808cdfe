import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { limits } from '../wire/index.ts'
import { closed, dryRunField, handle, isComplete, oneOf, optionalList, ref } from './fields.ts'

/** One address to release, with preconditions. */
export const ReleaseBodyItem = Type.Object(
  {
    address: Type.String({ maxLength: limits.addressLength, description: 'The address.' }),
    handle: Type.Optional(
      Type.String({
        maxLength: limits.handleLength,
        description: 'Release it only if this handle holds it.',
        examples: ['vm-42'],
      }),
    ),
    sequenceNumber: Type.Optional(
      Type.String({
        pattern: '^(0|[1-9][0-9]{0,19})$',
        $comment: 'decimal digits, as in the response of the assign',
        description: 'Release it only if this is the sequence number of its assignment.',
        examples: ['1794812345678901234'],
      }),
    ),
  },
  {
    ...closed,
    $id: 'ReleaseItem',
    description: 'One address to release, with preconditions.',
    examples: [{ address: '10.1.0.5', handle: 'vm-42', sequenceNumber: '1794812345678901234' }],
  },
)
export type ReleaseBodyItem = Static<typeof ReleaseBodyItem>

/** An address to release, with or without preconditions. */
const ReleaseAddress = Type.Union([Type.String({ maxLength: limits.addressLength }), ref(ReleaseBodyItem)], {
  title: 'ReleaseAddress',
})

/** Body of a release: addresses, or a handle. */
export const ReleaseBody = Type.Object(
  {
    addresses: optionalList(ReleaseAddress, {
      maxItems: limits.addresses,
      description: 'The addresses, with or without preconditions; each once.',
    }),
    handle: Type.Optional(
      Type.String({ ...handle, description: 'Release everything that this handle holds, instead of addresses.' }),
    ),
  },
  {
    ...closed,
    $id: 'ReleaseRequest',
    description: 'What to release: addresses, or everything that a handle holds.',
    examples: [
      { addresses: ['10.1.0.5', { address: '10.1.0.6', handle: 'vm-42', sequenceNumber: '1794812345678901234' }] },
    ],
  },
)
export type ReleaseBody = Static<typeof ReleaseBody>

/** Reasons why an address was not released. */
export const failedReasons = ['SequenceNumberMismatch', 'HandleMismatch', 'Unreadable', 'Unavailable'] as const

/** An address that was not released. */
export const FailedReleaseItem = Type.Object(
  {
    address: Type.String(),
    reason: oneOf(failedReasons, {
      title: 'ReleaseFailure',
      prefix: 'Release',
      description: '`Unavailable`: the datastore became unavailable before its turn; release it again.',
    }),
    message: Type.String(),
  },
  { ...closed, $id: 'FailedRelease', description: 'An address that was not released, and why.' },
)

/** Result of a release. */
export const ReleaseResponse = Type.Object(
  {
    released: Type.Array(Type.String(), { description: 'Addresses that this call released.' }),
    unallocated: Type.Array(Type.String(), { description: 'Addresses that were not assigned.' }),
    failed: Type.Array(ref(FailedReleaseItem), { description: 'Addresses that were not released.' }),
    isComplete,
    dryRun: dryRunField,
  },
  {
    ...closed,
    $id: 'Release',
    description: 'The result for each address, in ascending order.',
    examples: [
      {
        released: ['10.1.0.5'],
        unallocated: ['10.1.0.9'],
        failed: [
          {
            address: '10.1.0.6',
            reason: 'HandleMismatch',
            message: '10.1.0.6 is held by the handle "vm-41", not by "vm-42"',
          },
        ],
        isComplete: true,
      },
    ],
  },
)
export type ReleaseResponse = Static<typeof ReleaseResponse>
