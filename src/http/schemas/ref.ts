import type { Static, TSchema, TUnsafe } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'

/**
 * A reference to a schema that the server knows by its `$id` (`app.addSchema`), with the static type of what it points to. The
 * OpenAPI document names the schema once, under components. Throws when `schema` has no `$id`.
 */
export function ref<Schema extends TSchema>(schema: Schema): TUnsafe<Static<Schema>> {
  if (schema.$id === undefined) throw new Error('only a schema with an $id can be referred to')
  return Type.Unsafe<Static<Schema>>({ $ref: `${schema.$id}#` })
}
