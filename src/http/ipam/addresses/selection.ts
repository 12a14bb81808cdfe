import {
  type AddressFilter,
  blockPathPrefixes,
  mayMatch,
  type PoolsAtRevision,
  type Reach,
  type SelectedAddress,
  selectAddresses,
} from '../../../ipam/index.ts'
import { blocks as blockFamily, parseBlockKey } from '../../../model/index.ts'
import { type Cidr, covers, overlaps } from '../../../net/index.ts'
import type { Decodable, Listed } from '../../../plan/index.ts'
import { requireGranted } from '../../wire/index.ts'
import { blockKeysOf, blocksAtOnce, readAt, readBlocks, readHandle, type Snapshot } from './snapshot.ts'

/** The addresses to select. */
export interface SelectionQuery extends AddressFilter {
  /** The name or the CIDR of their pool. */
  readonly pool?: string | undefined
}

/** The blocks to read, and the addresses to take from each. */
export interface Selection {
  /** The prefixes of the keys of all blocks that may have such addresses, in their order. */
  readonly prefixes: readonly string[]
  /** The reach of listing addresses. */
  readonly reach: Reach
  /** False for a block whose addresses may not be listed. No page may begin with it: its token would name the block. */
  readonly isListed: (key: string) => boolean
  readonly addresses: Decodable<readonly SelectedAddress[]>
}

/** A block, and the addresses that were selected of it, ascending. */
export type LookedAt = Listed<readonly SelectedAddress[]>

/** The addresses that match a query. Throws a refusal `Invalid` for a pool that does not exist. */
export function selectionOf(pools: PoolsAtRevision, query: SelectionQuery): Selection {
  const pool = query.pool === undefined ? undefined : requireGranted(pools.named(query.pool))
  const { range } = query
  const within = range !== undefined && (pool === undefined || covers(pool.cidr, range)) ? range : pool?.cidr
  const { reach } = pools
  return {
    prefixes: pathsOf(pools, within).map((path) => `${blockFamily.prefix}${path}`),
    reach,
    isListed: (key) => {
      const cidr = parseBlockKey(key)
      return reach.isUnlimited || (cidr !== undefined && reach.touches(cidr))
    },
    addresses: {
      prefix: blockFamily.prefix,
      decode(key, text) {
        const cidr = parseBlockKey(key)
        const poolOfBlock = cidr && pools.ofBlock(cidr)?.name
        const isAsked = pool === undefined || pool.name === poolOfBlock
        const isInRange = range === undefined || cidr === undefined || overlaps(range, cidr)
        const isHandleListed = cidr === undefined ? reach.handlesAnywhere : reach.handlesIn(cidr)
        if (!isAsked || !isInRange || isHandleListed === undefined || !mayMatch(text, query)) {
          return { ok: true, value: [] }
        }
        const decoded = blockFamily.decode(key, text)
        return decoded.ok
          ? { ok: true, value: selectAddresses(decoded.value, query, poolOfBlock, isHandleListed) }
          : decoded
      },
    },
  }
}

/** The prefixes of the paths of the blocks to read: in a range if it is given, and otherwise wherever addresses may be listed. */
function pathsOf({ listed }: PoolsAtRevision, within: Cidr | undefined): readonly string[] {
  if (within !== undefined) return blockPathPrefixes(within)
  return listed === undefined ? [''] : withoutNested(listed.flatMap(({ cidr }) => blockPathPrefixes(cidr)))
}

/** Prefixes without those that begin with another one, in their order. */
export function withoutNested(prefixes: readonly string[]): readonly string[] {
  const kept: string[] = []
  // Sorted, those that begin with a prefix follow it.
  for (const one of prefixes.toSorted()) {
    const last = kept.at(-1)
    if (last === undefined || !one.startsWith(last)) kept.push(one)
  }
  return kept
}

/** Finds the keys of the only blocks that have to be read, in order; undefined: all. */
export type FindBlocks = () => Promise<readonly string[] | undefined>

/** Reads the selected blocks from the key `start` on, in the order of their keys; only those with the keys `only`, if they are given. */
export async function* selectedBlocks(
  snapshot: Snapshot,
  selection: Selection,
  only: readonly string[] | undefined,
  start = '',
): AsyncGenerator<LookedAt, void> {
  if (only === undefined) {
    yield* blocksBelow(snapshot, selection, start)
  } else {
    yield* readBlocks(
      snapshot,
      selection.addresses,
      selectedAmong(only, selection).filter((key) => key >= start),
    )
  }
}

/** The keys of the selected blocks, some at a time, in their order; only those among `only`, if they are given. */
export async function* selectedKeys(
  snapshot: Snapshot,
  selection: Selection,
  only: readonly string[] | undefined,
): AsyncGenerator<readonly string[], void> {
  if (only !== undefined) {
    yield selectedAmong(only, selection)
    return
  }
  for (const prefix of selection.prefixes) {
    for await (const keys of keysBelow(snapshot, prefix)) yield keys.filter(selection.isListed)
  }
}

/** Reads the selected blocks from the key `start` on, in the order of their keys, and takes from each what `addresses` decodes. */
export async function* blocksBelow<Value>(
  { reader, revision }: Snapshot,
  {
    prefixes,
    addresses,
    isListed,
  }: Pick<Selection, 'prefixes' | 'isListed'> & { readonly addresses: Decodable<Value> },
  start = '',
): AsyncGenerator<Listed<Value>, void> {
  for (const prefix of prefixes) {
    let from = start > prefix ? start : prefix
    for (let limit: number = blocksAtOnce.first; ; limit = Math.min(limit * 2, blocksAtOnce.max)) {
      const { entries } = await readAt(reader, addresses, { from, limit }, revision)
      const inside = entries.filter(({ key }) => key.startsWith(prefix))
      yield* inside.filter(({ key }) => isListed(key))
      from = `${inside.at(-1)?.key ?? from}\0`
      if (inside.length < limit) break
    }
  }
}

/** Keys read at once: parsing them holds up other requests for some milliseconds. */
const keysAtOnce = 1_000

async function* keysBelow({ reader, revision }: Snapshot, prefix: string): AsyncGenerator<readonly string[], void> {
  const keys: Decodable<undefined> = { prefix, decode: () => ({ ok: true, value: undefined }) }
  for (let after: string | undefined; ; ) {
    const options = { limit: keysAtOnce, keysOnly: true, ...(after !== undefined && { after }) }
    const { entries, remaining } = await readAt(reader, keys, options, revision)
    yield entries.map(({ key }) => key)
    after = entries.at(-1)?.key
    if (after === undefined || remaining <= 0) return
  }
}

/** The keys of the blocks that a handle names, in order. Throws what {@link readHandle} throws. */
export async function keysOfHandle(
  snapshot: Snapshot,
  { reach }: Selection,
  handle: string,
): Promise<readonly string[]> {
  const stored = await readHandle(snapshot, handle, reach)
  return stored === undefined ? [] : blockKeysOf(stored.value)
}

function selectedAmong(keys: readonly string[], { prefixes, isListed }: Selection): readonly string[] {
  return keys.filter((key) => isListed(key) && prefixes.some((prefix) => key.startsWith(prefix)))
}
