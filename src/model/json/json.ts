import assert from 'node:assert/strict'

/**
 * JSON without losses. `JSON.parse` rounds Calico's sequence numbers, which are nanoseconds since 1970 and far beyond 2^53, and its
 * objects inherit from `Object.prototype`. Here every number keeps its digits, and no name of a member is special.
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | JsonNumber | readonly Json[] | JsonObject

/**
 * A JSON object. The objects that this folder makes inherit no names, so `__proto__` and `constructor` are ordinary names in them. As in
 * every JavaScript object, names that are small integers come first, in ascending order.
 */
export interface JsonObject {
  readonly [name: string]: Json
}

/** A number that a JavaScript number cannot represent exactly, or would print differently. `text` is the number as it was written. */
export class JsonNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Reads a number of JSON: a {@link JsonNumber} unless a JavaScript number is exactly this one and prints as `text`. */
export function readNumber(text: string): number | JsonNumber {
  const number = Number(text)
  const isExact = Number.isSafeInteger(number) || !Number.isInteger(number)
  return isExact && String(number) === text ? number : new JsonNumber(text)
}

/**
 * Prints compact JSON. Strings are escaped as in Go's encoding/json, which also escapes `<`, `>`, `&`, U+2028 and U+2029. Members keep the
 * order of the object.
 * @see docs/calico/formats.md section 2.1
 */
export function stringifyJson(json: Json): string {
  if (typeof json === 'string') return stringifyString(json)
  assert(typeof json !== 'number' || Number.isFinite(json), 'JSON has no NaN and no infinity')
  if (json === null || typeof json !== 'object') return String(json)
  if (json instanceof JsonNumber) return json.text
  if (isJsonArray(json)) return `[${json.map(stringifyJson).join(',')}]`
  return stringifyMembers(Object.entries(json).map(([name, value]) => [name, stringifyJson(value)]))
}

/** Prints one string, quoted and escaped as in Go. */
export function stringifyString(text: string): string {
  if (!needsEscape.test(text)) return `"${text}"`
  return JSON.stringify(text).replace(escapedByGoOnly, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** Prints an object whose members have JSON texts as values. Members keep the order of the list. */
export function stringifyMembers(members: readonly (readonly [name: string, valueText: string])[]): string {
  return `{${members.map(([name, valueText]) => `${stringifyString(name)}:${valueText}`).join(',')}}`
}

/** Makes an object with these members and no inherited names. Of several members with the same name, the last one counts. */
export function jsonObject<Value extends Json>(
  members: Iterable<readonly [name: string, value: Value]>,
): { readonly [name: string]: Value } {
  const object: Record<string, Value> = new BareObject()
  for (const [name, value] of members) object[name] = value
  return object
}

/** True if `json` is an object: not null, no array and no {@link JsonNumber}. */
export function isJsonObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !isJsonArray(json) && !(json instanceof JsonNumber)
}

/** True if `json` is an array. */
export function isJsonArray(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json)
}

/**
 * Orders texts by their UTF-8 bytes, as Go orders the names of a map. JavaScript itself orders by UTF-16 units, which differs between
 * surrogates and the characters U+E000 to U+FFFF.
 */
export function compareBytewise(one: string, other: string): number {
  const length = Math.min(one.length, other.length)
  for (let at = 0; at < length; at++) {
    const unit = one.charCodeAt(at)
    const otherUnit = other.charCodeAt(at)
    if (unit !== otherUnit) return rank(unit) - rank(otherUnit)
  }
  return one.length - other.length
}

/** Ranks surrogates above all other units, because they stand for characters beyond U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

const needsEscape = /["\\<>&\u0000-\u001f\u2028\u2029\ud800-\udfff]/
const escapedByGoOnly = /[<>&\u2028\u2029]/g

/** An object without inherited names. A class, because V8 gives its instances a hidden class; `Object.create(null)` gets none. */
export class BareObject {
  [name: string]: never

  static {
    Object.setPrototypeOf(this.prototype, null)
    Reflect.deleteProperty(this.prototype, 'constructor')
  }
}
