import {
  type Availability,
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonObject,
  type Now,
} from '../../model/index.ts'
import type { ServedKind, StoredObject } from '../kind.ts'
import { textIn, objectIn } from '../object/index.ts'
import { ageOf } from './age.ts'

/** The versions of `meta.k8s.io` that tables and bare metadata can be requested in. All look the same. */
export const metaVersions = ['v1', 'v1beta1'] as const
export type MetaVersion = (typeof metaVersions)[number]

/** The content of a row besides its cells: the metadata of its object, the whole object, or nothing. */
export const rowObjects = ['Metadata', 'Object', 'None'] as const
export type RowObject = (typeof rowObjects)[number]

/** How to build a table. */
export interface TableOptions {
  readonly version: MetaVersion
  readonly includeObject: RowObject
  /** The time that ages are counted to. */
  readonly now: Now
  /** Which addresses count as available. */
  readonly terms: Availability
  /** False if the client has the columns already: only the first event of a watch carries them. */
  readonly hasColumns?: boolean
}

/**
 * Builds the table of an object, or of a list of objects, as clients see them. It has a row for each object.
 * @see docs/kubernetes-api.md section 4
 */
export function printTable<Value extends StoredObject>(
  kind: ServedKind<Value>,
  shown: JsonObject,
  options: TableOptions,
): JsonObject {
  const { version, hasColumns = true } = options
  return jsonObject<Json>([
    ['kind', 'Table'],
    ['apiVersion', metaApiVersion(version)],
    ['metadata', listMetadata(shown)],
    ['columnDefinitions', hasColumns ? columnDefinitions(kind) : []],
    ['rows', objectsIn(shown).map((object) => rowOf(kind, object, options))],
  ])
}

/** Reduces an object, or each object of a list, to its metadata. */
export function reduceToMetadata(shown: JsonObject, version: MetaVersion): JsonObject {
  if (!isList(shown)) return partialObject(shown, version)
  return jsonObject<Json>([
    ['kind', 'PartialObjectMetadataList'],
    ['apiVersion', metaApiVersion(version)],
    ['metadata', objectIn(shown, 'metadata')],
    ['items', objectsIn(shown).map((object) => partialObject(object, version))],
  ])
}

function columnDefinitions<Value extends StoredObject>(kind: ServedKind<Value>): readonly JsonObject[] {
  return [
    { name: 'Name', type: 'string', format: 'name', description: 'The name of the object.', priority: 0 },
    ...kind.columns.map(({ name, type, description, priority }) => ({ name, type, format: '', description, priority })),
    { name: 'Age', type: 'date', format: '', description: 'How long ago the object was created.', priority: 0 },
  ]
}

function rowOf<Value extends StoredObject>(
  kind: ServedKind<Value>,
  object: JsonObject,
  { version, includeObject, now, terms }: TableOptions,
): JsonObject {
  const metadata = objectIn(object, 'metadata')
  const cells = [
    textIn(metadata, 'name'),
    ...kind.columns.map((column) => column.cell(object, terms)),
    ageOf(textIn(metadata, 'creationTimestamp'), now),
  ]
  if (includeObject === 'None') return { cells }
  return { cells, object: includeObject === 'Object' ? object : partialObject(object, version) }
}

function partialObject(object: JsonObject, version: MetaVersion): JsonObject {
  const metadata = objectIn(object, 'metadata')
  return { kind: 'PartialObjectMetadata', apiVersion: metaApiVersion(version), metadata }
}

function metaApiVersion(version: MetaVersion): string {
  return `meta.k8s.io/${version}`
}

/** The table of a single object has the object's version. */
function listMetadata(shown: JsonObject): JsonObject {
  const metadata = objectIn(shown, 'metadata')
  if (isList(shown)) return metadata
  const resourceVersion = textIn(metadata, 'resourceVersion')
  return resourceVersion === '' ? {} : { resourceVersion }
}

function isList(shown: JsonObject): boolean {
  return isJsonArray(shown['items'])
}

function objectsIn(shown: JsonObject): readonly JsonObject[] {
  const { items } = shown
  return isJsonArray(items) ? items.filter(isJsonObject) : [shown]
}
