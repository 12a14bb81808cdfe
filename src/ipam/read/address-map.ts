import { type Availability, type IndexedBlock, type Pool, PoolsByRange } from '../../model/index.ts'
import {
  addressCount,
  bits,
  type Cidr,
  CidrSet,
  covers,
  formatCidr,
  hostBits,
  lastAddress,
  overlaps,
  type PrefixLength,
} from '../../net/index.ts'
import { answerOnly, type Plan, refuse, type Result, success, type View } from '../../plan/index.ts'
import { reachOf, reading, visiblePools } from '../reach.ts'
import type { IpamContext } from '../request.ts'
import { onceFor, type Pools } from '../surroundings.ts'
import { countPart } from './count-addresses.ts'
import { readBasis } from './utilization.ts'

/** The most ranges, or single addresses, of one map. */
export const mapMax = 4_096

/** The most pools that a range names. */
const namedMax = 8

/** The addresses to look at, and how closely. */
export interface MapRequest {
  readonly cidr: Cidr
  /** The prefix length of the ranges to count; not shorter than that of `cidr`. */
  readonly prefixLength: PrefixLength
}

/** A range of the map. */
export interface MappedRange {
  readonly range: Cidr
  /** The names of pools that share an address with it, the larger ones first: the first {@link namedMax}. */
  readonly pools: readonly string[]
  readonly poolCount: number
  /** The blocks that share an address with it. */
  readonly blocks: number
  /** Its addresses that lie in pools. */
  readonly capacity: bigint
  /** Assigned addresses, whether they lie in a pool or not. */
  readonly inUse: bigint
  readonly cooling: bigint
  /** Addresses of pools that are in reservations. */
  readonly reserved: bigint
  /** Addresses of pools that an assign by count can get. */
  readonly available: bigint
}

/** A map of addresses. */
export interface AddressMap {
  /** The pools that are larger than a range, and share an address with the map. */
  readonly pools: readonly Pool[]
  /** The ranges in which there is a block, or a pool that is no larger; ascending. The others are like what surrounds them. */
  readonly ranges: readonly MappedRange[]
}

/**
 * Counts the addresses of ranges of one size, from the index of blocks: the answer is given only after the store has confirmed that the
 * index is current. Refused with `Invalid` if more than {@link mapMax} ranges have something in them.
 */
export function planReadMap(view: View, request: MapRequest, context: IpamContext): Plan<Result<AddressMap>> {
  const { cidr, prefixLength: length } = request
  const { pools, inPools, byRange, terms, blocks } = readMapBasis(view, request.cidr, context)
  const cells = new Cells(request)
  const around: Pool[] = []
  for (const pool of pools) {
    if (!overlaps(pool.cidr, cidr)) continue
    if (pool.cidr.prefixLength < length) around.push(pool)
    else cells.at(pool.cidr.base)
    if (cells.isFull) return answerOnly(refuseSize(request))
  }
  for (const block of blocks) {
    const isInPool = inPools.overlaps(block.cidr)
    for (const part of cells.partsOf(block.cidr)) {
      addBlock(cells.at(part.base), block, part, isInPool, terms)
      if (cells.isFull) return answerOnly(refuseSize(request))
    }
  }
  const ranges = [...cells.ascending()].map(([range, counts]) => finish(range, counts, inPools, byRange, terms))
  return answerOnly(success({ pools: around, ranges }))
}

/**
 * The states of the addresses of a range, one character for each, in ascending order: `a` available, `u` in use, `c` cooling down, `r` reserved,
 * `U` in use and reserved, `C` cooling down and reserved, `-` in no pool. Refused with `Invalid` if they are more than {@link mapMax}.
 */
