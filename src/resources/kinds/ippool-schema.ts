import { type TSchema, Type } from '@sinclair/typebox'
import { type PoolField, poolFields } from '../../model/index.ts'
import { mapByKeys, setOfItems, Condition } from '../object/index.ts'

/**
 * The spec of an IP pool, as clients write it.
 * @see docs/calico/formats.md section 3.2
 */
export const IPPoolSpec = Type.Object(
  Object.fromEntries(Object.entries(poolFields).map(([name, field]) => [name, schemaOf(field)])),
  { $id: 'IPPoolSpec', additionalProperties: false, description: 'The specification of an IP pool.' },
)

function schemaOf(field: PoolField): TSchema {
  const { type, isRequired = false, read: _, defaultByFamily: __, ...options } = field
  const schema = typeSchema(type, options)
  return isRequired ? schema : Type.Optional(schema)
}

function typeSchema(type: PoolField['type'], options: Omit<PoolField, 'type' | 'read'>): TSchema {
  switch (type) {
    case 'string':
      return Type.String(options)
    case 'boolean':
      return Type.Boolean(options)
    case 'integer':
      return Type.Integer(options)
    case 'strings': {
      const { items, ...listOptions } = options
      return Type.Array(Type.String(items), { ...setOfItems, uniqueItems: true, ...listOptions })
    }
  }
}

/** The status of an IP pool. */
export const IPPoolStatus = Type.Object(
  {
    conditions: Type.Optional(
      Type.Array(Condition, {
        ...mapByKeys('type'),
        description:
          '`Allocatable` says whether the pool gives addresses: `False` with the reason `PoolDisabled`, or `Terminating` while it is being deleted; its message then tells how many addresses are in use.',
      }),
    ),
  },
  {
    $id: 'IPPoolStatus',
    additionalProperties: true,
    description: 'The status of an IP pool. Written by the server.',
  },
)
