import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { Allocation, allocationExample } from './assignment.ts'
import { closed, nullableText } from './fields.ts'
import { ref } from './ref.ts'

/** One page of the addresses that are held. */
export const AddressList = Type.Object(
  {
    addresses: Type.Array(ref(Allocation)),
    unreadableBlocks: Type.Array(Type.String(), {
      description: 'Blocks on the way that cannot be read, so that addresses of theirs may be missing.',
    }),
    revision: Type.String({ description: 'The revision of etcd as of which all pages of the list are true.' }),
    continue: nullableText(
      'Give it as `continue`, with the same filters, to get the next page; null after the last one.',
    ),
  },
  {
    ...closed,
    $id: 'AddressList',
    description:
      'A page of addresses that somebody holds: block by block, ascending within each. It may be empty and not the last.',
    examples: [{ addresses: [allocationExample], unreadableBlocks: [], revision: '1018', continue: null }],
  },
)
export type AddressList = Static<typeof AddressList>
