import { type Block, type Handle, handleKey, handles, isHandleId } from '../../model/index.ts'
import { formatCidr, parseCidr } from '../../net/index.ts'
import { countByHandle } from './block-findings.ts'
import type { KnownBlocks } from './block-set.ts'
import { type Finding, newFinding } from './finding.ts'
import type { HandleSums } from './handle-sums.ts'
import { Merge } from './merge.ts'
import type { ReadableEntry } from './terms.ts'

/** The number of addresses that a handle holds in one block, linked to those in its other blocks. */
export interface HeldInBlock {
  /** The CIDR as text. */
  readonly block: string
  readonly count: number
  readonly next: HeldInBlock | undefined
}

/** Compares the stored handles that are suspects with the blocks: a handle should count the addresses that it holds in each block. */
export function mergeHandles(known: KnownBlocks, sums: HandleSums, windowSize: number): Merge<Handle, HeldInBlock> {
  return new Merge<Handle, HeldInBlock>(
    {
      families: [handles],
      cuts: () => sums.samples,
      compare: (entry, held) =>
        entry.kind === 'value' && sums.isSuspect(entry.key) ? checkHandle(entry, held, known) : [],
      missing: reportMissingHandle,
    },
    windowSize,
  )
}

/** Adds what handles hold in `block` to their sums. */
export function sumUpHeld(sums: HandleSums, block: Block): void {
  const text = formatCidr(block.cidr)
  for (const [key, count] of countByKey(block)) sums.hold(key, text, count)
}

/** Notes what handles that are suspects should count in `block`. */
export function expectHandles(
  merge: Merge<Handle, HeldInBlock>,
  block: Block,
  suspects: Pick<HandleSums, 'isSuspect'>,
): void {
  const text = formatCidr(block.cidr)
  for (const [key, count] of countByKey(block)) {
    if (suspects.isSuspect(key)) merge.expect(key, (next) => ({ block: text, count, next }))
  }
}

/** The number of addresses that each handle holds in the block, by the handle's key. */
function* countByKey(block: Block): Iterable<readonly [key: string, count: number]> {
  for (const [handle, count] of countByHandle(block)) {
    if (isHandleId(handle)) yield [handleKey(handle).text, count]
  }
}

/** Compares what one handle counts with what it holds. */
function checkHandle(
  stored: ReadableEntry<Handle>,
  first: HeldInBlock | undefined,
  known: KnownBlocks,
): readonly Finding[] {
  const held = new Map<string, number>()
  for (let one = first; one !== undefined; one = one.next) held.set(one.block, one.count)
  const { blocks } = stored.value
  const found: Finding[] = []
  for (const [block, count] of blocks) {
    if (known.unreadable.has(block)) continue
    const difference = compareCount(stored, block, count, held, known)
    if (difference !== undefined) found.push(difference)
  }
  for (const [block, count] of held) {
    if (blocks.has(block)) continue
    const message = `The handle should count ${count} in ${block}, and does not name this block.`
    found.push(newFinding('HandleCountTooLow', { ...stored, subject: block }, message))
  }
  if (blocks.size === 0 && held.size === 0) {
    found.push(newFinding('HandleWithoutAddresses', stored, 'The handle names no block; it should not exist.'))
  }
  return found
}

/** Compares what a handle counts in one block with what it holds there. */
function compareCount(
  stored: ReadableEntry<Handle>,
  block: string,
  count: number,
  held: ReadonlyMap<string, number>,
  known: KnownBlocks,
): Finding | undefined {
  const at = { ...stored, subject: block }
  const right = held.get(block) ?? 0
  const cidr = parseCidr(block)
  if (right === 0 && (cidr === undefined || !known.all.has(cidr))) {
    return newFinding('HandleBlockMissing', at, `The handle counts ${count} in ${block}, which does not exist.`)
  }
  const message = `The handle counts ${count} in ${block}; it should count ${right}.`
  if (right === 0 && held.size === 0) return newFinding('HandleWithoutAddresses', at, message)
  if (count > right || right === 0) return newFinding('HandleCountTooHigh', at, message)
  return count < right ? newFinding('HandleCountTooLow', at, message) : undefined
}

/** Reports a handle that holds addresses and does not exist: one finding for each block. */
function reportMissingHandle(key: string, first: HeldInBlock): readonly Finding[] {
  const found: Finding[] = []
  for (let held: HeldInBlock | undefined = first; held !== undefined; held = held.next) {
    const message = `The handle does not exist; it should count ${held.count} in ${held.block}.`
    found.push(newFinding('HandleMissing', { key, revision: 0n, subject: held.block }, message))
  }
  return found
}
