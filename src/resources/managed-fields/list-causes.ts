import { KindGuard, type TArray, type TSchema } from '@sinclair/typebox'
import { isJsonArray, isJsonObject, type Json } from '../../model/index.ts'
import type { Cause } from '../../plan/index.ts'
import { duplicate, required, fieldPath, schemaOf, listTypeOf } from '../object/index.ts'
import { itemElement } from './field-set.ts'
import { keysOf } from './parts.ts'

/**
 * What is wrong with the lists of an applied configuration that are sets or maps: items that are there twice, or that lack the keys
 * by which they are found.
 */
export function listCauses(schema: TSchema, json: Json | undefined, path = ''): readonly Cause[] {
  if (KindGuard.IsArray(schema)) return isJsonArray(json) ? causesOfList(schema, json, path) : []
  if (!(KindGuard.IsObject(schema) || KindGuard.IsRecord(schema)) || !isJsonObject(json)) return []
  return Object.entries(json).flatMap(([name, value]) => {
    const known = schemaOf(schema, name)
    return known === undefined ? [] : listCauses(known, value, fieldPath(path, name))
  })
}

function causesOfList(schema: TArray, items: readonly Json[], path: string): readonly Cause[] {
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
    return listCauses(schema.items, item, itemPath)
  })
}
