import { KindGuard, OptionalKind, type TObject, type TRecord, type TSchema, Type } from '@sinclair/typebox'
import {
  isJsonArray,
  isJsonObject,
  isOmitted,
  type Json,
  JsonNumber,
  type JsonObject,
  jsonObject,
} from '../../model/index.ts'
import type { Cause } from '../../plan/index.ts'
import { wrongType } from './causes.ts'
import { sameJson } from './json.ts'

/** The result of checking an object against a schema. */
export interface Checked {
  /** The object to store: known fields of the right type, and unknown ones that are stored already. */
  readonly object: JsonObject
  /** The paths of unknown fields that the object would add, change or remove. */
  readonly unknown: readonly string[]
  /** One cause for each field of the wrong JSON type. */
  readonly causes: readonly Cause[]
}

/** How to check an object against a schema. */
export interface CheckOptions {
  /** The path of the object, such as `spec`; empty for a whole resource. */
  readonly path: string
  /** The stored object that it replaces. */
  readonly stored?: JsonObject | undefined
  /** True if an absent field was removed on purpose, as in a patched object. */
  readonly isComplete: boolean
  /** True if null is a value of the wrong type; unless given, a field that is null counts as absent. */
  readonly refusesNull?: boolean | undefined
}

/**
 * Checks the fields of `object` against a schema.
 *
 * Fields that the schema does not know are never taken from a client, and never removed from the store: a newer Calico wrote them, and
 * their meaning is not known here. A stored one stays as it is, whether the client leaves it out or sends it back. A client that sends
 * another value, or removes it with a patch, gets it reported as unknown.
 */
export function checkFields(
  schema: TObject | TRecord,
  object: JsonObject,
  { path, stored, isComplete, refusesNull = false }: CheckOptions,
): Checked {
  const findings: Findings = { unknown: [], causes: [] }
  const options = { refusesNull, findings }
  const members: [string, Json][] = []

  for (const [name, value] of Object.entries(object)) {
    const known = schemaOf(schema, name)
    if (known === undefined) {
      if (!isStored(stored, name, value)) findings.unknown.push(fieldPath(path, name))
    } else if (value !== null || refusesNull) {
      const checked = checkValue(known, value, fieldPath(path, name), options)
      if (checked !== undefined) members.push([name, checked])
    }
  }
  for (const [name, value] of Object.entries(stored ?? {})) {
    if (schemaOf(schema, name) !== undefined) continue
    members.push([name, value])
    if (isComplete && !Object.hasOwn(object, name)) findings.unknown.push(fieldPath(path, name))
  }
  return { object: jsonObject(members), ...findings }
}

interface Findings {
  readonly unknown: string[]
  readonly causes: Cause[]
}

interface ValueOptions {
  readonly refusesNull: boolean
  readonly findings: Findings
}

/** Returns the value without its unknown fields; undefined if it, or something in it, has the wrong type. */
function checkValue(schema: TSchema, value: Json, path: string, options: ValueOptions): Json | undefined {
  const wanted = typeNames.find(([isOfKind]) => isOfKind(schema))
  if (wanted === undefined) return value
  const [, name, holds] = wanted
  const { findings } = options
  const before = findings.causes.length
  const known = KindGuard.IsInteger(schema) ? integerOf(value) : value
  const checked = holds(known) ? checkInside(schema, known, path, options) : undefined
  if (checked === undefined) findings.causes.push(wrongType(path, value, name))
  return findings.causes.length === before ? checked : undefined
}

/** A whole number in another spelling, such as 26.0, as the plain number that is stored. */
function integerOf(value: Json): Json {
  const number = value instanceof JsonNumber ? Number(value.text) : NaN
  return Number.isSafeInteger(number) ? number : value
}

function checkInside(schema: TSchema, value: Json, path: string, options: ValueOptions): Json {
  if (isJsonArray(value) && KindGuard.IsArray(schema)) {
    const items = value.map((item, index) => checkValue(schema.items, item, `${path}[${String(index)}]`, options))
    return items.filter((item) => item !== undefined)
  }
  if (!isJsonObject(value) || !(KindGuard.IsObject(schema) || KindGuard.IsRecord(schema))) return value
  const { refusesNull, findings } = options
  const inside = checkFields(schema, value, { path, isComplete: false, refusesNull })
  findings.unknown.push(...inside.unknown)
  findings.causes.push(...inside.causes)
  return inside.object
}

const typeNames: readonly (readonly [
  isOfKind: (schema: TSchema) => boolean,
  name: string,
  holds: (value: Json) => boolean,
])[] = [
  [KindGuard.IsObject, 'an object', isJsonObject],
  [KindGuard.IsRecord, 'an object', isJsonObject],
  [KindGuard.IsArray, 'a list', isJsonArray],
  [KindGuard.IsString, 'a string', (value) => typeof value === 'string'],
  [KindGuard.IsBoolean, 'true or false', (value) => typeof value === 'boolean'],
  [KindGuard.IsInteger, 'a whole number', (value) => Number.isSafeInteger(value)],
]

const anything = Type.Unknown()

/** The schema of a member; undefined if the name is unknown. Maps and open objects know every name. */
export function schemaOf(schema: TObject | TRecord, name: string): TSchema | undefined {
  if (KindGuard.IsRecord(schema)) return Object.values(schema.patternProperties)[0]
  if (Object.hasOwn(schema.properties, name)) return schema.properties[name]
  return schema.additionalProperties === true ? anything : undefined
}

function isStored(stored: JsonObject | undefined, name: string, value: Json): boolean {
  const before = stored !== undefined && Object.hasOwn(stored, name) ? stored[name] : undefined
  return before !== undefined && sameJson(before, value)
}

/** The path of a field as Kubernetes writes it. The name of a map's member, which may have dots, stands in brackets. */
export function fieldPath(path: string, name: string): string {
  if (path === '') return name
  return /^[A-Za-z_]\w*$/.test(name) ? `${path}.${name}` : `${path}[${name}]`
}

/**
 * Brings `json` into the form in which Go writes the struct that `schema` describes: fields in the order of the schema, without optional
 * fields that are empty, with required ones always (all required fields are texts). Unknown fields, and values of the wrong type, stay as
 * they are.
 */
export function goForm(schema: TSchema, json: Json): Json {
  if (KindGuard.IsArray(schema) && isJsonArray(json)) return json.map((item) => goForm(schema.items, item))
  if (!KindGuard.IsObject(schema) || !isJsonObject(json)) return json
  const known = Object.entries(schema.properties).flatMap(([name, property]) => {
    const value = json[name] ?? null
    if (OptionalKind in property && isOmitted(value)) return []
    return [[name, value === null ? '' : goForm(property, value)] as const]
  })
  return jsonObject([...known, ...Object.entries(json).filter(([name]) => !Object.hasOwn(schema.properties, name))])
}
