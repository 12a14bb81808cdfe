import { KindGuard, type TArray, type TObject, type TRecord, type TSchema } from '@sinclair/typebox'
import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonObject } from '../../model/index.ts'
import type { Cause } from '../../plan/index.ts'
import { duplicate, fieldPath, isAtomicObject, listTypeOf, required, schemaOf } from '../object/index.ts'
import { itemElement, keyElement, memberElement } from './field-set.ts'

/** A part of a value that can have managers of its own. */
export interface ManagedPart {
  /** Its path element. */
  readonly element: string
  /** Undefined for an unknown member. */
  readonly schema: TSchema | undefined
  readonly json: Json
  /** True for a field of a struct, which Go leaves out if it is empty. */
  readonly isField: boolean
  /** For an item of a map: the path elements of its keys. */
  readonly keyElements: readonly string[]
}

/** The most characters of an item's keys. The path of every leaf in the item repeats them. */
export const keysLengthMax = 400

/**
 * The parts of a granular object, or of a list that is a set or a map. A member that is null counts as absent. Undefined if the value is
 * managed as a whole. That includes a map whose items cannot be told apart, and a value without a schema.
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

/** The keys of an item, without those that it lacks. */
function keysOf(item: JsonObject, keys: readonly string[]): JsonObject {
  return jsonObject(
    keys.flatMap((key) => {
      const value = item[key]
      return value === undefined || value === null ? [] : [[key, value] as const]
    }),
  )
}

/** The path element of a map's item; undefined if it lacks a key. */
function elementByKeys(item: Json, keys: readonly string[]): string | undefined {
  if (!isJsonObject(item)) return undefined
  const found = keysOf(item, keys)
  const element = keyElement(found)
  return Object.keys(found).length === keys.length && element.length <= keysLengthMax ? element : undefined
}

/** Checks the sets and maps of an applied configuration. Returns a cause for each item that is repeated or lacks a key. */
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
      // The check against the schema reports an item of the wrong type.
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
