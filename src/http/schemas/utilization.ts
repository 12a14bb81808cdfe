import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { closed, nullableText } from './fields.ts'
import { ref } from './ref.ts'

const count = (description: string) =>
  Type.String({ pattern: '^(0|[1-9][0-9]*)$', description: `${description} Decimal: an IPv6 pool may hold 2^128.` })

const usage = {
  capacity: count('All addresses.'),
  inUse: count('Held by somebody.'),
  cooling: count('Released, and not to be given out again yet.'),
  reserved: count('Kept from being chosen by reservations, whether or not somebody holds them.'),
  available: count('To be had by an assign that names no address: neither held nor cooling down nor reserved.'),
}

const usageExample = { capacity: '256', inUse: '1', cooling: '0', reserved: '4', available: '251' }
const blockUsageExample = { capacity: '64', inUse: '1', cooling: '0', reserved: '4', available: '59' }

const poolExample = {
  pool: 'my.ippool-1',
  cidr: '10.1.0.0/24',
  blockSize: 26,
  isAllocatable: true,
  blocks: '4',
  blocksInUse: '1',
  ...usageExample,
}

/** How the addresses of one pool are used. */
export const PoolUtilization = Type.Object(
  {
    pool: Type.String({ description: 'The name of the pool.' }),
    cidr: Type.String({ description: 'Its addresses.' }),
    blockSize: Type.Integer({ minimum: 0, maximum: 128, description: 'The prefix length of its blocks.' }),
    isAllocatable: Type.Boolean({
      description: 'Whether it gives addresses at all: false when it is disabled or being deleted.',
    }),
    blocks: count('How many blocks it is cut into.'),
    blocksInUse: count('How many of them there are.'),
    ...usage,
  },
  {
    ...closed,
    $id: 'PoolUtilization',
    description: 'How the addresses of a pool are used.',
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

/** How the addresses of one block are used. */
export const BlockUtilization = Type.Object(
  {
    block: Type.String({ description: 'The CIDR of the block.' }),
    pool: nullableText('The name of the pool that it lies in; null when it lies in none.'),
    affinity: nullableText('Who the block belongs to, as Calico writes it; null for nobody.'),
    node: nullableText('The node that the block belongs to; null when that is nobody, or no node.'),
    claimedAt: nullableText('Since when it belongs to it; null when that is not said.', { format: 'date-time' }),
    isReadable: Type.Boolean({
      description: 'False: what is stored of the block cannot be read, and all of it counts as in use.',
    }),
    ...usage,
  },
  {
    ...closed,
    $id: 'BlockUtilization',
    description: 'How the addresses of a block are used, and who the block belongs to.',
    examples: [blockExample],
  },
)
export type BlockUtilization = Static<typeof BlockUtilization>

/** How pools and their blocks are used. */
export const Utilization = Type.Object(
  {
    pools: Type.Array(ref(PoolUtilization)),
    unreadablePools: Type.Array(Type.String(), { description: 'Pools that are stored and cannot be read.' }),
    orphaned: Type.Array(ref(BlockUtilization), {
      description: 'Blocks that lie in no pool; empty when pools are asked for by name.',
    }),
    blocks: Type.Array(ref(BlockUtilization), {
      description: 'The blocks of the pools, when they are asked for; empty otherwise.',
    }),
  },
  {
    ...closed,
    $id: 'Utilization',
    description: 'How pools are used, in the order of their names or as they were asked for.',
    examples: [{ pools: [poolExample], unreadablePools: [], orphaned: [], blocks: [blockExample] }],
  },
)
export type Utilization = Static<typeof Utilization>

/** One page of blocks. */
export const BlockList = Type.Object(
  {
    blocks: Type.Array(ref(BlockUtilization)),
    continue: nullableText('Give it as `continue` to get the next page; null when this is the last one.'),
  },
  {
    ...closed,
    $id: 'BlockList',
    description: 'A page of blocks, in the order of their addresses, IPv4 first.',
    examples: [{ blocks: [blockExample], continue: null }],
  },
)
export type BlockList = Static<typeof BlockList>
