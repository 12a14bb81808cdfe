import type { TSchema } from '@sinclair/typebox'
import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonObject } from '../../model/index.ts'
import { type FieldSet, pathTo, rootPath } from './field-set.ts'
import { partsOf } from './parts.ts'

/**
 * Replaces the leaves of `live` by those of `applied`. Everything else stays, in its order. New items of a list come last.
 */
export function mergeManagedFields(schema: TSchema | undefined, live: Json | undefined, applied: Json): Json {
  const parts = live === undefined ? [] : partsOf(schema, live)
  const appliedParts = partsOf(schema, applied)
  if (parts === undefined || appliedParts === undefined) return applied
  const members = new Map(parts.map(({ element, json }) => [element, json]))
  for (const { element, schema: inside, json } of appliedParts) {
    members.set(element, mergeManagedFields(inside, members.get(element), json))
  }
  return assemble(applied, members)
}

/**
 * Removes the leaves at these paths, and containers that become empty. An item of a map keeps its keys as long as it has anything else.
 */
export function removeLeaves(schema: TSchema, object: JsonObject, paths: FieldSet): JsonObject {
  const rest = removeManagedFields(schema, object, rootPath, paths, [])
  return isJsonObject(rest) ? rest : jsonObject([])
}

function removeManagedFields(
  schema: TSchema | undefined,
  json: Json,
  path: string,
  paths: FieldSet,
  keyElements: readonly string[],
): Json | undefined {
  const parts = partsOf(schema, json) ?? []
  if (parts.length === 0) return paths.has(path) ? undefined : json
  const rests = parts.map((part) => ({
    element: part.element,
    json: part.json,
    rest: removeManagedFields(part.schema, part.json, pathTo(path, part.element), paths, part.keyElements),
  }))
  if (rests.every(({ rest }) => rest === undefined)) return undefined
  const left = rests.flatMap(({ element, json: whole, rest = keyElements.includes(element) ? whole : undefined }) =>
    rest === undefined ? [] : [[element, rest] as const],
  )
  return assemble(json, new Map(left))
}

/** Builds a list or an object, like `like`, from these parts. */
function assemble(like: Json, parts: ReadonlyMap<string, Json>): Json {
  if (isJsonArray(like)) return [...parts.values()]
  return jsonObject([...parts].map(([element, json]) => [element.slice('f:'.length), json]))
}
