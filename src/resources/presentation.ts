import type { Revision } from '../datastore/index.ts'
import { isJsonObject, type Json, type JsonObject, jsonObject } from '../model/index.ts'
import { apiVersion, type ServedKind, type StoredObject } from './kind.ts'

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
    ['metadata', withResourceVersion(objectIn(value.object, 'metadata'), revision)],
    ['spec', kind.withDefaults(objectIn(value.object, 'spec'))],
  ])
}

/** A member that should be an object; empty when it is not. */
export function objectIn(object: JsonObject | undefined, member: string): JsonObject {
  const value = object?.[member]
  return isJsonObject(value) ? value : jsonObject([])
}

/** After the UID, where Kubernetes writes it. */
function withResourceVersion(metadata: JsonObject, revision: Revision | undefined): JsonObject {
  if (revision === undefined) return metadata
  const members: (readonly [string, Json])[] = Object.entries(metadata)
  const at = members.findIndex(([name]) => name === 'uid') + 1
  return jsonObject(members.toSpliced(at, 0, ['resourceVersion', String(revision)]))
}
