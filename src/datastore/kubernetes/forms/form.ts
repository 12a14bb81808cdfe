import assert from 'node:assert/strict'
import { isJsonObject, type Json, type JsonObject, jsonObject, parseJson } from '../../../model/index.ts'
import type { ObjectName } from './names.ts'

/**
 * The group in which Calico's objects are stored. `v1` is `crd.projectcalico.org/v1`, in which Calico's clients pack the metadata that
 * users see into an annotation; `v3` is `projectcalico.org/v3`, whose objects are what users see.
 */
export type CalicoGroup = 'v1' | 'v3'

/** The API versions of the groups. */
export const calicoApiVersions: Readonly<Record<CalicoGroup, string>> = {
  v1: 'crd.projectcalico.org/v1',
  v3: 'projectcalico.org/v3',
}

/** A kind of object of the API server. */
export interface ObjectKind {
  /** Such as `v1` or `projectcalico.org/v3`. */
  readonly apiVersion: string
  readonly kind: string
  /** The plural in lower case, as in URLs. */
  readonly plural: string
  /** Undefined: all namespaces, or a kind without namespaces. */
  readonly namespace?: string
}

/** An object in its family's terms: the key, and the text that the family decodes. */
export interface StoredEntry {
  readonly key: string
  readonly text: string
  /** True if a writer has marked the object as deleted. It counts as absent. It must be deleted, never revived. */
  readonly isDeleted: boolean
}

/** How the keys and values of a family are stored as objects. Pure: objects in, texts out, and back. */
export interface ObjectForm {
  readonly kind: ObjectKind
  /** Which objects of the kind; all unless given. */
  readonly labelSelector?: string
  /** The name of the object that holds `key`. */
  nameOf(key: string): ObjectName
  /** The entry of an object; undefined if the object is none of this family. */
  read(object: JsonObject): StoredEntry | undefined
  /** True if the API server chooses the uid, and keeps a status that is written apart. */
  readonly isResource?: boolean
  /**
   * The object that holds `text` under `key`, in place of `stored`. Keeps the metadata that others have given the stored object, and its
   * resourceVersion. Undefined: only read.
   */
  readonly write?: (key: string, text: string, stored: JsonObject | undefined) => JsonObject
}

/** A member of an object that is an object itself; empty if it is anything else. */
export function objectAt(object: JsonObject | undefined, name: string): JsonObject {
  const member = object?.[name]
  return isJsonObject(member) ? member : jsonObject([])
}

/** A member of an object that is a text; empty if it is anything else. */
export function textAt(object: JsonObject | undefined, name: string): string {
  const member = object?.[name]
  return typeof member === 'string' ? member : ''
}

/** The name of an object. */
export function nameIn(object: JsonObject): string {
  return textAt(objectAt(object, 'metadata'), 'name')
}

/** The object with these members, without those that are undefined. */
export function compact(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  return jsonObject(Object.entries(members).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

/** The members of `object` that are not in `names`. */
export function membersBut(object: JsonObject, names: readonly string[]): readonly (readonly [string, Json])[] {
  return Object.entries(object).filter(([name]) => !names.includes(name))
}

/** An object of a kind, to be sent. */
export function objectOf({ apiVersion, kind }: ObjectKind, metadata: JsonObject, spec: JsonObject): JsonObject {
  return compact({ apiVersion, kind, metadata, spec })
}

/** The object in a text that a family has encoded. */
export function parsedObject(text: string): JsonObject {
  const json = parseJson(text)
  assert(json.ok && isJsonObject(json.value), 'families encode objects')
  return json.value
}
