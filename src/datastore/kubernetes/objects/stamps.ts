import { type JsonObject, jsonObject } from '../../../model/index.ts'
import type { Revision } from '../../../plan/index.ts'
import { objectAt, stampAnnotation, textAt } from '../forms/index.ts'

/** The object with the stamp of a write. */
export function withStamp(object: JsonObject, stamp: string): JsonObject {
  const metadata = objectAt(object, 'metadata')
  const annotations = jsonObject([...Object.entries(objectAt(metadata, 'annotations')), [stampAnnotation, stamp]])
  const stamped = jsonObject([...Object.entries(metadata), ['annotations', annotations]])
  return jsonObject([...Object.entries(object), ['metadata', stamped]])
}

/** The stamp of the write that has made this version; empty if that was not ippoold's. A later write of Calico's removes it or keeps it. */
export function stampOf(object: JsonObject): string {
  return textAt(objectAt(objectAt(object, 'metadata'), 'annotations'), stampAnnotation)
}

/** The evidence about a write: it made a version of the object, it made none, or some versions were not seen. */
export type Evidence =
  | { readonly kind: 'made'; readonly object: JsonObject }
  | { readonly kind: 'none' }
  | { readonly kind: 'gap' }

/** Looks for a write among the versions of an object, from before it was sent on. */
export interface Expectation {
  /** Looks at the versions up to this one. Waits for them for at most `patienceMs`; then there is a gap. */
  lookUpTo(revision: Revision, patienceMs: number): Promise<Evidence>
  /** Stops looking. */
  end(): void
}

/** Sees every version of the objects of a kind. */
export interface Versions {
  /** Looks for the write with this stamp from now on. */
  expect(stamp: string): Expectation
}
