/**
 * The items in the order in which their keys were before; new ones follow, those that are gone are left out. So figures can change under
 * the pointer, and rows stay where they are.
 */
export function keepOrder<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  before: readonly string[],
): readonly Item[] {
  const places = new Map(before.map((key, place) => [key, place]))
  const known = items.filter((item) => places.has(keyOf(item)))
  const added = items.filter((item) => !places.has(keyOf(item)))
  known.sort((one, other) => (places.get(keyOf(one)) ?? 0) - (places.get(keyOf(other)) ?? 0))
  return [...known, ...added]
}
