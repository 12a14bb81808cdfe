import { type Decoded, shorten } from '../../plan/index.ts'
import { parseTime } from '../time.ts'
import {
  isJsonArray,
  isJsonObject,
  type Json,
  JsonNumber,
  type JsonObject,
  jsonObject,
  stringifyJson,
  stringifyMembers,
} from './json.ts'
import { parseJson } from './parser.ts'

/**
 * Reads JSON objects as Go's encoding/json reads structs: names match in any case, null means absent, and a value of the wrong type makes
 * the whole object unreadable. Unlike Go, it keeps unknown fields.
 * @see docs/calico/formats.md section 2.1
 */

/** The known fields of a struct, in the order in which Go writes them. */
export interface FieldNames {
  readonly ordered: readonly string[]
  readonly exact: ReadonlySet<string>
  readonly byFoldedName: ReadonlyMap<string, string>
}

/** The fields of an object, its known ones spelled as Go spells them, and the unknown ones alone: keep them and write them back. */
export interface Struct {
  readonly fields: JsonObject
  readonly unknownFields: JsonObject
}

/** A problem of a stored value. The readers of this file throw it, and {@link decodeJson} returns it. */
export class Malformed extends Error {}

/** No unknown fields. */
export const noFields: JsonObject = Object.freeze(jsonObject([]))

/** Declares the fields of a struct, in Go's order. */
export function declareFields(...ordered: readonly string[]): FieldNames {
  return { ordered, exact: new Set(ordered), byFoldedName: new Map(ordered.map((name) => [name.toLowerCase(), name])) }
}

/** Parses `text` and makes a value of it with `read`. If `read` throws {@link Malformed}, returns its message as the problem. */
export function decodeJson<Value>(text: string, read: (json: Json) => Value): Decoded<Value> {
  const parsed = parseJson(text)
  if (!parsed.ok) return { ok: false, problem: `not JSON: ${parsed.problem}` }
  try {
    return { ok: true, value: read(parsed.value) }
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, problem: error.message }
    throw error
  }
}

/** Reads an object and separates its unknown fields. Problems name the object by `path`. */
export function readStruct(json: Json | undefined, names: FieldNames, path: string): Struct {
  const object = readObject(json, path) ?? noFields
  if (isAllExact(object, names)) return { fields: object, unknownFields: noFields }
  const fields = spell(object, names)
  const unknown = Object.entries(fields).filter(([name]) => !names.exact.has(name))
  return { fields, unknownFields: unknown.length === 0 ? noFields : jsonObject(unknown) }
}

/** Renames known fields to Go's spelling. Of several spellings of one field, the last counts. */
export function spell(object: JsonObject, names: FieldNames): JsonObject {
  if (isAllExact(object, names)) return object
  return jsonObject(
    Object.entries(object).map(([name, value]) => [names.byFoldedName.get(name.toLowerCase()) ?? name, value]),
  )
}

/** True if every name is a known one in Go's spelling. That holds for nearly every object, and saves the copy. */
function isAllExact(object: JsonObject, names: FieldNames): boolean {
  // Objects of this folder inherit no names. No list of names is made, because a server reads a million objects when it starts.
  for (const name in object) if (!names.exact.has(name)) return false
  return true
}

/** Reads a string; undefined if it is null or absent. */
export function readString(json: Json | undefined, path: string): string | undefined {
  if (json === undefined || json === null) return undefined
  if (typeof json !== 'string') throw mismatch(path, 'a string', json)
  return json
}

/** Reads a boolean; false if it is null or absent. */
export function readBoolean(json: Json | undefined, path: string): boolean {
  if (json === undefined || json === null) return false
  if (typeof json !== 'boolean') throw mismatch(path, 'true or false', json)
  return json
}

/** Reads a whole number that a JavaScript number represents exactly; 0 if it is null or absent. */
export function readInteger(json: Json | undefined, path: string): number {
  if (json === undefined || json === null) return 0
  if (typeof json !== 'number' || !Number.isInteger(json)) throw mismatch(path, 'a whole number', json)
  return json
}

/** Reads an unsigned 64-bit number with all its digits; 0 if it is null or absent. */
export function readUint64(json: Json | undefined, path: string): bigint {
  if (json === undefined || json === null) return 0n
  const text = json instanceof JsonNumber ? json.text : typeof json === 'number' ? String(json) : ''
  const value = /^[0-9]+$/.test(text) ? BigInt(text) : uint64Max + 1n
  if (value > uint64Max) throw mismatch(path, 'a whole number from 0 to 2^64 - 1', json)
  return value
}

const uint64Max = 2n ** 64n - 1n

/** Reads an RFC 3339 time and returns its text; undefined if it is null or absent. */
export function readTime(json: Json | undefined, path: string): string | undefined {
  const text = readString(json, path)
  if (text !== undefined && parseTime(text) === undefined)
    throw mismatch(path, 'a time such as 2026-11-23T04:00:00Z', text)
  return text
}

/** Reads an object; undefined if it is null or absent. */
export function readObject(json: Json | undefined, path: string): JsonObject | undefined {
  if (json === undefined || json === null) return undefined
  if (!isJsonObject(json)) throw mismatch(path, 'an object', json)
  return json
}

/** Reads an array; undefined if it is null or absent. */
export function readArray(json: Json | undefined, path: string): readonly Json[] | undefined {
  if (json === undefined || json === null) return undefined
  if (!isJsonArray(json)) throw mismatch(path, 'an array', json)
  return json
}

/** Reads an object with only strings as values; undefined if it is null or absent. A value of null is the empty string, as in Go. */
export function readStringMap(json: Json | undefined, path: string): Readonly<Record<string, string>> | undefined {
  const object = readObject(json, path)
  if (object === undefined || isStringMap(object)) return object
  return jsonObject(Object.entries(object).map(([name, value]) => [name, readString(value, `${path}.${name}`) ?? '']))
}

function isStringMap(object: JsonObject): object is Readonly<Record<string, string>> {
  for (const name in object) if (typeof object[name] !== 'string') return false
  return true
}

/** True if Go's `omitempty` leaves out a field with this value. An object is a pointer to a struct, and is written. */
export function isOmitted(json: Json): boolean {
  return json === null || json === '' || json === 0 || json === false || (isJsonArray(json) && json.length === 0)
}

/** Prints a struct: first `members`, whose values are JSON texts, in the order given; then the unknown fields, unchanged. */
export function stringifyStruct(
  members: readonly (readonly [name: string, valueText: string])[],
  unknownFields: JsonObject,
): string {
  const others = Object.entries(unknownFields).map(([name, value]) => [name, stringifyJson(value)] as const)
  return stringifyMembers([...members, ...others])
}

/** Makes the problem of a value that has the wrong type for its field. */
export function mismatch(path: string, wanted: string, json: Json): Malformed {
  return new Malformed(`${path}: expected ${wanted}, found ${describe(json)}`)
}

function describe(json: Json): string {
  if (isJsonArray(json)) return 'an array'
  if (isJsonObject(json)) return 'an object'
  if (json instanceof JsonNumber) return shorten(json.text, shownMax)
  return shorten(JSON.stringify(json), shownMax)
}

/** The number of characters of a wrong value that a problem quotes. */
const shownMax = 60
