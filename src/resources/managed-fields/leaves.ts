import type { TSchema } from '@sinclair/typebox'
import type { Json } from '../../model/index.ts'
import { isEmpty, sameJson } from '../object/index.ts'
import { pathTo, rootPath } from './field-set.ts'
import { type Part, partsOf } from './parts.ts'

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

function addLeaves(parts: readonly Part[], path: string, leaves: Map<string, Json>): void {
  for (const { schema, json, element, isField } of parts) {
    if (schema === undefined) continue
    const inside = partsOf(schema, json)
    const below = pathTo(path, element)
    if (inside !== undefined) addLeaves(inside, below, leaves)
    else leaves.set(below, isField && isEmpty(json) ? null : json)
  }
}
