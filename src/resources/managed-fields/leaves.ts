import { type TObject, type TSchema, Type } from '@sinclair/typebox'
import { isOmitted, type Json, type JsonObject, jsonObject } from '../../model/index.ts'
import type { ServedKind, StoredObject } from '../kind.ts'
import { objectIn, ObjectMeta, sameJson } from '../object/index.ts'
import { pathTo, rootPath } from './field-set.ts'
import { type ManagedPart, partsOf } from './parts.ts'

/** The part of an object that a request changes: `status`, or everything else. */
export type Subresource = '' | 'status'

/** The members of metadata that have managers. The server sets all others. */
const TrackedMetadata = Type.Pick(ObjectMeta, ['labels', 'annotations', 'ownerReferences', 'finalizers'])

/** The schema of the fields that a request to this subresource can change and manage. */
export function trackedSchema<Value extends StoredObject>(
  { specSchema, statusSchema }: Pick<ServedKind<Value>, 'specSchema' | 'statusSchema'>,
  subresource: Subresource,
): TObject {
  if (subresource === '') return Type.Object({ metadata: TrackedMetadata, spec: specSchema })
  return Type.Object({ metadata: Type.Object({}), ...(statusSchema === undefined ? {} : { status: statusSchema }) })
}

/** The part of an object that a request to this subresource sets. The rest of the object is ignored. */
export function partFor(object: JsonObject, subresource: Subresource): JsonObject {
  const { status, ...rest } = object
  if (subresource === '') return rest
  const { spec: _, ...envelope } = rest
  const metadata = Object.entries(objectIn(object, 'metadata')).filter(([name]) => identity.includes(name))
  const parts = [...Object.entries(envelope), ['metadata', jsonObject(metadata)] as const]
  return jsonObject(status === undefined ? parts : [...parts, ['status', status]])
}

/** The members of metadata that identify the object. */
const identity = ['name', 'uid', 'resourceVersion']

/** The values of an object's leaves by their paths. A leaf has managers, and changes as a whole. */
export type Leaves = ReadonlyMap<string, Json>

/**
 * Finds the leaves of an object by its schema. Unknown fields are not leaves, and empty containers have none. The value of a field that
 * Go would leave out, such as `false`, is null, like that of an absent field.
 */
export function leavesOf(schema: TSchema, object: Json): Leaves {
  const leaves = new Map<string, Json>()
  addLeaves(partsOf(schema, object) ?? [], rootPath, leaves)
  return leaves
}

/** True if a leaf has the same value in two objects. A field that Go would leave out equals an absent one. */
export function isSameLeaf(path: string, one: Leaves, other: Leaves): boolean {
  return sameJson(one.get(path) ?? null, other.get(path) ?? null)
}

function addLeaves(parts: readonly ManagedPart[], path: string, leaves: Map<string, Json>): void {
  for (const { schema, json, element, isField } of parts) {
    if (schema === undefined) continue
    const inside = partsOf(schema, json)
    const below = pathTo(path, element)
    if (inside !== undefined) addLeaves(inside, below, leaves)
    else leaves.set(below, isField && isOmitted(json) ? null : json)
  }
}
