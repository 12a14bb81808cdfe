import { Type } from '@sinclair/typebox'
import { closed } from '../schemas/index.ts'
import { limits } from '../wire/index.ts'

/** The parameter in the path of routes that read one pool. */
export const PoolPath = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: limits.nameLength,
      description: 'The name of the pool, or its CIDR with `%2F` for the slash.',
      examples: ['my.ippool-1'],
    }),
  },
  closed,
)
