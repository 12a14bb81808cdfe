import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { closed, nullableText, texts } from './fields.ts'
import { ref } from './ref.ts'

/** An allocation, as the document shows it. */
export const allocationExample = {
  address: '10.1.0.5',
  block: '10.1.0.0/26',
  pool: 'my.ippool-1',
  node: 'node-1',
  handle: 'vm-42',
  sequenceNumber: '1794812345678901234',
  attributes: { tenant: 'blue' },
}

/** One address that somebody holds. */
export const Allocation = Type.Object(
  {
    address: Type.String({ description: 'The address; IPv6 as RFC 5952 writes it.' }),
    block: Type.String({ description: 'The CIDR of the block that holds it.' }),
    pool: nullableText('The name of the pool it comes from; null when no pool has it any more.'),
    node: nullableText('The node that uses it; null when that was not said.'),
    handle: nullableText('The owner; null when it was assigned without one.'),
    sequenceNumber: Type.String({
      description: [
        'Changes whenever the address is assigned anew: a release that gives it takes back this very assignment or nothing.',
        'Decimal; too big for a JSON number.',
      ].join(' '),
    }),
    attributes: texts({ description: 'What was kept with the address, besides the node.' }),
  },
  { ...closed, $id: 'Allocation', description: 'One address that somebody holds.', examples: [allocationExample] },
)
export type Allocation = Static<typeof Allocation>

/** Everything that answers a wish, or that one owner holds. */
export const Assignment = Type.Object(
  {
    handle: Type.String({ description: 'The owner.' }),
    addresses: Type.Array(ref(Allocation)),
  },
  {
    ...closed,
    $id: 'Assignment',
    description:
      'The addresses of one owner: those just assigned, in the order asked for, or all it holds, in ascending order.',
    examples: [{ handle: 'vm-42', addresses: [allocationExample] }],
  },
)
export type Assignment = Static<typeof Assignment>
