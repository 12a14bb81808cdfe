import {
  type AddressFilter,
  type Allocation,
  blockPathPrefixes,
  mayMatch,
  planCountHeld,
  PoolsAtRevision,
  type SelectedAddress,
  selectAddresses,
} from '../../../ipam/index.ts'
import { blocks as blockFamily, parseBlockKey, pools as poolFamily } from '../../../model/index.ts'
import { covers, formatCidr, overlaps } from '../../../net/index.ts'
import type { Decodable, Listed, Revision } from '../../../plan/index.ts'
import type { AddressList } from '../../schemas/index.ts'
import { printContinueToken, readContinueToken, requireGranted } from '../../wire/index.ts'
import type { IpamOptions } from '../request.ts'
import { printAllocation } from './allocations.ts'
import { blockKeysOf, blocksAtOnce, type Reader, readAt, readBlocks, readHandle, type Snapshot } from './snapshot.ts'

/** The addresses to list, and how many to a page. */
export interface AddressQuery extends AddressFilter {
  /** The name or the CIDR of their pool. */
  readonly pool?: string | undefined
  readonly limit: number
  readonly continue?: string | undefined
}

/** The most blocks read for one page. A page that finds little ends early, so that no call takes much longer than others. */
const blocksMax = 2_048

/**
 * Lists one page of held addresses, in a fixed order. All pages show one revision of etcd, which the token carries. Throws a refusal:
 * `Invalid` for a pool that does not exist and for an invalid token, `Expired` if the revision is gone, `Conflict` if the
 * requested handle cannot be read.
 */
