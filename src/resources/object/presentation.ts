import { isJsonObject, type Json, type JsonObject, jsonObject, metadataMembers } from '../../model/index.ts'
import type { Revision } from '../../plan/index.ts'
import { apiVersion, type ServedKind, type StoredObject } from '../kind.ts'

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

/** A member that should be an object; empty when it is not. */
export function objectIn(object: JsonObject | undefined, member: string): JsonObject {
  const value = object?.[member]
  return isJsonObject(value) ? value : jsonObject([])
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
