import assert from 'node:assert/strict'
import { addressCount, type Cidr, type Ordinal, ordinal } from '../../net/index.ts'
import { comparableHandle } from '../handle.ts'
import { noFields } from '../json/index.ts'
import { formatTime, type Now, nanosecondsPerSecond, parseTime } from '../time.ts'
import { formatOwner, type Owner } from './affinity.ts'
import { type Attribute, attributeFor, type Holder, isFor, sameAttribute } from './attribute.ts'
import { type Block, noNumbers, windowsReservedHandle } from './block.ts'

/**
 * How a block changes: each operation gives a new block, exactly as Calico would have written it, its number grown by
 * one. Call {@link collectGarbage} on a block that comes from the datastore before anything else, as Calico does on
 * loading it.
 * @see docs/calico/formats.md section 2.2, docs/calico/ipam.md section 3
 */

/** A block without any address in use, claimed for `owner` (null: nobody) at `now`. */
export function newBlock(cidr: Cidr, owner: Owner | null, now: Now): Block {
  const size = Number(addressCount(cidr))
  return {
    cidr,
    affinity: owner === null ? null : formatOwner(owner),
    ...(owner === null ? {} : { affinityClaimTime: formatTime(now) }),
    allocations: Array.from({ length: size }, () => null),
    unallocated: Array.from({ length: size }, (_, place) => ordinal(place)),
    attributes: null,
    sequenceNumber: now.nanoseconds,
    sequenceNumberForAllocation: noNumbers(size),
    deleted: false,
    unknownFields: noFields,
  }
}

/** How many ordinals at either end of a block a host keeps for itself. */
export interface HostReserved {
  readonly start: number
  readonly end: number
}

/**
 * A new block in which the ordinals at its ends belong to the host, as Windows needs it: they are not in the queue, and have neither a
 * sequence number nor a handle of their own. @see docs/calico/formats.md section 2.2
 */
export function withHostReserved(block: Block, { start, end }: HostReserved): Block {
  const isReserved = (place: number): boolean => place < start || place >= block.allocations.length - end
  if (start + end === 0) return block
  return {
    ...block,
    allocations: block.allocations.map((_, place) => (isReserved(place) ? 0 : null)),
    unallocated: block.unallocated.filter((place) => !isReserved(place)),
    attributes: [{ handle: windowsReservedHandle, secondary: { note: 'windows host rsvd' } }],
  }
}

/** The outcome of an automatic assignment: the ordinals taken, in the order of the queue, and the block after it. */
export interface Assigned {
  readonly block: Block
  readonly ordinals: readonly Ordinal[]
}

/**
 * Takes up to `count` ordinals from the front of the queue for `holder`. Reserved ones are passed over and keep their
 * place. When none is left, the block given is the block returned.
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

/** Takes this very ordinal for `holder`, reserved or not. `taken`: somebody holds it, or it cools down. */
export function assignOrdinal(block: Block, place: Ordinal, holder: Holder): Block | 'taken' {
  assertInBlock(block, place)
  if (block.allocations[place] !== null) return 'taken'
  const unallocated = block.unallocated.filter((other) => other !== place)
  return allocate(block, unallocated, [place], holder)
}

/**
 * The block with `attribute` as what is stored for an ordinal in use. Other ordinals keep what they have, though they shared the entry.
 * When nothing changes, the block given is the block returned.
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
  return touch(sweep({ ...block, allocations, attributes }, () => false))
}

/** The outcome of a release: the ordinals released, those that nobody held, both ascending, and the block after it. */
export interface Released {
  readonly block: Block
  readonly ordinals: readonly Ordinal[]
  readonly notHeld: readonly Ordinal[]
}

/**
 * Releases these ordinals, whoever holds them. Whatever their order, they enter the queue ascending: at once when there
 * is no cooldown, else by {@link collectGarbage} once it is over. When nobody held any, the block given is the block
 * returned.
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
 * Releases everything that the handle holds; otherwise like {@link releaseOrdinals}. Addresses that cool down keep
 * their numbers.
 */
export function releaseHandle(block: Block, handle: string, now: Now, cooldownSeconds: number): Released {
  const ordinals = ordinalsOfHandle(block, handle)
  if (ordinals.length === 0) return { block, ordinals, notHeld: [] }
  return { block: retire(block, ordinals, now, cooldownSeconds), ordinals, notHeld: [] }
}

/**
 * The block as every operation must see it: ordinals whose cooldown is over (always, when it is negative) are freed,
 * ascending, and entries that no ordinal refers to are gone. The number does not grow, as nothing is written by this
 * alone. When there is nothing to collect, the block given is the block returned.
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

/** Blocks in which there is nothing to collect, however late it gets: each of thousands of assignments asks for the same block. */
const tidy = new WeakSet<Block>()

/** The same block with its number grown by one, so that whoever read it before cannot write it any more. */
export function touch(block: Block): Block {
  return { ...block, sequenceNumber: block.sequenceNumber + 1n }
}

/** What is stored for an ordinal in use, or cooling down; undefined when it is free. */
export function attributeOf(block: Block, place: Ordinal): Attribute | undefined {
  const index = block.allocations[place]
  return index === null || index === undefined ? undefined : block.attributes?.[index]
}

/** Whether somebody holds the ordinal: it is neither free nor cooling down. */
export function isHeld(block: Block, place: Ordinal): boolean {
  const attribute = attributeOf(block, place)
  return attribute !== undefined && attribute.releasedAt === undefined
}

/** Whether the ordinal was released and rests. */
export function isCooling(block: Block, place: Ordinal): boolean {
  return attributeOf(block, place)?.releasedAt !== undefined
}

/**
 * The handle that holds the ordinal, as it compares; undefined when it is free, cooling down, or held without a handle.
 */
export function handleOf(block: Block, place: Ordinal): string | undefined {
  const handle = attributeOf(block, place)?.handle
  return handle === undefined ? undefined : comparableHandle(handle)
}

/** The ordinals that the handle holds, ascending. */
export function ordinalsOfHandle(block: Block, handle: string): readonly Ordinal[] {
  const wanted = comparableHandle(handle)
  const ofHandle = attributesOf(block).map((attribute) => {
    return (
      attribute.handle !== undefined &&
      attribute.releasedAt === undefined &&
      comparableHandle(attribute.handle) === wanted
    )
  })
  const ordinals: Ordinal[] = []
  for (const [place, index] of block.allocations.entries()) {
    if (index !== null && ofHandle[index] === true) ordinals.push(ordinal(place))
  }
  return ordinals
}

/**
 * The block's number just before the ordinal was taken, by which its holder proves that it is still the same one; 0
 * when unknown.
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

/**
 * Points ordinals at the holder's entry; `unallocated` is the queue without them. All addresses of one holder share one
 * entry.
 */
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

/**
 * Points ordinals at one entry that only says when they were released, and frees them at once when there is no
 * cooldown.
 */
function retire(block: Block, places: readonly Ordinal[], now: Now, cooldownSeconds: number): Block {
  const tombstone: Attribute = { releasedAt: formatTime(now) }
  const existing = attributesOf(block)
  const allocations = [...block.allocations]
  for (const place of places) allocations[place] = existing.length
  const marked = { ...block, allocations, attributes: [...existing, tombstone] }
  // The text of the tombstone is cut to whole seconds; measured by it, a cooldown could end before it began.
  return touch(sweep(marked, (attribute) => attribute === tombstone && cooldownSeconds <= 0))
}

/**
 * Frees the ordinals of expired entries, ascending, and drops entries that nobody refers to; the rest keep their order.
 */
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
