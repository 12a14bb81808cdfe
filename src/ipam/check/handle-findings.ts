import type { Handle } from '../../model/index.ts'
import { type Cidr, parseCidr } from '../../net/index.ts'
import type { Revision } from '../../plan/index.ts'
import type { BlockSet } from './block-set.ts'
import { type Finding, finding } from './finding.ts'

/** How many addresses a handle holds in a block, and in which others it holds some. */
export interface Mention {
  /** The CIDR as text. */
  readonly block: string
  readonly count: number
  readonly next: Mention | undefined
}

/** Which blocks there are. */
export interface KnownBlocks {
  readonly readable: BlockSet
  /** The CIDRs, by their texts, of blocks that cannot be read, so that nobody knows what they hold. */
  readonly unreadable: ReadonlyMap<string, Cidr>
}

/** A stored handle. */
export interface StoredHandle {
  readonly key: string
  readonly value: Handle
  readonly revision: Revision
}

/** What differs between a handle's counts and the blocks. */
export function handleFindings(
  stored: StoredHandle,
  mentioned: Mention | undefined,
  known: KnownBlocks,
): readonly Finding[] {
  const held = new Map<string, number>()
  for (let mention = mentioned; mention !== undefined; mention = mention.next) held.set(mention.block, mention.count)
  const { blocks } = stored.value
  const found: Finding[] = []
  for (const [block, count] of blocks) {
    if (known.unreadable.has(block)) continue
    const difference = differenceIn(stored, block, count, held.get(block) ?? 0, held.size > 0, known)
    if (difference !== undefined) found.push(difference)
  }
  for (const [block, count] of held) {
    if (blocks.has(block)) continue
    const message = `${String(count)} should be counted in ${block}, and the handle does not name it.`
    found.push(finding('HandleCountTooLow', { ...stored, subject: block }, message))
  }
  if (blocks.size === 0 && held.size === 0) {
    found.push(finding('HandleWithoutAddresses', stored, 'The handle names no block; it should not exist.'))
  }
  return found
}

/** A handle that does not exist, and holds addresses: one finding for each block. */
export function missingHandle(key: string, mentioned: Mention): readonly Finding[] {
  const found: Finding[] = []
  for (let mention: Mention | undefined = mentioned; mention !== undefined; mention = mention.next) {
    const message = `The handle does not exist; it should count ${String(mention.count)} in ${mention.block}.`
    const at = { key, revision: 0n, subject: mention.block }
    found.push(finding('HandleMissing', at, message))
  }
  return found
}

function differenceIn(
  stored: StoredHandle,
  block: string,
  count: number,
  held: number,
  holdsAny: boolean,
  known: KnownBlocks,
): Finding | undefined {
  const at = { ...stored, subject: block }
  const cidr = parseCidr(block)
  if (held === 0 && (cidr === undefined || !known.readable.has(cidr))) {
    return finding('HandleBlockMissing', at, `${String(count)} are counted in ${block}, and there is no such block.`)
  }
  const message = `${String(count)} are counted in ${block}; it should be ${String(held)}.`
  if (held === 0 && !holdsAny) return finding('HandleWithoutAddresses', at, message)
  if (count > held || held === 0) return finding('HandleCountTooHigh', at, message)
  return count < held ? finding('HandleCountTooLow', at, message) : undefined
}
