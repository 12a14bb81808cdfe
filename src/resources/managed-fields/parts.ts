import { KindGuard, type TArray, type TObject, type TRecord, type TSchema } from '@sinclair/typebox'
import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonObject } from '../../model/index.ts'
import { schemaOf, isAtomicObject, listTypeOf } from '../object/index.ts'
import { itemElement, keyElement, memberElement } from './field-set.ts'

/** What can have an owner of its own inside a value. */
export interface Part {
  /** Its element in a path. */
  readonly element: string
  /** Undefined: a member that is not known. */
  readonly schema: TSchema | undefined
  readonly json: Json
  /** Whether it is a field of a struct: when it is empty, Go leaves it out. */
  readonly isField: boolean
  /** Of an item that is told apart by keys, the elements of these. */
  readonly keyElements: readonly string[]
}

/** The most characters of the keys of an item: they come back in the path of everything in it. */
export const keysLengthMax = 400

/**
 * The parts of a granular object, or of a list that is a set or a map; a member that is null is not given. Undefined: the value has
 * one owner. So has a list that its schema calls a map while its items cannot be told apart, and what is not described by a schema.
 */
export function partsOf(schema: TSchema | undefined, json: Json | undefined): readonly Part[] | undefined {
  if (schema === undefined) return undefined
  if (KindGuard.IsArray(schema)) return isJsonArray(json) ? itemsOf(schema, json) : undefined
  if (!(KindGuard.IsObject(schema) || KindGuard.IsRecord(schema)) || !isJsonObject(json)) return undefined
  return isAtomicObject(schema) ? undefined : membersOf(schema, json)
}

function membersOf(schema: TObject | TRecord, object: JsonObject): readonly Part[] {
  const isField = KindGuard.IsObject(schema)
  const parts: Part[] = []
  for (const [name, json] of Object.entries(object)) {
    const known = schemaOf(schema, name)
    if (known !== undefined && json === null) continue
    parts.push({ element: memberElement(name), schema: known, json, isField, keyElements: [] })
  }
  return parts
}

function itemsOf(schema: TArray, items: readonly Json[]): readonly Part[] | undefined {
  const type = listTypeOf(schema)
  if (type.kind === 'atomic') return undefined
  const keyElements = type.kind === 'map' ? type.keys.map(memberElement) : []
  const parts: Part[] = []
  for (const json of items) {
    const element = type.kind === 'set' ? itemElement(json) : elementByKeys(json, type.keys)
    if (element === undefined) return undefined
    parts.push({ element, schema: schema.items, json, isField: false, keyElements })
  }
  const areDistinct = type.kind === 'set' || new Set(parts.map(({ element }) => element)).size === parts.length
  return areDistinct ? parts : undefined
}

/** The members of an item that tell it apart, as far as it has them. */
export function keysOf(item: JsonObject, keys: readonly string[]): JsonObject {
  return jsonObject(
    keys.flatMap((key) => {
      const value = item[key]
      return value === undefined || value === null ? [] : [[key, value] as const]
    }),
  )
}

/** Undefined: the item does not have these keys. */
function elementByKeys(item: Json, keys: readonly string[]): string | undefined {
  if (!isJsonObject(item)) return undefined
  const found = keysOf(item, keys)
  const element = keyElement(found)
  return Object.keys(found).length === keys.length && element.length <= keysLengthMax ? element : undefined
}
