import { type AddressOrder, type Allocation, comparisonOf, type SortKey, sortKeyOf } from '../../../ipam/index.ts'
import { parseBlockKey } from '../../../model/index.ts'
import { type Cidr, compareAddresses, firstAddress } from '../../../net/index.ts'
import { refuseContinueToken } from '../../wire/index.ts'
import type { Place } from './place.ts'
import { type LookedAt, type Selection, selectedKeys } from './selection.ts'
import { Smallest } from './smallest.ts'
import { batchesOf, readAt, readBlocks, type Snapshot } from './snapshot.ts'

/** The key of a block, and its CIDR. */
interface BlockAt {
  readonly key: string
  readonly cidr: Cidr
}

/**
 * Reads the selected blocks from the one at `start` on in the order of their addresses, at most `max` of them. Blocks do not overlap, or
 * the check reports them; if some do, the order holds within each. Keys that are none of a block come before all others.
 *
 * etcd has the keys in the order of texts, so all of them are read for each call, without values; no more than `max` are kept.
 */
export async function* blocksByAddress(
  snapshot: Snapshot,
  selection: Selection,
  {
    only,
    isDescending,
    max,
  }: { readonly only: readonly string[] | undefined; readonly isDescending: boolean; readonly max: number },
  start: Place | undefined,
): AsyncGenerator<LookedAt, void> {
  const direction = isDescending ? -1 : 1
  const compare = (one: BlockAt, other: BlockAt): number => direction * compareCidrs(one.cidr, other.cidr)
  const first = start && blockAt(start.key)
  const odd: string[] = []
  const nearest = new Smallest(max, compare)
  for await (const some of selectedKeys(snapshot, selection, only)) {
    for (const key of some) {
      const block = blockAt(key)
      if (block === undefined) odd.push(key)
      else if (first === undefined || compare(block, first) >= 0) nearest.add(block)
    }
  }
  const keys = nearest.sorted().map(({ key }) => key)
  yield* readInOrder(snapshot, selection, first === undefined ? [...odd, ...keys] : keys)
}

/** Reads the blocks of these keys, some at a time, in the order given. */
async function* readInOrder(
  { reader, revision }: Snapshot,
  { addresses }: Selection,
  keys: readonly string[],
): AsyncGenerator<LookedAt, void> {
  for (const some of batchesOf(keys)) {
    const { entries } = await readAt(reader, addresses, { keys: some.toSorted() }, revision)
    const found = new Map(entries.map((entry) => [entry.key, entry]))
    yield* some.flatMap((key) => found.get(key) ?? [])
  }
}

/** A page of addresses in an order that etcd knows nothing of. */
export interface SortedPage {
  readonly addresses: readonly Allocation[]
  /** The keys of all selected blocks that cannot be read: the first of them, if there are very many. */
  readonly unreadable: readonly string[]
  readonly next: Place | undefined
}

/** The most unreadable blocks that a page names. */
const unreadableMax = 2_048

/**
 * Finds the `limit` addresses that come first in an order, from the one at `start` on. Reads all selected blocks for that, some at a time,
 * and keeps no more than twice as many addresses as it finds. Throws a refusal `Invalid` if no selected address is at `start`.
 */
export async function findSorted(
  snapshot: Snapshot,
  selection: Selection,
  {
    only,
    limit,
    order,
  }: { readonly only: readonly string[] | undefined; readonly limit: number; readonly order: AddressOrder },
  start: Place | undefined,
): Promise<SortedPage> {
  const compare = comparisonOf(order)
  const from = start === undefined || start.key === '' ? undefined : await sortKeyAt(snapshot, selection, order, start)
  const sought = new Smallest<SortKey & { readonly place: Place; readonly allocation: Allocation }>(limit + 1, compare)
  const unreadable: string[] = []
  // By their keys, because a range with a limit has etcd count all keys that follow.
  for await (const keys of selectedKeys(snapshot, selection, only)) {
    for await (const block of readBlocks(snapshot, selection.addresses, keys)) {
      if (block.kind === 'unreadable') {
        if (unreadable.length < unreadableMax) unreadable.push(block.key)
        continue
      }
      for (const { ordinal, allocation } of block.value) {
        const sortKey = sortKeyOf(order, allocation)
        if (from === undefined || compare(sortKey, from) >= 0) {
          sought.add({ ...sortKey, allocation, place: { key: block.key, ordinal } })
        }
      }
    }
  }
  const found = sought.sorted()
  return { addresses: found.slice(0, limit).map(({ allocation }) => allocation), unreadable, next: found[limit]?.place }
}

/** The sort key of the address at a place. The token names the place alone, because a handle may be longer than a token. */
async function sortKeyAt(
  { reader, revision }: Snapshot,
  { addresses }: Selection,
  order: AddressOrder,
  { key, ordinal }: Place,
): Promise<SortKey> {
  const [block] = (await readAt(reader, addresses, { keys: [key] }, revision)).entries
  const found = block?.kind === 'value' ? block.value.find((one) => one.ordinal === ordinal) : undefined
  if (found === undefined) throw refuseContinueToken('Invalid')
  return sortKeyOf(order, found.allocation)
}

function blockAt(key: string): BlockAt | undefined {
  const cidr = parseBlockKey(key)
  return cidr && { key, cidr }
}

function compareCidrs(one: Cidr, other: Cidr): number {
  return compareAddresses(firstAddress(one), firstAddress(other)) || one.prefixLength - other.prefixLength
}
