import { Type } from '@sinclair/typebox'
import { partsMax } from '../../resources/index.ts'
import { closed, dryRunField } from './fields.ts'

/** Body of a split. */
export const SplitBody = Type.Object(
  {
    parts: Type.Integer({
      minimum: 2,
      maximum: partsMax,
      description: 'Number of parts: a power of two. Each part must hold at least one block.',
      examples: [4],
    }),
  },
  {
    ...closed,
    $id: 'SplitRequest',
    description: 'The number of parts into which a pool is split.',
    examples: [{ parts: 2 }],
  },
)

/** Result of a split. */
export const SplitResponse = Type.Object(
  {
    pool: Type.String({ description: 'The pool that was split; it is deleted.' }),
    parts: Type.Array(
      Type.Object(
        { name: Type.String(), cidr: Type.String() },
        { ...closed, title: 'PoolPart', description: 'One of the parts.' },
      ),
      { description: 'In the order of their addresses.' },
    ),
    dryRun: dryRunField,
  },
  {
    ...closed,
    $id: 'SplitAnswer',
    description: 'The parts into which a pool was split.',
    examples: [
      {
        pool: 'blue',
        parts: [
          { name: 'split-blue-0', cidr: '10.1.0.0/25' },
          { name: 'split-blue-1', cidr: '10.1.0.128/25' },
        ],
      },
    ],
  },
)
