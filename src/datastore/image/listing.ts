import { type Listed, firstAtOrAfter } from '../../plan/index.ts'

/** A sorted listing with `entry` in the place of `key`; without the key when `entry` is undefined. */
export function withEntry<Value>(
  listing: readonly Listed<Value>[],
  key: string,
  entry: Listed<Value> | undefined,
): readonly Listed<Value>[] {
  const place = firstAtOrAfter(listing, key, (listed) => listed.key)
  return listing.toSpliced(place, listing[place]?.key === key ? 1 : 0, ...(entry === undefined ? [] : [entry]))
}
