import { type TObject, type TSchema, Type } from '@sinclair/typebox'
import { isOmitted, type Json, type JsonObject, jsonObject } from '../../model/index.ts'
import type { ServedKind, StoredObject } from '../kind.ts'
import { objectIn, ObjectMeta, sameJson } from '../object/index.ts'
import { pathTo, rootPath } from './field-set.ts'
import { type ManagedPart, partsOf } from './parts.ts'

/** Which part of an object a request changes: all but its status, or only that. */
export type Subresource = '' | 'status'

/** What of the metadata has owners; all else is the server's. */
const TrackedMetadata = Type.Pick(ObjectMeta, ['labels', 'annotations', 'ownerReferences', 'finalizers'])

/** The schema of the fields that have owners, of those that requests of a subresource can change. */
export function trackedSchema<Value extends StoredObject>(
  { specSchema, statusSchema }: Pick<ServedKind<Value>, 'specSchema' | 'statusSchema'>,
  subresource: Subresource,
): TObject {
  if (subresource === '') return Type.Object({ metadata: TrackedMetadata, spec: specSchema })
  return Type.Object({ metadata: Type.Object({}), ...(statusSchema === undefined ? {} : { status: statusSchema }) })
}

/** What of an object a request of a subresource is about; all else in it is ignored. */
export function partFor(object: JsonObject, subresource: Subresource): JsonObject {
  const { status, ...rest } = object
  if (subresource === '') return rest
  const { spec: _, ...envelope } = rest
  const metadata = Object.entries(objectIn(object, 'metadata')).filter(([name]) => identity.includes(name))
  const parts = [...Object.entries(envelope), ['metadata', jsonObject(metadata)] as const]
  return jsonObject(status === undefined ? parts : [...parts, ['status', status]])
}

/** What tells which object a request means. */
const identity = ['name', 'uid', 'resourceVersion']

/** The values at the leaves of an object, by their paths: whatever is owned by somebody, and changes as a whole. */
export type Leaves = ReadonlyMap<string, Json>

/**
 * The leaves of an object, as its schema tells them from containers. What the schema does not know is none of them, and a container
 * with nothing in it has none. A field that Go would leave out, such as a `false`, is null: as if it were not there.
 */
export function leavesOf(schema: TSchema, object: Json): Leaves {
  const leaves = new Map<string, Json>()
  addLeaves(partsOf(schema, object) ?? [], rootPath, leaves)
  return leaves
}

/** Whether a leaf is the same in two objects. What is not there is the same as what Go would leave out. */
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
