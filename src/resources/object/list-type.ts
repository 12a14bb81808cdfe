import type { TSchema } from '@sinclair/typebox'

/**
 * What makes two items of a list the same, and which lists and objects have one owner as a whole. Said in the schemas with the
 * extensions of Kubernetes, which the OpenAPI documents show as well; a list that says nothing is atomic, an object granular.
 * @see docs/kubernetes-api.md section 2.2
 */
export type ListType =
  /** The list has one owner, and is replaced as a whole. */
  | { readonly kind: 'atomic' }
  /** Items are equal or different, and each has owners of its own. */
  | { readonly kind: 'set' }
  /** The items are objects, told apart by the members called `keys`. */
  | { readonly kind: 'map'; readonly keys: readonly string[] }

/** For the options of a list whose items are the members of a set. */
export const setOfItems = { 'x-kubernetes-list-type': 'set' }

/** For the options of a list of objects, which are told apart by these of their members. */
export function mapByKeys(...keys: readonly string[]): Readonly<Record<string, unknown>> {
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys }
}

/** For the options of an object that has one owner, and is replaced as a whole. */
export const atomicObject = { 'x-kubernetes-map-type': 'atomic' }

/** What the schema of a list says. */
export function listTypeOf(schema: TSchema): ListType {
  const type: unknown = schema['x-kubernetes-list-type']
  const keys: unknown = schema['x-kubernetes-list-map-keys']
  if (type === 'set') return { kind: 'set' }
  if (type !== 'map' || !Array.isArray(keys)) return { kind: 'atomic' }
  return { kind: 'map', keys: keys.filter((key) => typeof key === 'string') }
}

/** Whether the schema of an object says that it is atomic. */
export function isAtomicObject(schema: TSchema): boolean {
  return schema['x-kubernetes-map-type'] === 'atomic'
}
