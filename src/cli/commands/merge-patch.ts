import { isFields } from '../api/index.ts'

/** An object as JSON has it. */
export type Fields = Readonly<Record<string, unknown>>

/**
 * The JSON merge patch that makes `to` of `from`: the fields that differ, and null for those that are gone. Empty if nothing differs.
 * @see RFC 7396
 */
export function mergePatchOf(from: Fields, to: Fields): Fields {
  const names = new Set([...Object.keys(from), ...Object.keys(to)])
  const changes = [...names].flatMap((name) => {
    const [before, after] = [from[name], to[name]]
    if (isFields(before) && isFields(after)) {
      const inner = mergePatchOf(before, after)
      return Object.keys(inner).length === 0 ? [] : [[name, inner] as const]
    }
    return isSame(before, after) ? [] : [[name, after ?? null] as const]
  })
  return Object.fromEntries(changes)
}

/** Applies a JSON merge patch to an object. Returns the result. */
export function applyMergePatch(object: Fields, patch: Fields): Fields {
  const merged = new Map(Object.entries(object))
  for (const [name, change] of Object.entries(patch)) {
    const before = merged.get(name)
    if (change === null) merged.delete(name)
    else merged.set(name, isFields(change) ? applyMergePatch(isFields(before) ? before : {}, change) : change)
  }
  return Object.fromEntries(merged)
}

/** The fields, such as `spec.disabled`, that two merge patches change in different ways. */
export function clashesOf(one: Fields, other: Fields): readonly string[] {
  return Object.keys(one).flatMap((name) => {
    const [mine, theirs] = [one[name], other[name]]
    if (!(name in other) || isSame(mine, theirs)) return []
    if (!isFields(mine) || !isFields(theirs)) return [name]
    return clashesOf(mine, theirs).map((field) => `${name}.${field}`)
  })
}

/** True if two JSON values are equal; the order of fields does not count. */
function isSame(one: unknown, other: unknown): boolean {
  if (isFields(one) && isFields(other)) return Object.keys(mergePatchOf(one, other)).length === 0
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, index) => isSame(item, other[index]))
  return one === other
}
