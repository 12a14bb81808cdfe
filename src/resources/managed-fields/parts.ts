import { KindGuard, type TArray, type TObject, type TRecord, type TSchema } from '@sinclair/typebox'
import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonObject } from '../../model/index.ts'
import type { Cause } from '../../plan/index.ts'
import { duplicate, fieldPath, isAtomicObject, listTypeOf, required, schemaOf } from '../object/index.ts'
import { itemElement, keyElement, memberElement } from './field-set.ts'

/** What can have an owner of its own inside a value. */
export interface ManagedPart {
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
export function partsOf(schema: TSchema | undefined, json: Json | undefined): readonly ManagedPart[] | undefined {
  if (schema === undefined) return undefined
  if (KindGuard.IsArray(schema)) return isJsonArray(json) ? itemsOf(schema, json) : undefined
  if (!(KindGuard.IsObject(schema) || KindGuard.IsRecord(schema)) || !isJsonObject(json)) return undefined
  return isAtomicObject(schema) ? undefined : membersOf(schema, json)
}

function membersOf(schema: TObject | TRecord, object: JsonObject): readonly ManagedPart[] {
  const isField = KindGuard.IsObject(schema)
  const parts: ManagedPart[] = []
  for (const [name, json] of Object.entries(object)) {
    const known = schemaOf(schema, name)
    if (known !== undefined && json === null) continue
    parts.push({ element: memberElement(name), schema: known, json, isField, keyElements: [] })
  }
  return parts
}

function itemsOf(schema: TArray, items: readonly Json[]): readonly ManagedPart[] | undefined {
  const type = listTypeOf(schema)
  if (type.kind === 'atomic') return undefined
  const keyElements = type.kind === 'map' ? type.keys.map(memberElement) : []
  const parts: ManagedPart[] = []
  for (const json of items) {
    const element = type.kind === 'set' ? itemElement(json) : elementByKeys(json, type.keys)
    if (element === undefined) return undefined
    parts.push({ element, schema: schema.items, json, isField: false, keyElements })
  }
  const areDistinct = type.kind === 'set' || new Set(parts.map(({ element }) => element)).size === parts.length
  return areDistinct ? parts : undefined
}

/** The members of an item that tell it apart, as far as it has them. */
function keysOf(item: JsonObject, keys: readonly string[]): JsonObject {
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

/**
 * What is wrong with the lists of an applied configuration that are sets or maps: items that are there twice, or that lack the keys
 * by which they are found.
 */
export function validateLists(schema: TSchema, json: Json | undefined, path = ''): readonly Cause[] {
  if (KindGuard.IsArray(schema)) return isJsonArray(json) ? validateList(schema, json, path) : []
  if (!(KindGuard.IsObject(schema) || KindGuard.IsRecord(schema)) || !isJsonObject(json)) return []
  return Object.entries(json).flatMap(([name, value]) => {
    const known = schemaOf(schema, name)
    return known === undefined ? [] : validateLists(known, value, fieldPath(path, name))
  })
}

function validateList(schema: TArray, items: readonly Json[], path: string): readonly Cause[] {
  const type = listTypeOf(schema)
  if (type.kind === 'atomic') return []
  const known = new Set<string>()
  return items.flatMap((item, index) => {
    const itemPath = `${path}[${String(index)}]`
    let identity = item
    if (type.kind === 'map') {
      // An item of the wrong type is blamed for that, elsewhere.
      if (!isJsonObject(item)) return []
      const keys = keysOf(item, type.keys)
      const missing = type.keys.filter((key) => !Object.hasOwn(keys, key))
      if (missing.length > 0)
        return missing.map((key) => required(`${itemPath}.${key}`, 'tells the items of the list apart'))
      identity = keys
    }
    const element = itemElement(identity)
    if (known.has(element)) return [duplicate(itemPath, identity)]
    known.add(element)
    return validateLists(schema.items, item, itemPath)
  })
}
