import {
  type Block,
  blockKey,
  normalizeHandleId,
  formatTime,
  isBlockEmpty,
  isBlockOfNobody,
  isHandleId,
  isHeld,
  isWindowsReserved,
  hostOf,
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
import { type Finding, newFinding, type RepairPolicy } from './finding.ts'
import type { CheckTerms, ReadableEntry } from './terms.ts'

/** The most that clocks of servers may differ: a release time that is less than this in the future counts as now. */
const clockSkewNanoseconds = 60_000_000_000n

/** The most addresses that a message lists. */
const listedMax = 8

/** Checks one block by itself, its place in the pools, and the holders of its addresses. */
export function checkBlock(stored: ReadableEntry<Block>, terms: CheckTerms): readonly Finding[] {
  const { value: block } = stored
  const found: Finding[] = [...checkPlace(stored, terms)]
  if (block.affinity !== null && hostOf(block) === undefined) {
    const message = `The affinity ${JSON.stringify(block.affinity)} names no owner; it should be null, host:<node> or virtual:<name>.`
    found.push(newFinding('BlockOwnerInvalid', stored, message))
  }
  const lost = unqueuedOrdinals(block)
  if (lost.length > 0) {
    const message = `${listOrdinals(block, lost)} neither assigned nor in the queue of free addresses; free addresses should be in it.`
    found.push(newFinding('QueueIncomplete', stored, message))
  }
  const unused = unusedAttributes(block)
  if (unused.length > 0) {
    const message = `No address uses the attributes with the index ${unused.slice(0, listedMax).join(', ')}; they should be removed.`
    found.push(newFinding('AttributeUnused', stored, message))
  }
  const early = futureReleases(block, terms.now)
  if (early.length > 0) {
    const message = `Addresses have release times in the future: ${early.join(', ')}, and it is ${formatTime(terms.now)}.`
    found.push(newFinding('ReleasedInFuture', stored, message))
  }
  const ahead = highestNumberAhead(block)
  if (ahead !== undefined) {
    const message = `An address has the sequence number ${ahead}, and the block only ${block.sequenceNumber}; the block should have a higher one.`
    found.push(newFinding('SequenceNumberAhead', stored, message))
  }
  return [...found, ...checkHolders(stored, terms)]
}

/** Finds the addresses that are assigned in two blocks that overlap. */
export function checkSharedAddresses(one: ReadableEntry<Block>, other: ReadableEntry<Block>): readonly Finding[] {
  const both = heldAddresses(other.value)
  const shared = [...heldAddresses(one.value)].filter((address) => both.has(address))
  if (shared.length === 0) return []
  const message = `${listAddresses(shared)} assigned here and in ${formatCidr(other.value.cidr)}; one of the holders should release it.`
  return [newFinding('AddressInTwoBlocks', { ...one, subject: formatCidr(other.value.cidr) }, message)]
}

/** Reports two blocks that share addresses, under the key of the block that was found later. */
export function reportOverlap(
  stored: { readonly key: string; readonly revision: Revision },
  cidr: Cidr,
  other: Cidr,
): Finding {
  const message = `${formatCidr(cidr)} shares addresses with the block ${formatCidr(other)}, ${blockKey(other).text}; one of the two should not exist.`
  return newFinding('BlocksOverlap', { ...stored, subject: formatCidr(other) }, message)
}

/** The place of a block in the pools. */
export type Place =
  | { readonly kind: 'right' }
  | { readonly kind: 'outside' }
  | { readonly kind: 'wrong size'; readonly pool: Pool }

/** Finds the place of a block in the pools. If several pools overlap, one that fits is enough; one without a usable block size fits any. */
export function placeOf(cidr: Cidr, pools: readonly Pool[]): Place {
  const near = pools.filter((pool) => overlaps(pool.cidr, cidr))
  const [pool] = near
  if (pool === undefined) return { kind: 'outside' }
  const fits = near.some((other) => {
    const isSizeUnknown = other.invalidFields.some(({ field }) => field === 'blockSize')
    return covers(other.cidr, cidr) && (isSizeUnknown || other.blockSize === cidr.prefixLength)
  })
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

/** The indexes of the attributes that no ordinal refers to. */
export function unusedAttributes(block: Block): readonly number[] {
  const used = new Set(block.allocations)
  return (block.attributes ?? []).flatMap((_, index) => (used.has(index) ? [] : [index]))
}

/** The release times that lie in the future. */
export function futureReleases(block: Block, now: CheckTerms['now']): readonly string[] {
  return (block.attributes ?? []).flatMap(({ releasedAt }) =>
    releasedAt !== undefined && isFuture(releasedAt, now) ? [releasedAt] : [],
  )
}

/** True if a time lies further in the future than differing clocks explain. */
export function isFuture(time: string, now: CheckTerms['now']): boolean {
  const released = parseTime(time)
  return released !== undefined && released.nanoseconds > now.nanoseconds + clockSkewNanoseconds
}

/** The highest sequence number of an assigned address that is not below the block's own; undefined if there is none. */
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

/** The number of addresses that each handle holds in the block, by the handle's comparable id. */
export function countByHandle(block: Block): ReadonlyMap<string, number> {
  const handles = (block.attributes ?? []).map(({ handle, releasedAt }) =>
    handle === undefined || releasedAt !== undefined || isWindowsReserved(handle)
      ? undefined
      : normalizeHandleId(handle),
  )
  const counts = new Map<string, number>()
  for (const index of block.allocations) {
    const handle = index === null ? undefined : handles[index]
    if (handle !== undefined) counts.set(handle, (counts.get(handle) ?? 0) + 1)
  }
  return counts
}

/** The assigned ordinals whose holder is not stored. */
export function ordinalsWithoutHandle(block: Block): readonly Ordinal[] {
  return ordinalsWhere(block, (attribute) => Object.keys(attribute).length === 0)
}

function checkPlace(stored: ReadableEntry<Block>, { pools, arePoolsComplete }: CheckTerms): readonly Finding[] {
  const { value: block } = stored
  const place = placeOf(block.cidr, pools)
  if (place.kind === 'right') return isBlockOfNobody(block) ? [reportOfNobody(stored)] : []
  const repair: RepairPolicy = isBlockEmpty(block) && arePoolsComplete ? 'Default' : 'None'
  const remedy =
    repair === 'Default'
      ? 'It is empty, and should be deleted.'
      : 'It should be deleted when its addresses are released.'
  if (place.kind === 'outside') {
    return [newFinding('BlockOutsidePools', stored, `${formatCidr(block.cidr)} lies in no pool. ${remedy}`, repair)]
  }
  const { name, cidr, blockSize } = place.pool
  const message = `${formatCidr(block.cidr)} is not a block of the pool ${name}, ${formatCidr(cidr)} with blocks of /${blockSize}. ${remedy}`
  return [newFinding('BlockSizeWrong', stored, message, repair)]
}

function reportOfNobody(stored: ReadableEntry<Block>): Finding {
  const { cidr } = stored.value
  return newFinding(
    'BlockOfNobody',
    stored,
    `${formatCidr(cidr)} is empty and belongs to nobody; it should be deleted.`,
  )
}

function checkHolders(stored: ReadableEntry<Block>, { nodes }: CheckTerms): readonly Finding[] {
  const { value: block } = stored
  const found: Finding[] = []
  const ownerless = ordinalsWithoutHandle(block)
  if (ownerless.length > 0) {
    const leaked = { node: undefined, addresses: ownerless.length }
    const message = `${listOrdinals(block, ownerless)} assigned, and the holder is not stored.`
    found.push(newFinding('OwnerUnknown', { ...stored, leaked }, message))
  }
  const held = (block.attributes ?? []).flatMap((attribute) => nodeUsing(block, attribute) ?? [])
  for (const node of nodes.size === 0 ? [] : new Set(held)) {
    if (nodes.has(node)) continue
    const ordinals = ordinalsOfNode(block, node)
    if (ordinals.length === 0) continue
    const message = `${listOrdinals(block, ordinals)} assigned for the node ${node}, which is not registered; register the node, or release the addresses.`
    const leaked = { node, addresses: ordinals.length }
    found.push(newFinding('NodeGone', { ...stored, subject: node, leaked }, message))
  }
  for (const handle of countByHandle(block).keys()) {
    if (isHandleId(handle)) continue
    const message = `${JSON.stringify(handle)} cannot be part of a handle's key, so its addresses cannot be found by handle.`
    found.push(newFinding('HandleNameInvalid', { ...stored, subject: handle }, message))
  }
  return found
}

function heldAddresses(block: Block): ReadonlySet<string> {
  const held = block.allocations.flatMap((_, place) =>
    isHeld(block, ordinal(place)) ? [formatAddress(addressAt(block.cidr, ordinal(place)))] : [],
  )
  return new Set(held)
}

function listOrdinals(block: Block, ordinals: readonly Ordinal[]): string {
  return listAddresses(ordinals.map((place) => formatAddress(addressAt(block.cidr, place))))
}

/** The first few addresses, followed by "is" or "are". */
function listAddresses(addresses: readonly string[]): string {
  const more = addresses.length - listedMax
  const shown = addresses.slice(0, listedMax).join(', ')
  return `${shown}${more > 0 ? ` and ${more} more` : ''} ${addresses.length === 1 ? 'is' : 'are'}`
}
