import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonObject } from '../../model/index.ts'
import type { StoredObject } from '../kind.ts'
import { objectIn } from './presentation.ts'

/**
 * The object with the empty fields of `spec` that its own lacks: false, 0, and what has nothing in it. Go stores none of them, and they
 * mean the same as no field at all; but a client that compares what it sent with what it gets sees a difference.
 */
export function withEmptyFields<Value extends StoredObject>(value: Value, spec: JsonObject): Value {
  const stored = objectIn(value.object, 'spec')
  const missing = Object.entries(spec).filter(([name, field]) => !Object.hasOwn(stored, name) && isEmpty(field))
  if (missing.length === 0) return value
  const object = jsonObject<Json>([
    ...Object.entries(value.object),
    ['spec', jsonObject([...Object.entries(stored), ...missing])],
  ])
  return { ...value, object }
}

function isEmpty(json: Json): boolean {
  if (isJsonArray(json)) return json.length === 0
  if (isJsonObject(json)) return Object.keys(json).length === 0
  return json === false || json === 0 || json === ''
}
