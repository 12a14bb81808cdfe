/**
 * The number of the block, in a pool of `count` blocks, at which an owner begins to search for a vacant one. Owners spread over the
 * pool, and each always begins at the same block. It does not matter which one (docs/calico/ipam.md section 1.7), so this does not
 * reproduce Go's random generator.
 */
export function startOfSearch(ownerName: string, count: bigint): bigint {
  if (count <= 1n) return 0n
  let start = 0n
  let word = BigInt(fnv1(ownerName))
  for (let bits = 0n; count >> bits > 0n; bits += 64n) {
    word = scramble(word)
    start = (start << 64n) | word
  }
  return start % count
}

/** FNV-1, 32 bits, of `text` in UTF-8: the hash that seeds Calico's own search. */
export function fnv1(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = (Math.imul(hash, 0x01000193) ^ byte) >>> 0
  return hash
}

/** One step of the SplitMix64 generator: spreads a small seed over 64 bits. */
function scramble(seed: bigint): bigint {
  const state = BigInt.asUintN(64, seed + 0x9e3779b97f4a7c15n)
  const mixed = BigInt.asUintN(64, (state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n)
  const again = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn)
  return again ^ (again >> 31n)
}
