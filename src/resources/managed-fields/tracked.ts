import { type TObject, Type } from '@sinclair/typebox'
import { type JsonObject, jsonObject } from '../../model/index.ts'
import type { ServedKind, StoredObject } from '../kind.ts'
import { objectIn, ObjectMeta } from '../object/index.ts'

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
