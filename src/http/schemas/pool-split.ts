import { Type } from '@sinclair/typebox'
import { partsMax } from '../../resources/index.ts'
import { closed } from './fields.ts'

/** Into how many parts a pool is split. */
export const SplitRequest = Type.Object(
  {
    parts: Type.Integer({
      minimum: 2,
      maximum: partsMax,
      description: 'How many: a power of two, so that a part holds a block at least.',
      examples: [4],
    }),
  },
  { ...closed, $id: 'SplitRequest', description: 'Into how many parts a pool is split.', examples: [{ parts: 2 }] },
)

/** What a pool was split into. */
export const SplitAnswer = Type.Object(
  {
    pool: Type.String({ description: 'The pool that is gone.' }),
    parts: Type.Array(
      Type.Object(
        { name: Type.String(), cidr: Type.String() },
        { ...closed, title: 'PoolPart', description: 'One of the parts.' },
      ),
      { description: 'In the order of their addresses.' },
    ),
  },
  {
    ...closed,
    $id: 'SplitAnswer',
    description: 'What a pool was split into.',
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
