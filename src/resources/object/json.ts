import { isJsonArray, isJsonObject, type Json, JsonNumber, type JsonObject, jsonObject } from '../../model/index.ts'

/** A member that is an object; an empty object if it is absent or of another type. */
export function objectIn(object: JsonObject | undefined, member: string): JsonObject {
  const value = object?.[member]
  return isJsonObject(value) ? value : jsonObject([])
}

/** A member that is a text; empty if it is absent or of another type. */
export function textIn(object: JsonObject, member: string): string {
  const value = object[member]
  return typeof value === 'string' ? value : ''
}

/** True if two values are equal, regardless of the order of members and the spelling of numbers. Undefined equals only undefined. */
export function sameJson(one: Json | undefined, other: Json | undefined): boolean {
  if (isJsonArray(one)) {
    return isJsonArray(other) && one.length === other.length && one.every((item, index) => sameJson(item, other[index]))
  }
  if (isJsonObject(one)) {
    const names = Object.keys(one)
    if (!isJsonObject(other) || names.length !== Object.keys(other).length) return false
    return names.every((name) => Object.hasOwn(other, name) && sameJson(one[name], other[name]))
  }
  return plain(one) === plain(other)
}

function plain(json: Json | undefined): Json | undefined {
  return json instanceof JsonNumber ? Number(json.text) : json
}
