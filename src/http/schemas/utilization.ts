import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { closed, count, nullableText, ref } from './fields.ts'

const usage = {
  capacity: count('Number of addresses.'),
  inUse: count('Addresses that are assigned.'),
  cooling: count('Addresses that were released and are cooling down: they cannot be assigned yet.'),
  reserved: count('Addresses in reservations, assigned or not.'),
  available: count(
    'Addresses that are neither assigned nor cooling down nor reserved: those that an assign by count can get.',
  ),
  percentInUse: Type.Number({
    minimum: 0,
    maximum: 100,
    description: 'The part of the capacity that is assigned, for people and graphs; the counts are exact.',
  }),
}

const usageExample = {
  capacity: '256',
  inUse: '1',
  cooling: '0',
  reserved: '4',
  available: '251',
  percentInUse: 0.390625,
}
const blockUsageExample = {
  capacity: '64',
  inUse: '1',
  cooling: '0',
  reserved: '4',
  available: '59',
  percentInUse: 1.5625,
}

/** The example of a pool. */
export const poolExample = {
  pool: 'my.ippool-1',
  cidr: '10.1.0.0/24',
  blockSize: 26,
  isAllocatable: true,
  blocks: '4',
  blocksInUse: '1',
  ...usageExample,
}

/** Utilization of one pool. */
export const PoolUtilization = Type.Object(
  {
    pool: Type.String({ description: 'The name of the pool.' }),
    cidr: Type.String({ description: 'The CIDR of the pool.' }),
    blockSize: Type.Integer({ minimum: 0, maximum: 128, description: 'The prefix length of its blocks.' }),
    isAllocatable: Type.Boolean({
      description: 'False if the pool gives no addresses, because it is disabled or being deleted.',
    }),
    blocks: count('Number of blocks that the pool is divided into.'),
    blocksInUse: count('Number of those blocks that exist.'),
    ...usage,
  },
  {
    ...closed,
    $id: 'PoolUtilization',
    description: 'The utilization of a pool.',
    examples: [poolExample],
  },
)
export type PoolUtilization = Static<typeof PoolUtilization>

const blockExample = {
  block: '10.1.0.0/26',
  pool: 'my.ippool-1',
  affinity: 'host:node-1',
  node: 'node-1',
  claimedAt: '2026-11-23T04:00:00Z',
  isReadable: true,
  ...blockUsageExample,
}

/** Utilization of one block. */
export const BlockUtilization = Type.Object(
  {
    block: Type.String({ description: 'The CIDR of the block.' }),
    pool: nullableText('The name of its pool; null if it lies in no pool.'),
    affinity: nullableText('The affinity of the block, as Calico writes it; null if it has none.'),
    node: nullableText('The node of the affinity; null if there is none, or if it is not a node.'),
    claimedAt: nullableText('When the affinity began; null if unknown.', { format: 'date-time' }),
    isReadable: Type.Boolean({
      description: 'False if the stored block cannot be read; all its addresses then count as in use.',
    }),
    ...usage,
  },
  {
    ...closed,
    $id: 'BlockUtilization',
    description: 'The utilization of a block, and its affinity.',
    examples: [blockExample],
  },
)
export type BlockUtilization = Static<typeof BlockUtilization>

/** Utilization of pools and their blocks. */
export const Utilization = Type.Object(
  {
    pools: Type.Array(ref(PoolUtilization)),
    unreadablePools: Type.Array(Type.String(), { description: 'Stored pools that cannot be read.' }),
    orphaned: Type.Array(ref(BlockUtilization), {
      description: 'Blocks that lie in no pool; empty if the request names pools.',
    }),
    blocks: Type.Array(ref(BlockUtilization), {
      description: 'The blocks of the pools, if requested; otherwise empty.',
    }),
  },
  {
    ...closed,
    $id: 'Utilization',
    description: 'The utilization of pools, in the order of their names or of the request.',
    examples: [{ pools: [poolExample], unreadablePools: [], orphaned: [], blocks: [blockExample] }],
  },
)
export type Utilization = Static<typeof Utilization>

/** One page of blocks. */
export const BlockList = Type.Object(
  {
    blocks: Type.Array(ref(BlockUtilization)),
    continue: nullableText('Send it as `continue` to get the next page; null on the last page.'),
  },
  {
    ...closed,
    $id: 'BlockList',
    description: 'A page of blocks, in the order of their addresses, IPv4 first.',
    examples: [{ blocks: [blockExample], continue: null }],
  },
)
export type BlockList = Static<typeof BlockList>

const freeRange = Type.Object(
  {
    first: Type.String({ description: 'The first address.' }),
    last: Type.String({ description: 'The last address.' }),
    count: count('Number of addresses.'),
  },
  { ...closed, title: 'FreeRange', description: 'Addresses that follow each other.' },
)

/** One page of available addresses. */
export const FreeRangeList = Type.Object(
  {
    pool: Type.String({ description: 'The name of the pool.' }),
    cidr: Type.String({ description: 'The CIDR of the pool, or the part of it that was asked for.' }),
    isAllocatable: Type.Boolean({
      description: 'False if the pool gives no addresses, because it is disabled or being deleted.',
    }),
    available: count('Number of available addresses, on all pages.'),
    ranges: Type.Array(freeRange),
    continue: nullableText('Send it as `continue` to get the next page; null on the last page.'),
  },
  {
    ...closed,
    $id: 'FreeRangeList',
    description: 'A page of the available addresses of a pool, in ascending order.',
    examples: [
      {
        pool: 'my.ippool-1',
        cidr: '10.1.0.0/24',
        isAllocatable: true,
        available: '251',
        ranges: [
          { first: '10.1.0.0', last: '10.1.0.4', count: '5' },
          { first: '10.1.0.10', last: '10.1.0.255', count: '246' },
        ],
        continue: null,
      },
    ],
  },
)
export type FreeRangeList = Static<typeof FreeRangeList>
