import assert from 'node:assert/strict'
import { addressCount, type Cidr, type Ordinal, ordinal } from '../../net/index.ts'
import { normalizeHandleId } from '../handle.ts'
import { noFields } from '../json/index.ts'
import { formatTime, type Now, nanosecondsPerSecond, parseTime } from '../time.ts'
import { formatAffinity, type AffinityHost } from './affinity.ts'
import { type Attribute, attributeFor, type Holder, isFor, sameAttribute } from './attribute.ts'
import { type Block, noNumbers, windowsReservedHandle } from './block.ts'

/**
 * The changes of a block. Each function returns a new block, exactly as Calico would write it; its sequence number grows by one. Call
 * {@link collectGarbage} first on every block that comes from the datastore, as Calico does when it loads a block.
 * @see docs/calico/formats.md section 2.2, docs/calico/ipam.md section 3
 */

/** Makes a block without addresses in use. It belongs to `host` since `now`; null: it has no affinity. */
export function newBlock(cidr: Cidr, host: AffinityHost | null, now: Now): Block {
  const size = Number(addressCount(cidr))
  return {
    cidr,
    affinity: host === null ? null : formatAffinity(host),
    ...(host === null ? {} : { affinityClaimTime: formatTime(now) }),
    allocations: Array.from({ length: size }, () => null),
    unallocated: Array.from({ length: size }, (_, place) => ordinal(place)),
    attributes: null,
    sequenceNumber: now.nanoseconds,
    sequenceNumberForAllocation: noNumbers(size),
    deleted: false,
    unknownFields: noFields,
  }
}

/** The number of ordinals at the start and at the end of a block that a host reserves for itself. */
export interface HostReserved {
  readonly start: number
  readonly end: number
}

/**
 * Reserves ordinals at both ends of a new block for the host, as Windows needs it: they are not in the queue, and have no sequence numbers.
 * @see docs/calico/formats.md section 2.2
 */
export function reserveForHost(block: Block, { start, end }: HostReserved): Block {
  const isReserved = (place: number): boolean => place < start || place >= block.allocations.length - end
  if (start + end === 0) return block
  return {
    ...block,
    allocations: block.allocations.map((_, place) => (isReserved(place) ? 0 : null)),
    unallocated: block.unallocated.filter((place) => !isReserved(place)),
    attributes: [{ handle: windowsReservedHandle, active: { note: 'windows host rsvd' } }],
  }
}

/** The outcome of an automatic assignment: the ordinals assigned, in the order of the queue, and the block after it. */
export interface Assigned {
  readonly block: Block
  readonly ordinals: readonly Ordinal[]
}

/**
 * Assigns up to `count` ordinals from the front of the queue to `holder`. Reserved ones are skipped and keep their place in the queue.
 * If none is left, returns the same block.
 */
export function assignAutomatically(
  block: Block,
  count: number,
  isReserved: (place: Ordinal) => boolean,
  holder: Holder,
): Assigned {
  const queue = block.unallocated
  const ordinals: Ordinal[] = []
  const passedOver: Ordinal[] = []
  for (const place of queue) {
    if (ordinals.length === count) break
    if (isReserved(place)) passedOver.push(place)
    else ordinals.push(place)
  }
  if (ordinals.length === 0) return { block, ordinals }
  const unallocated = [...passedOver, ...queue.slice(passedOver.length + ordinals.length)]
  return { block: allocate(block, unallocated, ordinals, holder), ordinals }
}

/** Assigns the ordinal `place` to `holder`, reserved or not. `taken`: it is held or cools down. */
export function assignOrdinal(block: Block, place: Ordinal, holder: Holder): Block | 'taken' {
  assertInBlock(block, place)
  if (block.allocations[place] !== null) return 'taken'
  const unallocated = block.unallocated.filter((other) => other !== place)
  return allocate(block, unallocated, [place], holder)
}

/**
 * Replaces the entry of an ordinal in use. Other ordinals that shared the old entry keep it. If nothing changes, returns the same block.
 */
