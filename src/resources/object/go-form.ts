import { KindGuard, OptionalKind, type TSchema } from '@sinclair/typebox'
import { isJsonArray, isJsonObject, type Json, jsonObject } from '../../model/index.ts'

/**
 * `json` as Go writes the struct that `schema` describes: fields in the order of the schema, those that are optional left out when
 * they are empty, those that are not, all of them texts, written in any case. What the schema does not know, and what is not of its
 * type, stays as it is.
 */
export function goForm(schema: TSchema, json: Json): Json {
  if (KindGuard.IsArray(schema) && isJsonArray(json)) return json.map((item) => goForm(schema.items, item))
  if (!KindGuard.IsObject(schema) || !isJsonObject(json)) return json
  const known = Object.entries(schema.properties).flatMap(([name, property]) => {
    const value = json[name] ?? null
    if (OptionalKind in property && isEmpty(value)) return []
    return [[name, value === null ? '' : goForm(property, value)] as const]
  })
  return jsonObject([...known, ...Object.entries(json).filter(([name]) => !Object.hasOwn(schema.properties, name))])
}

/** What omitempty leaves out; an object is a pointer to a struct, which is written when it is there. */
export function isEmpty(value: Json): boolean {
  return value === null || value === '' || value === 0 || value === false || (isJsonArray(value) && value.length === 0)
}
