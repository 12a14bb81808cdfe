/** The place in a sorted list of the first entry whose key is not before `key`; its length when there is none. */
export function firstAtOrAfter<Entry, Key extends string | bigint>(
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
