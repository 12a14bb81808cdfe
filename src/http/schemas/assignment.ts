import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { closed, dryRunField, nullableText, ref, texts } from './fields.ts'

/** Example of an allocation. */
const allocationExample = {
  address: '10.1.0.5',
  block: '10.1.0.0/26',
  pool: 'my.ippool-1',
  node: 'node-1',
  handle: 'vm-42',
  sequenceNumber: '1794812345678901234',
  assignedAt: '2026-11-23T04:00:01Z',
  attributes: { tenant: 'blue', timestamp: '2026-11-23 04:00:01.5 +0000 UTC' },
}

/** One address that is assigned. */
export const AllocationItem = Type.Object(
  {
    address: Type.String({ description: 'The address; IPv6 in the form of RFC 5952.' }),
    block: Type.String({ description: 'The CIDR of its block.' }),
    pool: nullableText('The name of its pool; null if the pool does not exist.'),
    node: nullableText('The node that uses it; null if unknown.'),
    handle: nullableText('The handle that holds it; null if it was assigned without one.'),
    sequenceNumber: Type.String({
      description: [
        'Changes with every new assignment of the address: a release with this number releases only this assignment.',
        'Decimal; too large for a JSON number.',
      ].join(' '),
    }),
    assignedAt: nullableText(
      [
        'When it was assigned, as its attribute `timestamp` says: Calico writes it for pods and load balancers, and a request may give it,',
        'in RFC 3339; null if it is not there.',
      ].join(' '),
      { format: 'date-time' },
    ),
    attributes: texts({ description: 'The attributes that were stored with the address, except the node.' }),
  },
  { ...closed, $id: 'Allocation', description: 'One address that is assigned.', examples: [allocationExample] },
)
export type AllocationItem = Static<typeof AllocationItem>

/** The addresses that were assigned, or that one handle holds. */
export const AssignmentResponse = Type.Object(
  {
    handle: Type.String({ description: 'The handle.' }),
    addresses: Type.Array(ref(AllocationItem)),
    dryRun: dryRunField,
  },
  {
    ...closed,
    $id: 'Assignment',
    description:
      'Addresses of one handle: those that were assigned, in the order of the request, or all that it holds, in ascending order.',
    examples: [{ handle: 'vm-42', addresses: [allocationExample] }],
  },
)
export type AssignmentResponse = Static<typeof AssignmentResponse>

/** Addresses that are held as a request wants. */
export const EnsuredAddresses = Type.Object(
  {
    addresses: Type.Array(ref(AllocationItem), { description: 'All of them, in the order of the request.' }),
    assigned: Type.Array(Type.String(), {
      description: 'Those that this call has assigned; the others were held in the same way before.',
    }),
    dryRun: dryRunField,
  },
  {
    ...closed,
    $id: 'EnsuredAddresses',
    description: 'Addresses that are held as the request wants.',
    examples: [{ addresses: [allocationExample], assigned: ['10.1.0.5'] }],
  },
)
export type EnsuredAddresses = Static<typeof EnsuredAddresses>

/** One page of the assigned addresses. */
export const AddressList = Type.Object(
  {
    addresses: Type.Array(ref(AllocationItem)),
    unreadableBlocks: Type.Array(Type.String(), {
      description: [
        'Blocks of this page that cannot be read; their addresses are missing. Sorted by another field than `address`: blocks of the whole',
        'list, the first 2,048 at the most.',
      ].join(' '),
    }),
    total: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      format: 'int64',
      description: 'The number of addresses on all pages; null if handle, node, attribute or q select them.',
    }),
    revision: Type.String({ description: 'The revision of etcd that all pages of the list show.' }),
    continue: nullableText(
      'Send it as `continue`, with the same filters and the same `sort`, to get the next page; null on the last page.',
    ),
  },
  {
    ...closed,
    $id: 'AddressList',
    description:
      'A page of assigned addresses: in the order of `sort`, or block by block, in ascending order within each. A page may be empty without being the last one.',
    examples: [{ addresses: [allocationExample], unreadableBlocks: [], total: 1, revision: '1018', continue: null }],
  },
)
export type AddressList = Static<typeof AddressList>

/** A handle, and how much it counts. */
export const HandleItem = Type.Object(
  {
    handle: Type.String({ description: 'The handle.' }),
    blocks: Type.Integer({ format: 'int64', description: 'Number of blocks in which it holds addresses.' }),
    addresses: Type.Integer({
      format: 'int64',
      description: [
        'Number of addresses, as the handle itself counts them: never fewer than it holds, and more while a Calico client changes',
        'them, or after one has stopped half-way. Read the handle for those that it holds.',
      ].join(' '),
    }),
  },
  {
    ...closed,
    $id: 'Handle',
    description: 'A handle, and how much it counts.',
    examples: [{ handle: 'vm-42', blocks: 1, addresses: 2 }],
  },
)

/** One page of the handles. */
export const HandleList = Type.Object(
  {
    handles: Type.Array(ref(HandleItem)),
    unreadableHandles: Type.Array(Type.String(), { description: 'Handles of this page that cannot be read.' }),
    revision: Type.String({ description: 'The revision of etcd that all pages of the list show.' }),
    continue: nullableText('Send it as `continue`, with the same prefix, to get the next page; null on the last page.'),
  },
  {
    ...closed,
    $id: 'HandleList',
    description: 'A page of handles, in the order of their names.',
    examples: [
      {
        handles: [{ handle: 'vm-42', blocks: 1, addresses: 2 }],
        unreadableHandles: [],
        revision: '1018',
        continue: null,
      },
    ],
  },
)
export type HandleList = Static<typeof HandleList>
