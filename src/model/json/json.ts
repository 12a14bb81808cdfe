import assert from 'node:assert/strict'

/**
 * JSON without losses. Calico's sequence numbers are nanoseconds since 1970, far beyond 2^53, and `JSON.parse` rounds
 * them; and an object built by `JSON.parse` inherits from `Object.prototype`. Here every number keeps its digits, and
 * every name is just a name.
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | JsonNumber | readonly Json[] | JsonObject

/**
 * A JSON object. Those made here, and those parsed, inherit no names at all, so that `__proto__` and `constructor` are
 * ordinary names in them. As in every JavaScript object, names that are small integers come first, ascending.
 */
export interface JsonObject {
  readonly [name: string]: Json
}

/**
 * A number that a JavaScript number would not hold exactly or not print back identically; `text` is the number as
 * written.
 */
export class JsonNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/**
 * The compact text of `json`, strings escaped as Go's encoding/json escapes them (`<`, `>`, `&`, U+2028 and U+2029
 * too). Members keep the order of the object.
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

/** The text of one string, quoted and escaped as Go does it. */
export function stringifyString(text: string): string {
  if (!needsEscape.test(text)) return `"${text}"`
  return JSON.stringify(text).replace(escapedByGoOnly, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** The text of an object whose members' values are JSON texts already, in the order given. */
export function stringifyMembers(members: readonly (readonly [name: string, valueText: string])[]): string {
  return `{${members.map(([name, valueText]) => `${stringifyString(name)}:${valueText}`).join(',')}}`
}

/** An object with these members and no inherited names; of several members with the same name the last one counts. */
export function jsonObject<Value extends Json>(
  members: Iterable<readonly [name: string, value: Value]>,
): { readonly [name: string]: Value } {
  const object: Record<string, Value> = new BareObject()
  for (const [name, value] of members) object[name] = value
  return object
}

/** Whether `json` is an object: neither null, nor an array, nor a number that keeps its text. */
export function isJsonObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !isJsonArray(json) && !(json instanceof JsonNumber)
}

/** Whether `json` is an array. */
export function isJsonArray(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json)
}

/**
 * Orders texts by their UTF-8 bytes, as Go orders the names of a map. JavaScript compares UTF-16 units, which differs
 * where a surrogate meets a character of U+E000 to U+FFFF.
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

/** Lifts surrogates, which stand for characters beyond U+FFFF, above all other units. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

const needsEscape = /["\\<>&\u0000-\u001f\u2028\u2029\ud800-\udfff]/
const escapedByGoOnly = /[<>&\u2028\u2029]/g

/**
 * An object without inherited names. A class, because V8 gives its instances a hidden class, which
 * `Object.create(null)` does not get.
 */
export class BareObject {
  [name: string]: never

  static {
    Object.setPrototypeOf(this.prototype, null)
    Reflect.deleteProperty(this.prototype, 'constructor')
  }
}
