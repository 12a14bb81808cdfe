import assert from 'node:assert/strict'
import { isJsonObject, isOmitted, type Json, type JsonObject, jsonObject, metadataMembers } from '../../model/index.ts'
import type { Revision } from '../../plan/index.ts'
import { apiVersion, type ServedKind, type StoredObject } from '../kind.ts'
import { objectIn } from './json.ts'

/**
 * An object as clients see it: what is stored, with the defaults of fields that are not, and with `revision` as its
 * resourceVersion. Without a revision the object is one that a dry run would have stored.
 */
export function present<Value extends StoredObject>(
  kind: ServedKind<Value>,
  value: Value,
  revision: Revision | undefined,
): JsonObject {
  const { kind: _, apiVersion: __, ...rest } = value.object
  return jsonObject([
    ['kind', kind.kind],
    ['apiVersion', apiVersion],
    ...Object.entries(rest),
    ['metadata', inOrder(objectIn(value.object, 'metadata'), revision)],
    ['spec', kind.withDefaults(objectIn(value.object, 'spec'))],
  ])
}

/**
 * The value that `object`, in which nothing is wrong, will be read back as once it is stored. Empty fields that the client gave are not
 * stored, but kept in the value, so that the answer is what was sent.
 */
export function parseObject<Value extends StoredObject>(kind: ServedKind<Value>, object: JsonObject): Value {
  const parsed = kind.parse(object)
  assert(parsed.ok, 'an object that was found valid can be stored')
  return withEmptyFields(parsed.value, objectIn(object, 'spec'))
}

/**
 * The value with those empty fields of `spec` that its own spec lacks: false, 0, and texts, lists and objects without content. Go
 * stores none of them, and they mean the same as no field; but a client that compares what it sent with what it gets sees a difference.
 */
export function withEmptyFields<Value extends StoredObject>(value: Value, spec: JsonObject): Value {
  const stored = objectIn(value.object, 'spec')
  const missing = Object.entries(spec).filter(([name, field]) => !Object.hasOwn(stored, name) && isEmpty(field))
  if (missing.length === 0) return value
  const object = jsonObject<Json>([
    ...Object.entries(value.object),
    ['spec', jsonObject([...Object.entries(stored), ...missing])],
  ])
  return { ...value, object }
}

function isEmpty(json: Json): boolean {
  if (json === null) return false
  return isJsonObject(json) ? Object.keys(json).length === 0 : isOmitted(json)
}

/** The metadata in Kubernetes' order, and what is not known there after it. */
function inOrder(metadata: JsonObject, revision: Revision | undefined): JsonObject {
  const members = new Map<string, Json>(Object.entries(metadata))
  if (revision !== undefined) members.set('resourceVersion', String(revision))
  const known = metadataMembers.flatMap((name) => {
    const value = members.get(name)
    members.delete(name)
    return value === undefined ? [] : [[name, value] as const]
  })
  return jsonObject([...known, ...members])
}
