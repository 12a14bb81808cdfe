import type { TSchema } from '@sinclair/typebox'

/**
 * How server-side apply treats a list: which of its parts have managers of their own. Schemas declare it with Kubernetes' extensions,
 * which the OpenAPI documents show. By default a list is atomic (one manager for all of it), and an object granular.
 * @see docs/kubernetes-api.md section 2.2
 */
export type ListType =
  /** The list has one manager, and is replaced as a whole. */
  | { readonly kind: 'atomic' }
  /** Each item has managers of its own. Items are told apart by their values. */
  | { readonly kind: 'set' }
  /** Each item, an object, has managers of its own. Items are told apart by the members called `keys`. */
  | { readonly kind: 'map'; readonly keys: readonly string[] }

/** Schema options that make a list a set. */
export const setOfItems = { 'x-kubernetes-list-type': 'set' }

/** Schema options that make a list a map: its items are told apart by the members called `keys`. */
export function mapByKeys(...keys: readonly string[]): Readonly<Record<string, unknown>> {
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys }
}

/** Schema options that make an object atomic: it has one manager, and is replaced as a whole. */
export const atomicObject = { 'x-kubernetes-map-type': 'atomic' }

/** Reads the type of a list from its schema. */
export function listTypeOf(schema: TSchema): ListType {
  const type: unknown = schema['x-kubernetes-list-type']
  const keys: unknown = schema['x-kubernetes-list-map-keys']
  if (type === 'set') return { kind: 'set' }
  if (type !== 'map' || !Array.isArray(keys)) return { kind: 'atomic' }
  return { kind: 'map', keys: keys.filter((key) => typeof key === 'string') }
}

/** True if the schema of an object makes it atomic. */
export function isAtomicObject(schema: TSchema): boolean {
  return schema['x-kubernetes-map-type'] === 'atomic'
}
