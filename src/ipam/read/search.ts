import { may } from '../../access/index.ts'
import { blocks as blockFamily, nodes as nodeFamily, type Pool, reservations } from '../../model/index.ts'
import { type Cidr, covers, formatCidr, isSameCidr, overlaps } from '../../net/index.ts'
import { answerOnly, type Listed, type Plan, type Result, success, type View } from '../../plan/index.ts'
import { reachOf, reading, visiblePools } from '../reach.ts'
import type { IpamContext } from '../request.ts'
import { readPools } from '../surroundings.ts'

/** What to look for. */
export interface SearchRequest {
  /** The text, without spaces at its ends. */
  readonly text: string
  /** The range, or the single address, that the text is; undefined for any other text. */
  readonly range: Cidr | undefined
  /** The most to find of each kind. */
  readonly limit: number
}

/** Something that was found in memory. */
export interface Found {
  readonly kind: 'pool' | 'reservation' | 'block' | 'node'
  readonly name: string
  readonly cidr?: Cidr
}

/** What was found of one kind. */
export interface FoundOfKind {
  readonly kind: Found['kind']
  readonly found: readonly Found[]
  /** False if there are more. */
  readonly isComplete: boolean
}

/**
 * Searches what is in memory: pools by name, CIDR and labels, reservations by name and range, blocks by range, nodes by name and labels,
 * registered or not. Finds only what the caller may list; kinds of which it may list nothing are not among the result.
 */
export function planSearch(
  view: View,
  request: SearchRequest,
  context: IpamContext,
): Plan<Result<readonly FoundOfKind[]>> {
  const { rights } = context
  const stored = readPools(view)
  const mayList = (resource: string): boolean => may(rights, { verb: 'list', resource }, {})
  const pools = reachOf(rights, stored, reading.pools[1])
  const visible = visiblePools(rights, stored, reading.pools[1]).all.filter((pool) =>
    pools.includesPool(pool, undefined),
  )
  const result: FoundOfKind[] = []
  const add = (kind: Found['kind'], found: Iterable<Ranked>): void => {
    result.push({ kind, ...best([...found], kind, request.limit) })
  }
  if (mayList('ippools') || visible.length > 0) add('pool', poolsFor(visible, request))
  if (mayList('ipreservations')) add('reservation', reservationsFor(view.list(reservations, 'hint'), request))
  if (request.range !== undefined) add('block', blocksIn(view, request.range, request.limit, context))
  else if (mayList('nodes')) add('node', nodesFor(view, request.text, context))
  return answerOnly(success(result))
}

/** Something that was found, and how well it fits: the lower, the better. */
interface Ranked {
  readonly rank: number
  readonly name: string
  readonly cidr?: Cidr
}

function best(found: readonly Ranked[], kind: Found['kind'], limit: number): Pick<FoundOfKind, 'found' | 'isComplete'> {
  const sorted = found.toSorted((one, other) => one.rank - other.rank)
  return {
    found: sorted.slice(0, limit).map(({ name, cidr }) => ({ kind, name, ...(cidr && { cidr }) })),
    isComplete: sorted.length <= limit,
  }
}

/** How well a name fits the text: it is the text, begins with it, contains it; undefined if it does not fit. */
function rankOf(name: string, text: string): number | undefined {
  const at = name.toLowerCase().indexOf(text.toLowerCase())
  return at < 0 ? undefined : at > 0 ? 2 : name.length === text.length ? 0 : 1
}

/** How well a range fits the one that is looked for: it is the same, lies around it, the narrower the better, or lies in it. */
function rankOfRange(cidr: Cidr, range: Cidr): number | undefined {
  if (!overlaps(cidr, range)) return undefined
  if (isSameCidr(cidr, range)) return 0
  return covers(cidr, range) ? 1 + range.prefixLength - cidr.prefixLength : 128 + cidr.prefixLength - range.prefixLength
}

function hasLabel(labels: Readonly<Record<string, string>>, text: string): boolean {
  const end = text.indexOf('=')
  return end > 0 && labels[text.slice(0, end)] === text.slice(end + 1)
}

function* poolsFor(pools: readonly Pool[], { text, range }: SearchRequest): Iterable<Ranked> {
  for (const { name, cidr, labels } of pools) {
    const rank =
      range === undefined
        ? (rankOf(name, text) ?? rankOf(formatCidr(cidr), text) ?? (hasLabel(labels, text) ? 0 : undefined))
        : rankOfRange(cidr, range)
    if (rank !== undefined) yield { rank, name, cidr }
  }
}

function* reservationsFor(
  entries: readonly Listed<{ readonly name: string; readonly cidrs: readonly Cidr[] }>[],
  { text, range }: SearchRequest,
): Iterable<Ranked> {
  for (const entry of entries) {
    if (entry.kind !== 'value') continue
    const { name, cidrs } = entry.value
    const cidr = range && cidrs.find((one) => overlaps(one, range))
    const rank = range === undefined ? rankOf(name, text) : cidr && rankOfRange(cidr, range)
    if (rank !== undefined) yield { rank, name, ...(cidr && { cidr }) }
  }
}

/** The blocks that share an address with the range, ascending: at most one more than the limit. */
function* blocksIn(view: View, range: Cidr, limit: number, { blocks, rights }: IpamContext): Iterable<Ranked> {
  view.consult(blockFamily)
  const reach = reachOf(rights, readPools(view), reading.blocks[1])
  let count = 0
  for (const { cidr } of blocks.overlapping(range)) {
    if (!reach.includes(cidr, undefined)) continue
    yield { rank: 0, name: formatCidr(cidr), cidr }
    if (++count > limit) return
  }
}

function* nodesFor(view: View, text: string, { blocks }: IpamContext): Iterable<Ranked> {
  const registered = new Set<string>()
  for (const entry of view.list(nodeFamily, 'hint')) {
    if (entry.kind !== 'value') continue
    const { name, labels } = entry.value
    registered.add(name)
    const rank = rankOf(name, text) ?? (hasLabel(labels, text) ? 0 : undefined)
    if (rank !== undefined) yield { rank, name }
  }
  view.consult(blockFamily)
  for (const name of blocks.nodes) {
    const rank = registered.has(name) ? undefined : rankOf(name, text)
    if (rank !== undefined) yield { rank, name }
  }
}