export async function listAddresses(options: IpamOptions, query: AddressQuery): Promise<AddressList> {
  const start =
    query.continue === undefined
      ? await beginList(options, query)
      : readContinueToken(query.continue, (text) => parsePosition(text))
  const { addresses, unreadable, revision, next } = await findAddresses(options, query, start)
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
  { store, blocks, now, deadlineMs }: IpamOptions,
  { handle, node, attributes, text, pool, range }: AddressQuery,
): Promise<Position | undefined> {
  if (handle !== undefined || node !== undefined || attributes.length > 0 || text !== undefined) return undefined
  const context = { now: now(), blocks }
  const counted = await store.submit((view) => planCountHeld(view, { pool, range }, context), { deadlineMs })
  return { ...firstPlace, revision: counted.revision, total: requireGranted(counted.answer) }
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

/** Finds a page of addresses, from `start` on: as of its revision, or of now when it has none. */
export async function findAddresses(
  reader: Reader,
  query: Omit<AddressQuery, 'continue'>,
  start?: Place & { readonly revision?: Revision },
): Promise<FoundAddresses> {
  // Half of the time: what is being read when it is over has the rest.
  const enoughMs = reader.deadlineMs / 2
  const stored = await readAt(reader, poolFamily, {}, start?.revision)
  const { revision } = stored
  const selection = selectionOf(new PoolsAtRevision(stored.entries), query)
  const { handle } = query
  const blocks =
    handle === undefined
      ? blocksBelow({ reader, revision }, selection, start?.key)
      : blocksOfHandle({ reader, revision }, selection, handle, start?.key)
  const addresses: Allocation[] = []
  const unreadable: string[] = []
  let blockCount = 0
  for await (const block of blocks) {
    const { key } = block
    const room = query.limit - addresses.length
    const first = key === start?.key ? start.ordinal : 0
    const isLongEnough = blockCount === blocksMax || (blockCount > 0 && reader.deadlineMs < enoughMs)
    blockCount++
    if (room === 0 || isLongEnough) {
      return { addresses, unreadable, revision, next: { key, ordinal: first } }
    }
    if (block.kind === 'unreadable') unreadable.push(key)
    const found = block.kind === 'value' ? block.value.filter(({ ordinal }) => ordinal >= first) : []
    addresses.push(...found.slice(0, room).map(({ allocation }) => allocation))
    const [following] = found.slice(room)
    if (following !== undefined) {
      return { addresses, unreadable, revision, next: { key, ordinal: following.ordinal } }
    }
  }
  return { addresses, unreadable, revision, next: undefined }
}

/** The blocks to read, and the addresses to take from each. */
interface Selection {
  /** The prefixes of the keys of all blocks that may have such addresses, in their order. */
  readonly prefixes: readonly string[]
  readonly addresses: Decodable<readonly SelectedAddress[]>
}

type LookedAt = Listed<readonly SelectedAddress[]>

/** The addresses that match a query. Throws a refusal `Invalid` for a pool that does not exist. */
export function selectionOf(pools: PoolsAtRevision, query: Omit<AddressQuery, 'continue' | 'limit'>): Selection {
  const pool = query.pool === undefined ? undefined : requireGranted(pools.named(query.pool))
  const { range } = query
  const within = range !== undefined && (pool === undefined || covers(pool.cidr, range)) ? range : pool?.cidr
  const paths = within === undefined ? [''] : blockPathPrefixes(within)
  return {
    prefixes: paths.map((path) => `${blockFamily.prefix}${path}`),
    addresses: {
      prefix: blockFamily.prefix,
      decode(key, text) {
        const cidr = parseBlockKey(key)
        const poolOfBlock = cidr && pools.ofBlock(cidr)?.name
        const isAsked = pool === undefined || pool.name === poolOfBlock
        const isInRange = range === undefined || cidr === undefined || overlaps(range, cidr)
        if (!isAsked || !isInRange || !mayMatch(text, query)) return { ok: true, value: [] }
        const decoded = blockFamily.decode(key, text)
        return decoded.ok ? { ok: true, value: selectAddresses(decoded.value, query, poolOfBlock) } : decoded
      },
    },
  }
}

async function* blocksBelow(
  { reader, revision }: Snapshot,
  { prefixes, addresses }: Selection,
  start = '',
): AsyncIterable<LookedAt> {
  for (const prefix of prefixes) {
    let from = start > prefix ? start : prefix
    for (let limit: number = blocksAtOnce.first; ; limit = Math.min(limit * 2, blocksAtOnce.max)) {
      const { entries } = await readAt(reader, addresses, { from, limit }, revision)
      const inside = entries.filter(({ key }) => key.startsWith(prefix))
      yield* inside
      from = `${inside.at(-1)?.key ?? from}\0`
      if (inside.length < limit) break
    }
  }
}

async function* blocksOfHandle(
  snapshot: Snapshot,
  { prefixes, addresses }: Selection,
  handle: string,
  start = '',
): AsyncIterable<LookedAt> {
  const stored = await readHandle(snapshot, handle)
  const keys = stored === undefined ? [] : blockKeysOf(stored.value)
  yield* readBlocks(
    snapshot,
    addresses,
    keys.filter((key) => key >= start && prefixes.some((prefix) => key.startsWith(prefix))),
  )
}

/** The beginning of a page: a block and an ordinal in it. */
export interface Place {
  readonly key: string
  readonly ordinal: number
}

/** Before every address. */
export const firstPlace: Place = { key: '', ordinal: 0 }

/** A place at a revision, and the number of addresses of the list, if it is known. */
interface Position extends Place {
  readonly revision: Revision
  readonly total: number | undefined
}

const positionPattern =
  /^([0-9]{1,18})\/(ipv[46]\/block\/[0-9a-f.:]{2,39}-[0-9]{1,3})\/([0-9]{1,4})(?:\/([0-9]{1,15}))?$/

function printPosition({ revision, key, ordinal, total }: Position): string {
  return `${revision}/${key.slice(blockFamily.prefix.length)}/${ordinal}${total === undefined ? '' : `/${total}`}`
}

function parsePosition(text: string): Position | undefined {
  const [, revision, path, ordinal, total] = positionPattern.exec(text) ?? []
  if (revision === undefined || path === undefined || BigInt(revision) === 0n) return undefined
  const place = { key: `${blockFamily.prefix}${path}`, ordinal: Number(ordinal) }
  return { ...place, revision: BigInt(revision), total: total === undefined ? undefined : Number(total) }
}

/** The CIDR of a block, or the rest of a key that names none. */
function blockNameOf(key: string): string {
  const cidr = parseBlockKey(key)
  return cidr === undefined ? key.slice(blockFamily.prefix.length) : formatCidr(cidr)
}