export function replaceAttribute(block: Block, place: Ordinal, attribute: Attribute): Block {
  const existing = attributesOf(block)
  const index = block.allocations[place] ?? null
  const before = index === null ? undefined : existing[index]
  assert(index !== null && before !== undefined, 'the ordinal is free')
  if (sameAttribute(before, attribute)) return block
  const equal = existing.findIndex((other) => sameAttribute(other, attribute))
  const isShared = block.allocations.some((other, at) => other === index && at !== place)
  const allocations = [...block.allocations]
  allocations[place] = equal >= 0 ? equal : isShared ? existing.length : index
  const attributes = [...existing]
  if (equal < 0) attributes[allocations[place]] = attribute
  return incrementSequenceNumber(sweep({ ...block, allocations, attributes }, () => false))
}

/** The outcome of a release: the ordinals released, those that were not held, both ascending, and the block after it. */
export interface Released {
  readonly block: Block
  readonly ordinals: readonly Ordinal[]
  readonly notHeld: readonly Ordinal[]
}

/**
 * Releases ordinals, no matter which handle holds them. They join the queue in ascending order: at once if there is no cooldown, otherwise
 * through {@link collectGarbage} after it. If none was held, returns the same block.
 */
export function releaseOrdinals(block: Block, places: Iterable<Ordinal>, now: Now, cooldownSeconds: number): Released {
  const ascending = [...new Set(places)].sort((one, other) => one - other)
  const ordinals: Ordinal[] = []
  const notHeld: Ordinal[] = []
  for (const place of ascending) {
    assertInBlock(block, place)
    if (isHeld(block, place)) ordinals.push(place)
    else notHeld.push(place)
  }
  if (ordinals.length === 0) return { block, ordinals, notHeld }
  const numbers = [...block.sequenceNumberForAllocation]
  for (const place of ordinals) numbers[place] = block.sequenceNumber
  const marked = { ...block, sequenceNumberForAllocation: numbers }
  return { block: retire(marked, ordinals, now, cooldownSeconds), ordinals, notHeld }
}

/**
 * Releases all ordinals of a handle, like {@link releaseOrdinals}. Here, addresses that cool down keep the sequence numbers of their
 * assignment, as in Calico.
 */
export function releaseOrdinalsOfHandle(block: Block, handle: string, now: Now, cooldownSeconds: number): Released {
  const ordinals = ordinalsOfHandle(block, handle)
  if (ordinals.length === 0) return { block, ordinals, notHeld: [] }
  return { block: retire(block, ordinals, now, cooldownSeconds), ordinals, notHeld: [] }
}

/**
 * Frees the ordinals whose cooldown is over, in ascending order, and drops entries that no ordinal refers to. A negative cooldown is
 * always over. The sequence number stays the same, because this alone is no reason to write the block. If there is nothing to collect,
 * returns the same block.
 */
export function collectGarbage(block: Block, now: Now, cooldownSeconds: number): Block {
  if (tidy.has(block)) return block
  const deadline = now.nanoseconds - BigInt(cooldownSeconds) * nanosecondsPerSecond
  const swept = sweep(block, ({ releasedAt }) => {
    if (releasedAt === undefined) return false
    const released = parseTime(releasedAt)
    return cooldownSeconds < 0 || (released !== undefined && released.nanoseconds < deadline)
  })
  if (attributesOf(swept).every(({ releasedAt }) => releasedAt === undefined)) tidy.add(swept)
  return swept
}

/** Blocks that have nothing to collect, now or later: thousands of assignments look at the same block. */
const tidy = new WeakSet<Block>()

/** Increments the sequence number: anyone who read the block before fails to write it. */
export function incrementSequenceNumber(block: Block): Block {
  return { ...block, sequenceNumber: block.sequenceNumber + 1n }
}

/** The entry of an ordinal that is held or cools down; undefined if it is free. */
export function attributeOf(block: Block, place: Ordinal): Attribute | undefined {
  const index = block.allocations[place]
  return index === null || index === undefined ? undefined : block.attributes?.[index]
}

/** True if the ordinal is held: neither free nor cooling down. */
export function isHeld(block: Block, place: Ordinal): boolean {
  const attribute = attributeOf(block, place)
  return attribute !== undefined && attribute.releasedAt === undefined
}

/** True if the ordinal was released and cools down. */
export function isCooling(block: Block, place: Ordinal): boolean {
  return attributeOf(block, place)?.releasedAt !== undefined
}