export function planReadAddressStates(view: View, cidr: Cidr, context: IpamContext): Plan<Result<string>> {
  const count = addressCount(cidr)
  if (count > BigInt(mapMax)) {
    const message = `${formatCidr(cidr)} has more than ${mapMax} addresses; give a prefix length of at least ${bits(cidr.family) - 12}`
    return answerOnly(refuse('Invalid', `${message}.`, [{ field: 'cidr', reason: 'FieldValueInvalid', message }]))
  }
  const { inPools, terms, blocks } = readMapBasis(view, cidr, context)
  const states = new Array<string>(Number(count)).fill('-')
  const set = (first: bigint, last: bigint, change: (state: string) => string): void => {
    const from = first < cidr.base ? 0 : Number(first - cidr.base)
    const to = Math.min(states.length - 1, Number(last - cidr.base))
    for (const [index, state] of states.slice(from, to + 1).entries()) states[from + index] = change(state)
  }
  // Of blocks that overlap, the largest counts: it comes first.
  let end = cidr.base - 1n
  for (const block of blocks) {
    const last = lastAddress(block.cidr).value
    if (last <= end) continue
    end = last
    set(block.cidr.base, last, () => 'u')
    const at = (place: number): bigint => block.cidr.base + BigInt(place)
    for (const run of block.free) set(at(run.first), at(run.last), () => '-')
    for (const run of block.cooling) {
      const hasCooled = run.releasedAt !== undefined && run.releasedAt < terms.cooledBefore
      set(at(run.first), at(run.last), () => (hasCooled ? '-' : 'c'))
    }
  }
  for (const run of inPools.runsIn(cidr)) set(run.first.value, run.last.value, (state) => (state === '-' ? 'a' : state))
  for (const run of terms.reserved.runsIn(cidr)) {
    set(run.first.value, run.last.value, (state) => (state === 'a' ? 'r' : state === '-' ? '-' : state.toUpperCase()))
  }
  return answerOnly(success(states.join('')))
}

/** What a map is made of, as far as the caller may see it. */
interface MapBasis {
  readonly pools: readonly Pool[]
  readonly inPools: CidrSet
  readonly byRange: PoolsByRange<Pool>
  readonly terms: Availability
  /** The blocks that share an address with the map, ascending. */
  readonly blocks: Iterable<IndexedBlock>
}

function readMapBasis(view: View, cidr: Cidr, context: IpamContext): MapBasis {
  const { rights, blocks } = context
  const { stored, terms } = readBasis(view, context)
  const listing = reading.pools[1]
  const reach = reachOf(rights, stored, listing)
  const visible = visiblePools(rights, stored, listing)
  const { pools, inPools, byRange } = placesOf(reach.isUnlimited ? visible : listedOf(reach)(visible))
  const all = blocks.overlapping(cidr)
  // Blocks outside of pools are for those who may see all pools.
  return { pools, inPools, byRange, terms, blocks: reach.isUnlimited ? all : only(all, inPools) }
}

const listedOf = onceFor((reach: ReturnType<typeof reachOf>) =>
  onceFor(
    ({ all }: Pools): Pools => ({ all: all.filter((pool) => reach.includesPool(pool, undefined)), unreadable: [] }),
  ),
)

const placesOf = onceFor(({ all }: Pools) => {
  // The larger ones first.
  const pools = all.toSorted((one, other) => one.cidr.prefixLength - other.cidr.prefixLength)
  return { pools, inPools: CidrSet.of(all.map(({ cidr }) => cidr)), byRange: new PoolsByRange(pools) }
})

function* only(blocks: Iterable<IndexedBlock>, places: CidrSet): Iterable<IndexedBlock> {
  for (const block of blocks) if (places.overlaps(block.cidr)) yield block
}

/** The sums of one range over its blocks. No block has more than 4,096 addresses, so numbers hold them. */
interface CellCounts {
  blocks: number
  inUse: number
  cooling: number
  /** The addresses of blocks that lie in pools, and how many of them are reserved and available. */
  inBlocks: number
  reserved: number
  available: number
  /** The last block that was counted: one that lies in it is not counted again. */
  last: Cidr | undefined
}

