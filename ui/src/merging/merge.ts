import { isFields } from '../fields.ts'

/**
 * What I made of `base`, applied to what others made of it: for each field, mine if I changed it, else theirs. A list is changed as a whole.
 * Of fields that both changed, mine count; {@link clashes} names them.
 */
export function mergeThreeWay(base: unknown, mine: unknown, theirs: unknown): unknown {
  if (isSame(mine, base)) return theirs
  if (!isFields(mine) || !isFields(theirs)) return mine
  const before = isFields(base) ? base : {}
  const names = [...new Set([...Object.keys(theirs), ...Object.keys(mine)])]
  const merged = names.map((name) => [name, mergeThreeWay(before[name], mine[name], theirs[name])] as const)
  return Object.fromEntries(merged.filter(([, value]) => value !== undefined))
}

/** The fields that I and others changed differently, each as a path such as `spec.nodeSelector`. */
export function clashes(base: unknown, mine: unknown, theirs: unknown, path = ''): readonly string[] {
  if (isSame(mine, base) || isSame(theirs, base) || isSame(mine, theirs)) return []
  if (!isFields(mine) || !isFields(theirs)) return [path]
  const before = isFields(base) ? base : {}
  const names = [...new Set([...Object.keys(theirs), ...Object.keys(mine)])]
  return names.flatMap((name) =>
    clashes(before[name], mine[name], theirs[name], path === '' ? name : `${path}.${name}`),
  )
}

/** True of equal JSON values; the order of fields does not matter. */
export function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, index) => isSame(item, other[index]))
  if (!isFields(one) || !isFields(other)) return false
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].every((name) => isSame(one[name], other[name]))
}
