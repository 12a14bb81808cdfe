/** The position of the first entry of a sorted list whose key is `key` or comes after it; the list's length if there is none. */
export function firstAtOrAfter<Entry, Key extends string | number | bigint>(
  sorted: readonly Entry[],
  key: Key,
  keyOf: (entry: Entry) => Key,
): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = sorted[middle]
    if (entry !== undefined && keyOf(entry) < key) low = middle + 1
    else high = middle
  }
  return low
}
