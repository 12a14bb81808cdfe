import type { Cidr } from '../../net/index.ts'
import { nanosecondsPerSecond, parseTime } from '../time.ts'
import { isBlockEmpty } from './block.ts'
import type { BlockOutline } from './outline.ts'

/** Ordinals `first` to `last`, both included. */
interface Run {
  readonly first: number
  readonly last: number
}

/** Ordinals that were released together and cool down, or have cooled and wait for the next change of the block to free them. */
interface CoolingRun extends Run {
  /** Unix time in nanoseconds; undefined if the stored text is no time. */
  readonly releasedAt: bigint | undefined
}

/** The number of addresses of a block that are held on one node. */
export interface HeldOnNode {
  /** As the attributes of the holders say; undefined: they name none. */
  readonly node: string | undefined
  readonly count: number
}

/** The facts about a block that the index keeps in memory: enough to choose one that has a free address. Refers to no part of the block. */
export interface IndexedBlock {
  readonly cidr: Cidr
  /** False: a block is stored, but it cannot be read. All else says that it has nothing to give. */
  readonly isReadable: boolean
  readonly affinity: string | null
  /** Unix time; absent if the block has no time of its claim. */
  readonly claimedAtSeconds?: number
  readonly sequenceNumber: bigint
  /** The length of the queue of free ordinals, reserved addresses included. */
  readonly freeCount: number
  readonly free: readonly Run[]
  /** The held addresses, by the node of their holders. */
  readonly held: readonly HeldOnNode[]
  /** True if a released address cools down, or has cooled and waits to be freed. */
  readonly hasCooling: boolean
  readonly cooling: readonly CoolingRun[]
  /** When the first of the addresses in `cooling` was released: Unix time in nanoseconds. */
  readonly coolingSince: bigint | undefined
  /** True if no address is held or cools down. */
  readonly isEmpty: boolean
  /** True if the block is empty, or will be once every released address has cooled down. */
  readonly isAbandoned: boolean
}

/** Makes the digest of a block. It copies texts, so that they do not keep the much longer stored text in memory. */
export function digestOf(block: BlockOutline): IndexedBlock {
  const { cidr, affinity, affinityClaimTime, allocations, unallocated, attributes, sequenceNumber } = block
  const claimedAt = affinityClaimTime === undefined ? undefined : parseTime(affinityClaimTime)
  const hasCooling = attributes?.some(({ releasedAt }) => releasedAt !== undefined) ?? false
  const cooling = hasCooling ? coolingRuns(allocations, attributes) : nothingCooling
  const isEmptyBlock = isBlockEmpty(block)
  return {
    cidr,
    isReadable: true,
    affinity: affinity === null ? null : copyText(affinity),
    ...(claimedAt === undefined ? {} : { claimedAtSeconds: Number(claimedAt.nanoseconds / nanosecondsPerSecond) }),
    sequenceNumber,
    freeCount: unallocated.length,
    free: freeRuns(allocations),
    held: heldOnNodes(allocations, attributes),
    hasCooling,
    cooling,
    coolingSince: firstRelease(cooling),
    isEmpty: isEmptyBlock,
    isAbandoned: hasCooling ? isEmptyOnceCooled(block) : isEmptyBlock,
  }
}

/** The digest of a block that cannot be read: it occupies its CIDR, and has nothing to give. */
export function digestOfUnreadable(cidr: Cidr): IndexedBlock {
  return {
    cidr,
    isReadable: false,
    affinity: null,
    sequenceNumber: 0n,
    freeCount: 0,
    free: [],
    held: [],
    hasCooling: false,
    cooling: nothingCooling,
    coolingSince: undefined,
    isEmpty: false,
    isAbandoned: false,
  }
}

/** Shared by all blocks in which nothing cools down: nearly all. */
const nothingCooling: readonly CoolingRun[] = []

/**
 * In V8 a part of a string refers to the whole string. A part of a joined string refers to the join, which is only one character longer.
 */
function copyText(text: string): string {
  return ` ${text}`.slice(1)
}

function isEmptyOnceCooled({ allocations, attributes }: BlockOutline): boolean {
  const held = allocations.map((index) => {
    return index !== null && attributes?.[index]?.releasedAt !== undefined ? null : index
  })
  return isBlockEmpty({ allocations: held, attributes })
}

function freeRuns(allocations: BlockOutline['allocations']): readonly Run[] {
  const runs: Run[] = []
  for (let end = 0; end < allocations.length; end++) {
    const first = end
    while (allocations[end] === null) end++
    if (end > first) runs.push({ first, last: end - 1 })
  }
  return runs
}

function heldOnNodes(
  allocations: BlockOutline['allocations'],
  attributes: BlockOutline['attributes'],
): readonly HeldOnNode[] {
  const counts = new Map<string | undefined, number>()
  for (const index of allocations) {
    if (index === null) continue
    const attribute = attributes?.[index]
    if (attribute?.releasedAt !== undefined) continue
    const node = attribute?.active?.['node']
    counts.set(node, (counts.get(node) ?? 0) + 1)
  }
  return Array.from(counts, ([node, count]) => ({ node: node === undefined ? undefined : copyText(node), count }))
}

function coolingRuns(
  allocations: BlockOutline['allocations'],
  attributes: BlockOutline['attributes'],
): readonly CoolingRun[] {
  const runs: CoolingRun[] = []
  for (const [place, index] of allocations.entries()) {
    const releasedAt = index === null ? undefined : attributes?.[index]?.releasedAt
    if (releasedAt === undefined) continue
    const before = allocations[place - 1] === index ? runs.pop() : undefined
    const first = before?.first ?? place
    runs.push({ first, last: place, releasedAt: before?.releasedAt ?? parseTime(releasedAt)?.nanoseconds })
  }
  return runs
}

function firstRelease(runs: readonly CoolingRun[]): bigint | undefined {
  let first: bigint | undefined
  for (const { releasedAt } of runs) {
    if (releasedAt !== undefined && (first === undefined || releasedAt < first)) first = releasedAt
  }
  return first
}
