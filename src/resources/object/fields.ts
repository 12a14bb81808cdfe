import { KindGuard, OptionalKind, type TObject, type TRecord, type TSchema, Type } from '@sinclair/typebox'
import { isJsonArray, isJsonObject, isOmitted, type Json, type JsonObject, jsonObject } from '../../model/index.ts'
import type { Cause } from '../../plan/index.ts'
import { wrongType } from './causes.ts'
import { sameJson } from './json.ts'

/** What became of an object that was held against a schema. */
export interface Checked {
  /** What may be stored: known fields of the right type, and the unknown ones that were stored before. */
  readonly object: JsonObject
  /** The paths of what the schema does not know, and of what would change it. */
  readonly unknown: readonly string[]
  /** One cause for each field of the wrong JSON type. */
  readonly causes: readonly Cause[]
}

/** How to hold an object against a schema. */
export interface CheckOptions {
  /** The path of the object, such as `spec`; empty for a whole resource. */
  readonly path: string
  /** What is stored in its place. */
  readonly stored?: JsonObject | undefined
  /** Whether what is not there has been removed on purpose, as in the outcome of a patch. */
  readonly isComplete: boolean
}

/**
 * Sorts out the fields of `object`. A field that is null counts as not given.
 *
 * A field that ippoold does not know is never taken from a client, and never taken from the store either: a newer Calico wrote it,
 * and what it means is not known here. So it stays as it is, whether a client leaves it out or sends it back; asking for another
 * value, or for its removal by a patch, counts as unknown.
 */
export function checkFields(
  schema: TObject | TRecord,
  object: JsonObject,
  { path, stored, isComplete }: CheckOptions,
): Checked {
  const findings: Findings = { unknown: [], causes: [] }
  const members: [string, Json][] = []

  for (const [name, value] of Object.entries(object)) {
    const known = schemaOf(schema, name)
    if (known === undefined) {
      if (!isStored(stored, name, value)) findings.unknown.push(fieldPath(path, name))
    } else if (value !== null) {
      const checked = checkValue(known, value, fieldPath(path, name), findings)
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

/** The value without what is not known in it; undefined when it, or something in it, is of the wrong type. */
function checkValue(schema: TSchema, value: Json, path: string, findings: Findings): Json | undefined {
  const wanted = typeNames.find(([isOfKind]) => isOfKind(schema))
  if (wanted === undefined) return value
  const [, name, holds] = wanted
  const before = findings.causes.length
  const checked = holds(value) ? checkInside(schema, value, path, findings) : undefined
  if (checked === undefined) findings.causes.push(wrongType(path, value, name))
  return findings.causes.length === before ? checked : undefined
}

function checkInside(schema: TSchema, value: Json, path: string, findings: Findings): Json {
  if (isJsonArray(value) && KindGuard.IsArray(schema)) {
    const items = value.map((item, index) => checkValue(schema.items, item, `${path}[${String(index)}]`, findings))
    return items.filter((item) => item !== undefined)
  }
  if (!isJsonObject(value) || !(KindGuard.IsObject(schema) || KindGuard.IsRecord(schema))) return value
  const inside = checkFields(schema, value, { path, isComplete: false })
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

/** The schema of a member; undefined when there is none of this name. A map, and an object left open, know every name. */
export function schemaOf(schema: TObject | TRecord, name: string): TSchema | undefined {
  if (KindGuard.IsRecord(schema)) return Object.values(schema.patternProperties)[0]
  if (Object.hasOwn(schema.properties, name)) return schema.properties[name]
  return schema.additionalProperties === true ? anything : undefined
}

function isStored(stored: JsonObject | undefined, name: string, value: Json): boolean {
  const before = stored !== undefined && Object.hasOwn(stored, name) ? stored[name] : undefined
  return before !== undefined && sameJson(before, value)
}

/** A field's path as Kubernetes writes it; the name of a map's member, which may hold dots, stands in brackets. */
export function fieldPath(path: string, name: string): string {
  if (path === '') return name
  return /^[A-Za-z_]\w*$/.test(name) ? `${path}.${name}` : `${path}[${name}]`
}

/**
 * `json` as Go writes the struct that `schema` describes: fields in the order of the schema, those that are optional left out when
 * they are empty, those that are not, all of them texts, written in any case. What the schema does not know, and what is not of its
 * type, stays as it is.
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
