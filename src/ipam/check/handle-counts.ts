import { type Block, comparableHandle } from '../../model/index.ts'

/** Windows keeps addresses under it, and there is no handle of this name. */
export const windowsReservedHandle = 'windows-reserved-ipam-handle'

/** How many addresses of the block each handle holds, by the ids as they compare. */
export function handleCounts(block: Block): ReadonlyMap<string, number> {
  const handles = (block.attributes ?? []).map(({ handle, releasedAt }) =>
    handle === undefined || releasedAt !== undefined || handle.toLowerCase() === windowsReservedHandle
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