/**
 * The handle that holds the ordinal, in the form that {@link normalizeHandleId} gives; undefined if the ordinal is free, cools down, or is
 * held without a handle.
 */
export function handleOf(block: Block, place: Ordinal): string | undefined {
  const handle = attributeOf(block, place)?.handle
  return handle === undefined ? undefined : normalizeHandleId(handle)
}

/** The ordinals that the handle holds, ascending. */
export function ordinalsOfHandle(block: Block, handle: string): readonly Ordinal[] {
  const wanted = normalizeHandleId(handle)
  const ofHandle = attributesOf(block).map((attribute) => {
    return (
      attribute.handle !== undefined &&
      attribute.releasedAt === undefined &&
      normalizeHandleId(attribute.handle) === wanted
    )
  })
  const ordinals: Ordinal[] = []
  for (const [place, index] of block.allocations.entries()) {
    if (index !== null && ofHandle[index] === true) ordinals.push(ordinal(place))
  }
  return ordinals
}

/**
 * The block's sequence number just before the ordinal was assigned; 0 if unknown. A holder that knows it can prove that the address was
 * not released and assigned again since.
 */
export function sequenceNumberOf(block: Block, place: Ordinal): bigint {
  return block.sequenceNumberForAllocation[place] ?? 0n
}

function attributesOf(block: Block): readonly Attribute[] {
  return block.attributes ?? []
}

function assertInBlock(block: Block, place: Ordinal): void {
  assert(place < block.allocations.length, 'the block has no such ordinal')
}

/** Points ordinals to the holder's entry, which all its addresses share. `unallocated` is the queue without them. */
function allocate(block: Block, unallocated: readonly Ordinal[], places: readonly Ordinal[], holder: Holder): Block {
  const existing = attributesOf(block)
  const found = existing.findIndex((attribute) => isFor(attribute, holder))
  const index = found < 0 ? existing.length : found
  const allocations = [...block.allocations]
  const numbers = [...block.sequenceNumberForAllocation]
  for (const place of places) {
    allocations[place] = index
    numbers[place] = block.sequenceNumber
  }
  const allocated: Block = {
    ...block,
    allocations,
    unallocated,
    attributes: found < 0 ? [...existing, attributeFor(holder)] : existing,
    sequenceNumber: block.sequenceNumber + 1n,
    sequenceNumberForAllocation: numbers,
  }
  if (tidy.has(block)) tidy.add(allocated)
  return allocated
}

/** Points ordinals to one new entry that only says when they were released, and frees them at once if there is no cooldown. */
function retire(block: Block, places: readonly Ordinal[], now: Now, cooldownSeconds: number): Block {
  const tombstone: Attribute = { releasedAt: formatTime(now) }
  const existing = attributesOf(block)
  const allocations = [...block.allocations]
  for (const place of places) allocations[place] = existing.length
  const marked = { ...block, allocations, attributes: [...existing, tombstone] }
  // The tombstone's time is rounded down to a second and cannot tell how long ago the release was: only without a cooldown is it over.
  return incrementSequenceNumber(sweep(marked, (attribute) => attribute === tombstone && cooldownSeconds <= 0))
}

/** Frees the ordinals of expired entries, in ascending order, and drops entries that no ordinal refers to. The others keep their order. */
function sweep(block: Block, isExpired: (attribute: Attribute) => boolean): Block {
  const attributes = attributesOf(block)
  const expired = attributes.map(isExpired)
  const isUsed = attributes.map(() => false)
  for (const index of block.allocations) if (index !== null) isUsed[index] = expired[index] === false
  if (isUsed.every(Boolean)) return block

  const allocations = [...block.allocations]
  const unallocated = [...block.unallocated]
  const numbers = [...block.sequenceNumberForAllocation]
  let kept = 0
  const renumbered = isUsed.map((used) => (used ? kept++ : null))
  for (const [place, index] of block.allocations.entries()) {
    if (index === null) continue
    allocations[place] = renumbered[index] ?? null
    if (allocations[place] !== null) continue
    unallocated.push(ordinal(place))
    numbers[place] = undefined
  }
  return {
    ...block,
    allocations,
    unallocated,
    attributes: attributes.filter((_, index) => isUsed[index]),
    sequenceNumberForAllocation: numbers,
  }
}
