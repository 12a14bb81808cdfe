import {
  type Block,
  blockKey,
  formatTime,
  isEmpty,
  isHandleId,
  isHeld,
  ownerOf,
  parseTime,
  type Pool,
} from '../../model/index.ts'
import {
  addressAt,
  type Cidr,
  covers,
  formatAddress,
  formatCidr,
  type Ordinal,
  ordinal,
  overlaps,
} from '../../net/index.ts'
import type { Revision } from '../../plan/index.ts'
import { nodeUsing, ordinalsOfNode, ordinalsWhere } from '../allocation.ts'
import { type Finding, finding, type Repair } from './finding.ts'
import { handleCounts } from './handle-counts.ts'
import type { CheckTerms } from './terms.ts'

/** A stored block. */
export interface StoredBlock {
  readonly key: string
  readonly value: Block
  readonly revision: Revision
}

/** How far the clocks of servers may be apart: what was released a little later than now was released now. */
const clockSkewNanoseconds = 60_000_000_000n

/** Addresses that a message names. */
const namedMax = 8

/** What is wrong with one block by itself, or with its place in the pools. */
export function blockFindings(stored: StoredBlock, terms: CheckTerms): readonly Finding[] {
  const { value: block } = stored
  const found: Finding[] = [...placeFindings(stored, terms)]
  if (block.affinity !== null && ownerOf(block) === undefined) {
    const message = `The affinity ${JSON.stringify(block.affinity)} names no owner; it should be null, host:<node> or virtual:<name>.`
    found.push(finding('BlockOwnerInvalid', stored, message))
  }
  const lost = unqueuedOrdinals(block)
  if (lost.length > 0) {
    const message = `${named(block, lost)} neither held nor in the queue of free addresses, where free ones should be.`
    found.push(finding('QueueIncomplete', stored, message))
  }
  const unused = unusedAttributes(block)
  if (unused.length > 0) {
    const message = `No address has the attributes with the index ${unused.slice(0, namedMax).join(', ')}; they should be gone.`
    found.push(finding('AttributeUnused', stored, message))
  }
  const early = futureReleases(block, terms.now)
  if (early.length > 0) {
    const message = `Addresses were released at ${early.join(', ')}, and it is ${formatTime(terms.now)}.`
    found.push(finding('ReleasedInFuture', stored, message))
  }
  const ahead = highestNumberAhead(block)
  if (ahead !== undefined) {
    const message = `An address has the sequence number ${String(ahead)}, and the block ${String(block.sequenceNumber)}; the block's should be higher.`
    found.push(finding('SequenceNumberAhead', stored, message))
  }
  return [...found, ...holderFindings(stored, terms)]
}

/** Whether two blocks that overlap say of the same address that it is held, and of which. */
export function sharedFindings(one: StoredBlock, other: StoredBlock): readonly Finding[] {
  const both = heldAddresses(other.value)
  const shared = [...heldAddresses(one.value)].filter((address) => both.has(address))
  if (shared.length === 0) return []
  const message = `${listed(shared)} held here and in ${formatCidr(other.value.cidr)}; one of the holders should release it.`
  return [finding('AddressInTwoBlocks', { ...one, subject: formatCidr(other.value.cidr) }, message)]
}

/** Two blocks that share addresses; told of the one that was found later. */
export function overlapFinding(
  stored: { readonly key: string; readonly revision: Revision },
  cidr: Cidr,
  other: Cidr,
): Finding {
  const message = `${formatCidr(cidr)} shares addresses with the block ${formatCidr(other)}, ${blockKey(other).text}; one of them should not be.`
  return finding('BlocksOverlap', { ...stored, subject: formatCidr(other) }, message)
}

/** How a block lies in the pools. */
export type Place =
  | { readonly kind: 'right' }
  | { readonly kind: 'outside' }
  | { readonly kind: 'wrong size'; readonly pool: Pool }

/** Where the block lies; of several pools that overlap, one that fits is enough. */
export function placeOf(cidr: Cidr, pools: readonly Pool[]): Place {
  const near = pools.filter((pool) => overlaps(pool.cidr, cidr))
  const [pool] = near
  if (pool === undefined) return { kind: 'outside' }
  const fits = near.some((other) => covers(other.cidr, cidr) && other.blockSize === cidr.prefixLength)
  return fits ? { kind: 'right' } : { kind: 'wrong size', pool }
}

/** The free ordinals that are not in the queue, ascending. */
export function unqueuedOrdinals(block: Block): readonly Ordinal[] {
  const queued = new Set(block.unallocated)
  const lost: Ordinal[] = []
  for (const [place, index] of block.allocations.entries()) {
    if (index === null && !queued.has(ordinal(place))) lost.push(ordinal(place))
  }
  return lost
}

