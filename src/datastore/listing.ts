import type { Listed } from './view.ts'

/** A listing, sorted by key, with `entry` as what is listed under `key`; undefined: with nothing under it. */
export function withEntry<Value>(
  listing: readonly Listed<Value>[],
  key: string,
  entry: Listed<Value> | undefined,
): readonly Listed<Value>[] {
  const place = firstAtOrAfter(listing, key)
  return listing.toSpliced(place, listing[place]?.key === key ? 1 : 0, ...(entry === undefined ? [] : [entry]))
}

function firstAtOrAfter(listing: readonly Listed<unknown>[], key: string): number {
  let low = 0
  let high = listing.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((listing[middle]?.key ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}
