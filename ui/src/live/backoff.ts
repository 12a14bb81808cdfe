const firstMs = 250
const longestMs = 5_000

/** How long to wait before the attempt that follows `failures` failed ones: a quarter of a second, then doubled, up to five seconds. */
export function waitBefore(failures: number): number {
  return Math.min(longestMs, firstMs * 2 ** Math.max(0, failures - 1))
}
