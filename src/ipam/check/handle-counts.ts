import { type Block, comparableHandle, isWindowsReserved } from '../../model/index.ts'

/** How many addresses of the block each handle holds, by the ids as they compare. */
export function handleCounts(block: Block): ReadonlyMap<string, number> {
  const handles = (block.attributes ?? []).map(({ handle, releasedAt }) =>
    handle === undefined || releasedAt !== undefined || isWindowsReserved(handle)
      ? undefined
      : comparableHandle(handle),
  )
  const counts = new Map<string, number>()
  for (const index of block.allocations) {
    const handle = index === null ? undefined : handles[index]
    if (handle !== undefined) counts.set(handle, (counts.get(handle) ?? 0) + 1)
  }
  return counts
}
