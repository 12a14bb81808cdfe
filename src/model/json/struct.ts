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
 * Reading JSON objects as Go's encoding/json reads structs: names are matched case-insensitively, null means "not
 * there", and a value of the wrong type makes the whole object unreadable. Unlike Go, what is not known is kept.
 * @see docs/calico/formats.md section 2.1
 */

/** The fields that a struct knows, in the order in which Go writes them. */
export interface FieldNames {
  readonly ordered: readonly string[]
  readonly exact: ReadonlySet<string>
  readonly byFoldedName: ReadonlyMap<string, string>
}

/**
 * An object, its known fields spelt as Go spells them, and apart those that are not known: keep them, and write them
 * back.
 */
export interface Struct {
  readonly fields: JsonObject
  readonly unknownFields: JsonObject
}

/**
 * What is wrong with a stored value. Thrown by the readers of this file, and turned into a problem by {@link
 * decodeJson}.
 */
export class Malformed extends Error {}

/** No unknown fields. */
export const noFields: JsonObject = Object.freeze(jsonObject([]))

/** Declares the fields of a struct, in Go's order. */
export function fieldNames(...ordered: readonly string[]): FieldNames {
  return { ordered, exact: new Set(ordered), byFoldedName: new Map(ordered.map((name) => [name.toLowerCase(), name])) }
}

/** Parses `text` and lets `read` make a value of it; a {@link Malformed} thrown by `read` becomes the problem. */
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

/** Sorts the members of an object. `path` names the object in problems. */
export function readStruct(json: Json | undefined, names: FieldNames, path: string): Struct {
  const object = readObject(json, path) ?? noFields
  if (isAllExact(object, names)) return { fields: object, unknownFields: noFields }
  const fields = spell(object, names)
  const unknown = Object.entries(fields).filter(([name]) => !names.exact.has(name))
  return { fields, unknownFields: unknown.length === 0 ? noFields : jsonObject(unknown) }
}

/** The object with its known fields spelt as Go spells them; of several spellings of one field the last counts. */
export function spell(object: JsonObject, names: FieldNames): JsonObject {
  if (isAllExact(object, names)) return object
  return jsonObject(
    Object.entries(object).map(([name, value]) => [names.byFoldedName.get(name.toLowerCase()) ?? name, value]),
  )
}

/** Whether no name of the object is unknown or spelt in another way: so is nearly every object, and it needs no copy. */
function isAllExact(object: JsonObject, names: FieldNames): boolean {
  // Objects of this folder inherit no names. There are a million of these at a start: no list is made of them.
  for (const name in object) if (!names.exact.has(name)) return false
  return true
}

/** A string; undefined when null or not there. */
export function readString(json: Json | undefined, path: string): string | undefined {
  if (json === undefined || json === null) return undefined
  if (typeof json !== 'string') throw mismatch(path, 'a string', json)
  return json
}

/** A boolean; false when null or not there. */
export function readBoolean(json: Json | undefined, path: string): boolean {
  if (json === undefined || json === null) return false
  if (typeof json !== 'boolean') throw mismatch(path, 'true or false', json)
  return json
}

/** A whole number within the exact range of JavaScript numbers; 0 when null or not there. */
export function readInteger(json: Json | undefined, path: string): number {
  if (json === undefined || json === null) return 0
  if (typeof json !== 'number' || !Number.isInteger(json)) throw mismatch(path, 'a whole number', json)
  return json
}

/** An unsigned 64-bit number, every digit kept; 0 when null or not there. */
export function readUint64(json: Json | undefined, path: string): bigint {
  if (json === undefined || json === null) return 0n
  const text = json instanceof JsonNumber ? json.text : typeof json === 'number' ? String(json) : ''
  const value = /^[0-9]+$/.test(text) ? BigInt(text) : uint64Max + 1n
  if (value > uint64Max) throw mismatch(path, 'a whole number from 0 to 2^64 - 1', json)
  return value
}

const uint64Max = 2n ** 64n - 1n

/** A time as RFC 3339 has it, kept as it is written; undefined when null or not there. */
export function readTime(json: Json | undefined, path: string): string | undefined {
  const text = readString(json, path)
  if (text !== undefined && parseTime(text) === undefined)
    throw mismatch(path, 'a time such as 2026-11-23T04:00:00Z', text)
  return text
}

/** An object; undefined when null or not there. */
export function readObject(json: Json | undefined, path: string): JsonObject | undefined {
  if (json === undefined || json === null) return undefined
  if (!isJsonObject(json)) throw mismatch(path, 'an object', json)
  return json
}

/** An array; undefined when null or not there. */
export function readArray(json: Json | undefined, path: string): readonly Json[] | undefined {
  if (json === undefined || json === null) return undefined
  if (!isJsonArray(json)) throw mismatch(path, 'an array', json)
  return json
}

/**
 * An object whose values are all strings (null reads as the empty string, as in Go); undefined when null or not there.
 */
export function readStringMap(json: Json | undefined, path: string): Readonly<Record<string, string>> | undefined {
  const object = readObject(json, path)
  if (object === undefined || isStringMap(object)) return object
  return jsonObject(Object.entries(object).map(([name, value]) => [name, readString(value, `${path}.${name}`) ?? '']))
}

function isStringMap(object: JsonObject): object is Readonly<Record<string, string>> {
  for (const name in object) if (typeof object[name] !== 'string') return false
  return true
}

/** Whether Go's `omitempty` leaves out a field with this value. An object is a pointer to a struct, and is written. */
export function isOmitted(json: Json): boolean {
  return json === null || json === '' || json === 0 || json === false || (isJsonArray(json) && json.length === 0)
}

/** The text of a struct: `members` (values as JSON texts) in the order given, then what nobody knows, as it was. */
export function stringifyStruct(
  members: readonly (readonly [name: string, valueText: string])[],
  unknownFields: JsonObject,
): string {
  const others = Object.entries(unknownFields).map(([name, value]) => [name, stringifyJson(value)] as const)
  return stringifyMembers([...members, ...others])
}

/** What to say of a value that is not of the type that its field needs. */
export function mismatch(path: string, wanted: string, json: Json): Malformed {
  return new Malformed(`${path}: expected ${wanted}, found ${describe(json)}`)
}

function describe(json: Json): string {
  if (isJsonArray(json)) return 'an array'
  if (isJsonObject(json)) return 'an object'
  if (json instanceof JsonNumber) return json.text
  return shorten(JSON.stringify(json), shownMax)
}

/** How much of a wrong string a problem shows. */
const shownMax = 60