/** The ranges of a map, each made when something is found in it. */
class Cells {
  readonly #cidr: Cidr
  readonly #length: PrefixLength
  readonly #shift: bigint
  readonly #cells = new Map<bigint, CellCounts>()
  /** The last one that was asked for: blocks come in order, so many follow each other in one range. */
  #latest: { readonly number: bigint; readonly counts: CellCounts } | undefined

  constructor({ cidr, prefixLength: length }: MapRequest) {
    this.#cidr = cidr
    this.#length = length
    this.#shift = hostBits({ ...cidr, prefixLength: length })
  }

  get isFull(): boolean {
    return this.#cells.size > mapMax
  }

  /** The counts of the range that contains the address. */
  at(address: bigint): CellCounts {
    const number = address >> this.#shift
    if (this.#latest?.number === number) return this.#latest.counts
    const made = { blocks: 0, inUse: 0, cooling: 0, inBlocks: 0, reserved: 0, available: 0, last: undefined }
    const counts: CellCounts = this.#cells.get(number) ?? made
    if (counts === made) this.#cells.set(number, counts)
    this.#latest = { number, counts }
    return counts
  }

  /** The parts of a block that lie in different ranges of the map. */
  partsOf(block: Cidr): readonly Cidr[] {
    if (block.prefixLength >= this.#length) return [block]
    const { family } = block
    const whole = covers(this.#cidr, block) ? block : this.#cidr
    // Of a block with 4,096 addresses, no more than these.
    return Array.from({ length: Number(addressCount(whole) >> this.#shift) }, (_, index) => ({
      family,
      base: whole.base + (BigInt(index) << this.#shift),
      prefixLength: this.#length,
    }))
  }

  *ascending(): Iterable<readonly [Cidr, CellCounts]> {
    const { family } = this.#cidr
    const sorted = [...this.#cells].sort(([one], [other]) => Number(one - other))
    for (const [number, counts] of sorted) {
      yield [{ family, base: number << this.#shift, prefixLength: this.#length }, counts]
    }
  }
}

function addBlock(counts: CellCounts, block: IndexedBlock, part: Cidr, isInPool: boolean, terms: Availability): void {
  counts.blocks++
  const { last } = counts
  if (last !== undefined && last.prefixLength < block.cidr.prefixLength && covers(last, block.cidr)) return
  counts.last = block.cidr
  const found = countPart(block, terms, part)
  counts.inUse += found.inUse
  counts.cooling += found.cooling
  if (!isInPool) return
  counts.inBlocks += found.capacity
  counts.reserved += found.reserved
  counts.available += found.available
}

function finish(
  range: Cidr,
  { blocks, inUse, cooling, inBlocks, reserved: reservedInBlocks, available }: CellCounts,
  inPools: CidrSet,
  byRange: PoolsByRange<Pool>,
  { reserved }: Availability,
): MappedRange {
  const capacity = inPools.countIn(range)
  let reservedInPools = 0n
  for (const { first, last } of reserved.runsIn(range)) reservedInPools += inPools.countBetween(first, last)
  const names: string[] = []
  let poolCount = 0
  for (const pools of [byRange.around(range), byRange.within(range)]) {
    for (const { name } of pools) if (poolCount++ < namedMax) names.push(name)
  }
  const vacant = capacity - reservedInPools - BigInt(inBlocks - reservedInBlocks)
  return {
    range,
    pools: names,
    poolCount,
    blocks,
    capacity,
    inUse: BigInt(inUse),
    cooling: BigInt(cooling),
    reserved: reservedInPools,
    available: vacant + BigInt(available),
  }
}

function refuseSize({ cidr, prefixLength: length }: MapRequest): Result<never> {
  const advice = `give a prefix length of at most ${cidr.prefixLength + 12}, or a smaller cidr`
  const message = `${formatCidr(cidr)} has more than ${mapMax} ranges of /${length} with something in them; ${advice}`
  return refuse('Invalid', `${message}.`, [{ field: 'prefixLength', reason: 'FieldValueInvalid', message }])
}
