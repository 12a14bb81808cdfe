import type { Availability, BlockIndex, IndexedBlock, Pool } from '../../model/index.ts'
import {
  type Address,
  type Cidr,
  covers,
  firstAddress,
  formatCidr,
  greater,
  hostCidr,
  lastAddress,
  lesser,
  overlaps,
} from '../../net/index.ts'
import { answerOnly, type Plan, refuse, type Result, success, type View } from '../../plan/index.ts'
import { isNamed } from '../eligible-pools.ts'
import { deniedIn, reachOf, reading, visiblePools } from '../reach.ts'
import type { IpamContext } from '../request.ts'
import { countInRange } from './count-addresses.ts'
import { readBasis } from './utilization.ts'

/** Which available addresses to read. */
export interface FreeRequest {
  /** The name or the CIDR of the pool. */
  readonly pool: string
  /** Only addresses in this range; undefined for the whole pool. */
  readonly range: Cidr | undefined
  /** The first address that may be in the page; undefined for the first page. */
  readonly from: Address | undefined
  readonly limit: number
}

/** Addresses `first` to `last`, both included. */
export interface FreeRange {
  readonly first: Address
  readonly last: Address
}

/** A page of available addresses, ascending, as ranges that do not touch. */
export interface FreeAnswer {
  readonly pool: Pool
  /** The part of the pool that was looked at. */
  readonly range: Cidr
  /** The number of available addresses in it, on all pages. */
  readonly available: bigint
  readonly ranges: readonly FreeRange[]
  /** The first address of the next page; undefined on the last one. */
  readonly next: Address | undefined
}

/**
 * Reads the available addresses of a pool: those that are neither in use nor cooling down nor reserved. They come from the index of blocks;
 * the answer is given only after the store has confirmed that the index is current. Refused with `NotFound` if the pool does not exist,
 * and with `Invalid` if the range and the pool have no address in common.
 */
export function planReadFree(view: View, request: FreeRequest, context: IpamContext): Plan<Result<FreeAnswer>> {
  const { blocks, rights } = context
  const { stored, terms } = readBasis(view, context)
  const pool = visiblePools(rights, stored, reading.pools[0]).all.find((one) => isNamed(one, request.pool))
  if (pool === undefined) return answerOnly(refuse('NotFound', `Pool ${request.pool} does not exist.`))
  if (!reachOf(rights, stored, reading.pools[0]).includesPool(pool, undefined)) {
    return answerOnly({ ok: false, refusal: deniedIn(rights, reading.pools[0], pool) })
  }
  const range = request.range ?? pool.cidr
  if (!overlaps(range, pool.cidr)) {
    const message = `${formatCidr(range)} lies outside of the pool ${pool.name}, ${formatCidr(pool.cidr)}`
    return answerOnly(refuse('Invalid', `${message}.`, [{ field: 'cidr', reason: 'FieldValueInvalid', message }]))
  }
  const within = covers(range, pool.cidr) ? pool.cidr : range
  const { family } = within
  const [begin, last] = [firstAddress(within), lastAddress(within)]
  const from = request.from?.family === family && request.from.value > begin.value ? request.from : begin
  const ranges: FreeRange[] = []
  let next: Address | undefined
  for (const { first, last: end } of joined(availableRuns(from, last, blocks, terms))) {
    if (ranges.length === request.limit) {
      next = { family, value: first }
      break
    }
    ranges.push({ first: { family, value: first }, last: { family, value: end } })
  }
  const { available } = countInRange(within, blocks, terms)
  return answerOnly(success({ pool, range: within, available, ranges, next }))
}

/** Addresses `first` to `last`, both included, as numbers of one family. */
interface Run {
  readonly first: bigint
  readonly last: bigint
}

/** Joins runs that touch. */
function* joined(runs: Iterable<Run>): Iterable<Run> {
  let open: Run | undefined
  for (const run of runs) {
    if (open !== undefined && open.last + 1n === run.first) open = { first: open.first, last: run.last }
    else {
      if (open !== undefined) yield open
      open = run
    }
  }
  if (open !== undefined) yield open
}

/** The available addresses from `from` to `to`, ascending. */
function* availableRuns(from: Address, to: Address, blocks: BlockIndex, terms: Availability): Iterable<Run> {
  const { family } = from
  for (const { first, last } of unusedRuns(from, to, blocks, terms)) {
    yield* terms.reserved.gapsBetween({ family, value: first }, { family, value: last })
  }
}

/** The addresses from `from` to `to` that are neither in use nor cooling down, ascending. Of blocks that overlap, the largest counts. */
function* unusedRuns(from: Address, to: Address, blocks: BlockIndex, terms: Availability): Iterable<Run> {
  let next = from.value
  for (const block of blocksFrom(from, blocks)) {
    const { cidr } = block
    if (cidr.family !== from.family || cidr.base > to.value) break
    const end = lastAddress(cidr).value
    if (end < next) continue
    if (cidr.base > next) yield { first: next, last: cidr.base - 1n }
    for (const run of freeRuns(block, terms)) {
      const first = greater(cidr.base + BigInt(run.first), next)
      const last = lesser(cidr.base + BigInt(run.last), to.value)
      if (first <= last) yield { first, last }
    }
    next = end + 1n
  }
  if (next <= to.value) yield { first: next, last: to.value }
}

function* blocksFrom(from: Address, blocks: BlockIndex): Iterable<IndexedBlock> {
  const around = blocks.containing(from)
  if (around !== undefined) yield around
  yield* blocks.after(around?.cidr ?? hostCidr(from))
}

/** The ordinals of a block that are free, or have cooled down, ascending. */
function freeRuns(
  { free, cooling }: IndexedBlock,
  { cooledBefore }: Availability,
): readonly { readonly first: number; readonly last: number }[] {
  const cooled = cooling.filter(({ releasedAt }) => releasedAt !== undefined && releasedAt < cooledBefore)
  return cooled.length === 0 ? free : [...free, ...cooled].sort((one, other) => one.first - other.first)
}
