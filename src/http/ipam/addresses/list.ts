import type { Rights } from '../../../access/index.ts'
import {
  type AddressOrder,
  type Allocation,
  planCountHeld,
  planFindBlocksOnNode,
  PoolsAtRevision,
} from '../../../ipam/index.ts'
import { blocks as blockFamily, parseBlockKey, pools as poolFamily } from '../../../model/index.ts'
import { formatCidr } from '../../../net/index.ts'
import type { Revision } from '../../../plan/index.ts'
import type { AddressList } from '../../schemas/index.ts'
import { printContinueToken, readContinueToken, refusal, requireGranted } from '../../wire/index.ts'
import type { IpamCall } from '../request.ts'
import { printAllocation } from './allocations.ts'
import { firstPlace, parsePosition, type Place, type Position, printPosition } from './place.ts'
import { type FindBlocks, keysOfHandle, type SelectionQuery, selectedBlocks, selectionOf } from './selection.ts'
import { type Reader, readAt } from './snapshot.ts'
import { blocksByAddress, findSorted } from './sorted.ts'

/** The addresses to list, in which order, and how many to a page. */
export interface AddressQuery extends SelectionQuery {
  /** By the keys of their blocks if undefined, which costs the least. */
  readonly order?: AddressOrder | undefined
  readonly limit: number
  readonly continue?: string | undefined
}

/** The most blocks read for one page. A page that finds little ends early, so that no call takes much longer than others. */
const blocksMax = 2_048

/** The last ordinal of the largest block. */
const lastOrdinal = 4_095

/**
 * Lists one page of held addresses, in a fixed order. All pages show one revision of etcd, which the token carries. Throws a refusal:
 * `Invalid` for a pool that does not exist and for an invalid token, `Expired` if the revision is gone, `Conflict` if the
 * requested handle cannot be read, `Timeout` if there is too much to sort.
 */
export async function listAddresses(options: IpamCall, query: AddressQuery): Promise<AddressList> {
  const start =
    query.continue === undefined
      ? await beginList(options, query)
      : readContinueToken(query.continue, (text) => parsePosition(text))
  const found = findAddresses(options, options.rights, query, start, blocksToLookAt(options, query, start))
  const { addresses, unreadable, revision, next } = await found.catch((fault: unknown) => {
    if (query.order === undefined || options.deadlineMs > 0) throw fault
    throw refuseForTime(query.order, fault)
  })
  const total = start?.total
  return {
    addresses: addresses.map(printAllocation),
    unreadableBlocks: unreadable.map(blockNameOf),
    total: total ?? null,
    revision: String(revision),
    continue: next === undefined ? null : printContinueToken(printPosition({ ...next, revision, total })),
  }
}

/** Counts the addresses of a list, if that can be done without reading the blocks, and begins the list at the revision of the count. */
async function beginList(
  { store, blocks, now, rights, deadlineMs }: IpamCall,
  { handle, node, attributes, text, pool, range }: AddressQuery,
): Promise<Position | undefined> {
  if (handle !== undefined || node !== undefined || attributes.length > 0 || text !== undefined) return undefined
  const context = { now: now(), blocks, rights }
  const counted = await store.submit((view) => planCountHeld(view, { pool, range }, context), { deadlineMs })
  return { ...firstPlace, revision: counted.revision, total: requireGranted(counted.answer) }
}

/**
 * Finds the blocks for addresses of a node from the index of blocks, so that the others need not be read. The index tells of now, and so
 * of the first page only: it is asked after the revision of the list is known, and with the blocks that have changed since before that, it
 * knows all blocks that had such addresses at that revision. Undefined if all blocks have to be read.
 */
function blocksToLookAt(
  options: IpamCall,
  { handle, node }: AddressQuery,
  start: Position | undefined,
): FindBlocks | undefined {
  if (node === undefined || handle !== undefined || start !== undefined) return undefined
  const { store, blocks } = options
  const since = blocks.changes
  return async () => {
    const { deadlineMs } = options
    return (await store.submit((view) => planFindBlocksOnNode(view, { node, since }, { blocks }), { deadlineMs }))
      .answer
  }
}

function refuseForTime({ by }: AddressOrder, cause: unknown): Error {
  const message = [
    `The deadline passed before the server had read all that it had to, to sort by ${by}.`,
    'Select fewer addresses with pool, cidr or handle, or list them without sort.',
  ].join(' ')
  return refusal('Timeout', message, { cause })
}

/** Addresses that were found, as of one revision. */
interface FoundAddresses {
  readonly addresses: readonly Allocation[]
  /** The keys of blocks that cannot be read. */
  readonly unreadable: readonly string[]
  readonly revision: Revision
  /** The place to go on from; undefined if nothing is left to read. */
  readonly next: Place | undefined
}

/**
 * Finds a page of the addresses that may be listed, from `start` on, at its revision, or as of now if it has none. Reads all blocks, or
 * those that `findBlocks` names once the revision is known.
 */
export async function findAddresses(
  reader: Reader,
  rights: Rights,
  query: Omit<AddressQuery, 'continue'>,
  start?: Place & { readonly revision?: Revision },
  findBlocks?: FindBlocks,
): Promise<FoundAddresses> {
  // Half of the time: what is being read when it is over has the rest.
  const enoughMs = reader.deadlineMs / 2
  const stored = await readAt(reader, poolFamily, { isDecodedOnce: true }, start?.revision)
  const { revision } = stored
  const snapshot = { reader, revision }
  const selection = selectionOf(new PoolsAtRevision(stored.entries, rights), query)
  const { handle, limit, order } = query
  const only = handle === undefined ? await findBlocks?.() : await keysOfHandle(snapshot, selection, handle)
  if (order !== undefined && order.by !== 'address') {
    return { ...(await findSorted(snapshot, selection, { only, limit, order }, start)), revision }
  }
  const isDescending = order?.isDescending === true
  const blocks =
    order === undefined
      ? selectedBlocks(snapshot, selection, only, start?.key)
      : blocksByAddress(snapshot, selection, { only, isDescending, max: blocksMax + 1 }, start)
  const addresses: Allocation[] = []
  const unreadable: string[] = []
  let blockCount = 0
  for await (const block of blocks) {
    const { key } = block
    const room = limit - addresses.length
    const first = key === start?.key ? start.ordinal : isDescending ? lastOrdinal : 0
    const isLongEnough = blockCount >= blocksMax || (blockCount > 0 && reader.deadlineMs < enoughMs)
    blockCount++
    // No page begins at a key that is none of a block: no token names it.
    if ((room === 0 || isLongEnough) && parseBlockKey(key) !== undefined) {
      return { addresses, unreadable, revision, next: { key, ordinal: first } }
    }
    if (block.kind === 'unreadable') unreadable.push(key)
    const selected = block.kind === 'value' ? block.value : []
    const found = isDescending
      ? selected.filter(({ ordinal }) => ordinal <= first).reverse()
      : selected.filter(({ ordinal }) => ordinal >= first)
    addresses.push(...found.slice(0, room).map(({ allocation }) => allocation))
    const [following] = found.slice(room)
    if (following !== undefined) {
      return { addresses, unreadable, revision, next: { key, ordinal: following.ordinal } }
    }
  }
  return { addresses, unreadable, revision, next: undefined }
}

/** The CIDR of a block, or the rest of a key that names none. */
function blockNameOf(key: string): string {
  const cidr = parseBlockKey(key)
  return cidr === undefined ? key.slice(blockFamily.prefix.length) : formatCidr(cidr)
}
