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
  if (one instanceof JsonNumber || other instanceof JsonNumber) {
    const digits = digitsOf(one)
    return digits !== undefined && digits === digitsOf(other)
  }
  return one === other
}

/** The same text for every spelling of a number, however large: its digits without zeros at the ends, and their power of ten. */
function digitsOf(json: Json | undefined): string | undefined {
  if (typeof json !== 'number' && !(json instanceof JsonNumber)) return undefined
  const text = json instanceof JsonNumber ? json.text : String(json)
  const sign = text.startsWith('-') ? '-' : ''
  const [mantissa = '', power = '0'] = text.slice(sign.length).split(/e/i)
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  if (digits === '') return '0'
  // Not by a pattern: a text of a million zeros would take hours.
  let end = digits.length
  while (digits[end - 1] === '0') end -= 1
  return `${sign}${digits.slice(0, end)}e${String(Number(power) - fraction.length + digits.length - end)}`
}
