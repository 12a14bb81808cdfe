import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { closed, count } from './fields.ts'

const mappedRange = Type.Object(
  {
    range: Type.String({ description: 'The range, a CIDR.' }),
    pools: Type.Array(Type.String(), {
      description: 'The names of pools that share an address with it, the larger ones first: eight at the most.',
    }),
    poolCount: Type.Integer({
      format: 'int32',
      description: 'The number of these pools, also of those without name here.',
    }),
    blocks: Type.Integer({ format: 'int64', description: 'Number of blocks that share an address with it.' }),
    capacity: count('Addresses of the range that lie in pools.'),
    inUse: count('Addresses that are assigned, in pools or not.'),
    cooling: count('Addresses that were released and are cooling down.'),
    reserved: count('Addresses of pools in reservations, assigned or not.'),
    available: count('Addresses of pools that an assign by count can get.'),
  },
  { ...closed, title: 'MappedRange', description: 'A range, and how its addresses are used.' },
)

const mappedPool = Type.Object(
  { pool: Type.String({ description: 'The name of the pool.' }), cidr: Type.String({ description: 'Its CIDR.' }) },
  { ...closed, title: 'MappedPool', description: 'A pool that is larger than a range of the map.' },
)

/** How the addresses of ranges are used. */
export const AddressMap = Type.Object(
  {
    cidr: Type.String({ description: 'The CIDR that the map shows.' }),
    prefixLength: Type.Integer({ minimum: 0, maximum: 128, description: 'The prefix length of its ranges.' }),
    pools: Type.Array(mappedPool, { description: 'The pools that are larger than a range, the largest first.' }),
    ranges: Type.Array(mappedRange, {
      description:
        'The ranges in which there is a block, or a pool that is no larger, in ascending order. In the others nothing is assigned.',
    }),
  },
  {
    ...closed,
    $id: 'AddressMap',
    description: 'How the addresses of ranges of one size are used.',
    examples: [
      {
        cidr: '10.0.0.0/8',
        prefixLength: 16,
        pools: [],
        ranges: [
          {
            range: '10.1.0.0/16',
            pools: ['my.ippool-1'],
            poolCount: 1,
            blocks: 1,
            capacity: '256',
            inUse: '1',
            cooling: '0',
            reserved: '4',
            available: '251',
          },
        ],
      },
    ],
  },
)
export type AddressMap = Static<typeof AddressMap>

/** The states of single addresses. */
export const AddressStates = Type.Object(
  {
    cidr: Type.String({ description: 'The CIDR of the addresses.' }),
    states: Type.String({
      pattern: '^[aucrUC-]+$',
      description: [
        'One character for each address, in ascending order: `a` available, `u` in use, `c` cooling down, `r` reserved, `U` in use and',
        'reserved, `C` cooling down and reserved, `-` in no pool.',
      ].join(' '),
    }),
  },
  {
    ...closed,
    $id: 'AddressStates',
    description: 'The states of the addresses of a range.',
    examples: [{ cidr: '10.1.0.0/28', states: 'uuuac-rrrraaaaaa' }],
  },
)
export type AddressStates = Static<typeof AddressStates>
