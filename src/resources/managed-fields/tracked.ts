import { type TObject, Type } from '@sinclair/typebox'
import type { ServedKind, StoredObject } from '../kind.ts'
import { ObjectMeta } from '../schemas.ts'

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
  return Type.Object(statusSchema === undefined ? {} : { status: statusSchema })
}
