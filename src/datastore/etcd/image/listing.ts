import { type Listed, firstAtOrAfter } from '../../../plan/index.ts'

/** A listing, sorted by key, with `entry` as what is listed under `key`; undefined: with nothing under it. */
export function withEntry<Value>(
  listing: readonly Listed<Value>[],
  key: string,
  entry: Listed<Value> | undefined,
): readonly Listed<Value>[] {
  const place = firstAtOrAfter(listing, key, (listed) => listed.key)
  return listing.toSpliced(place, listing[place]?.key === key ? 1 : 0, ...(entry === undefined ? [] : [entry]))
}