/** The indexes of attributes that no ordinal refers to. */
export function unusedAttributes(block: Block): readonly number[] {
  const used = new Set(block.allocations)
  return (block.attributes ?? []).flatMap((_, index) => (used.has(index) ? [] : [index]))
}

/** The times of release that are yet to come. */
export function futureReleases(block: Block, now: CheckTerms['now']): readonly string[] {
  return (block.attributes ?? []).flatMap(({ releasedAt }) =>
    releasedAt !== undefined && isFuture(releasedAt, now) ? [releasedAt] : [],
  )
}

/** Whether a time is beyond what clocks that differ explain. */
export function isFuture(time: string, now: CheckTerms['now']): boolean {
  const released = parseTime(time)
  return released !== undefined && released.nanoseconds > now.nanoseconds + clockSkewNanoseconds
}

/** The highest number of an address in use that the block's own has yet to pass; undefined when there is none. */
export function highestNumberAhead(block: Block): bigint | undefined {
  let highest: bigint | undefined
  for (const [place, number] of block.sequenceNumberForAllocation.entries()) {
    const isInUse = block.allocations[place] !== null
    if (
      isInUse &&
      number !== undefined &&
      number >= block.sequenceNumber &&
      (highest === undefined || number > highest)
    )
      highest = number
  }
  return highest
}

/** The ordinals that are held by nobody who could be named. */
export function ownerlessOrdinals(block: Block): readonly Ordinal[] {
  return ordinalsWhere(block, (attribute) => Object.keys(attribute).length === 0)
}

function placeFindings(stored: StoredBlock, { pools, arePoolsComplete }: CheckTerms): readonly Finding[] {
  const { value: block } = stored
  const place = placeOf(block.cidr, pools)
  if (place.kind === 'right') return []
  const repair: Repair = isEmpty(block) && arePoolsComplete ? 'Default' : 'None'
  const until =
    repair === 'Default' ? 'It is empty, and should be deleted.' : 'It should go when its addresses have been released.'
  if (place.kind === 'outside') {
    return [finding('BlockOutsidePools', stored, `${formatCidr(block.cidr)} lies in no pool. ${until}`, repair)]
  }
  const { name, cidr, blockSize } = place.pool
  const message = `${formatCidr(block.cidr)} is no block of the pool ${name}, ${formatCidr(cidr)} with blocks of /${String(blockSize)}. ${until}`
  return [finding('BlockSizeWrong', stored, message, repair)]
}

function holderFindings(stored: StoredBlock, { nodes }: CheckTerms): readonly Finding[] {
  const { value: block } = stored
  const found: Finding[] = []
  const ownerless = ownerlessOrdinals(block)
  if (ownerless.length > 0) {
    found.push(finding('OwnerUnknown', stored, `${named(block, ownerless)} held, and nothing says by whom.`))
  }
  const held = (block.attributes ?? []).flatMap((attribute) => nodeUsing(block, attribute) ?? [])
  for (const node of nodes.size === 0 ? [] : new Set(held)) {
    if (nodes.has(node)) continue
    const ordinals = ordinalsOfNode(block, node)
    if (ordinals.length === 0) continue
    const message = `${named(block, ordinals)} held for the node ${node}, which is not registered; register it, or release them.`
    found.push(finding('NodeGone', { ...stored, subject: node }, message))
  }
  for (const handle of handleCounts(block).keys()) {
    if (isHandleId(handle)) continue
    const message = `${JSON.stringify(handle)} cannot be the key of a handle, so nothing finds the addresses under it.`
    found.push(finding('HandleNameInvalid', { ...stored, subject: handle }, message))
  }
  return found
}

function heldAddresses(block: Block): ReadonlySet<string> {
  const held = block.allocations.flatMap((_, place) =>
    isHeld(block, ordinal(place)) ? [formatAddress(addressAt(block.cidr, ordinal(place)))] : [],
  )
  return new Set(held)
}

function named(block: Block, ordinals: readonly Ordinal[]): string {
  return listed(ordinals.map((place) => formatAddress(addressAt(block.cidr, place))))
}

/** The first addresses, with the verb. */
function listed(addresses: readonly string[]): string {
  const more = addresses.length - namedMax
  const shown = addresses.slice(0, namedMax).join(', ')
  return `${shown}${more > 0 ? ` and ${String(more)} more` : ''} ${addresses.length === 1 ? 'is' : 'are'}`
}
