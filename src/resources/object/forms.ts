import assert from 'node:assert/strict'
import { isJsonObject, isOmitted, type Json, type JsonObject, jsonObject, metadataMembers } from '../../model/index.ts'
import type { Revision } from '../../plan/index.ts'
import type { ServedKind, StoredObject } from '../kind.ts'
import { objectIn } from './json.ts'

/**
 * The object as clients see it: the stored one with the defaults of absent fields, and with `revision` as its resourceVersion. The
 * outcome of a dry run has no revision.
 */
export function showObject<Value extends StoredObject>(
  kind: ServedKind<Value>,
  value: Value,
  revision: Revision | undefined,
): JsonObject {
  const { kind: _, apiVersion: __, ...rest } = value.object
  return jsonObject([
    ['kind', kind.kind],
    ['apiVersion', kind.group.apiVersion],
    ...Object.entries(rest),
    ['metadata', orderMembers(objectIn(value.object, 'metadata'), revision)],
    ['spec', kind.withDefaults(objectIn(value.object, 'spec'))],
  ])
}

/**
 * The value that a valid `object` will be read back as once it is stored. Empty fields are not stored, but stay in the value, so that
 * the response shows what the client sent.
 */
export function parseObject<Value extends StoredObject>(kind: ServedKind<Value>, object: JsonObject): Value {
  const parsed = kind.parse(object)
  assert(parsed.ok, 'a valid object can be stored')
  return withEmptyFields(parsed.value, objectIn(object, 'spec'))
}

/**
 * Adds the empty fields of `spec` that the value's own spec lacks: false, 0, and empty texts, lists and objects. Go does not store them,
 * and they mean the same as an absent field, but a client that compares what it sent with what it gets would see a difference.
 */
export function withEmptyFields<Value extends StoredObject>(value: Value, spec: JsonObject): Value {
  const stored = objectIn(value.object, 'spec')
  const missing = Object.entries(spec).filter(([name, field]) => !Object.hasOwn(stored, name) && isEmptyField(field))
  if (missing.length === 0) return value
  const object = jsonObject<Json>([
    ...Object.entries(value.object),
    ['spec', jsonObject([...Object.entries(stored), ...missing])],
  ])
  return { ...value, object }
}

function isEmptyField(json: Json): boolean {
  if (json === null) return false
  return isJsonObject(json) ? Object.keys(json).length === 0 : isOmitted(json)
}

/** The metadata in Kubernetes' order; members that Kubernetes does not know come last. */
function orderMembers(metadata: JsonObject, revision: Revision | undefined): JsonObject {
  const members = new Map<string, Json>(Object.entries(metadata))
  if (revision !== undefined) members.set('resourceVersion', String(revision))
  const known = metadataMembers.flatMap((name) => {
    const value = members.get(name)
    members.delete(name)
    return value === undefined ? [] : [[name, value] as const]
  })
  return jsonObject([...known, ...members])
}
