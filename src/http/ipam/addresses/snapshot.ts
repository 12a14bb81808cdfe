import { expired, type Page, type PageOptions, RevisionCompacted } from '../../../datastore/index.ts'
import type { Reach } from '../../../ipam/index.ts'
import { blockKey, type Handle, handleKey, handles, parseBlockKey } from '../../../model/index.ts'
import { addressCount, parseCidr } from '../../../net/index.ts'
import type { Decodable, Listed, Revision } from '../../../plan/index.ts'
import { refusal } from '../../wire/index.ts'
import type { IpamOptions } from '../request.ts'

/** A store to read from, and the time that is left for it. */
export interface Reader extends Pick<IpamOptions, 'deadlineMs'> {
  readonly store: Pick<IpamOptions['store'], 'page'>
}

/** The data as of one revision. */
export interface Snapshot {
  readonly reader: Reader
  readonly revision: Revision
}

/** Reads entries as of a revision, or of now. Throws a refusal `Expired` if the revision is gone; fails when no time is left. */
export async function readAt<Value>(
  { store, deadlineMs }: Reader,
  family: Decodable<Value>,
  options: Omit<PageOptions, 'revision' | 'deadlineMs'>,
  revision: Revision | undefined,
): Promise<Page<Value>> {
  if (deadlineMs <= 0) throw expired()
  if (revision === undefined) return store.page(family, { ...options, deadlineMs })
  try {
    return await store.page(family, { ...options, deadlineMs, revision })
  } catch (error) {
    // etcd has no error of its own for a future revision, which a token has if etcd was set back.
    const isGone = error instanceof RevisionCompacted || revision > (await store.page(family, { limit: 1 })).revision
    if (!isGone) throw error
    throw refusal('Expired', `The list as of revision ${String(revision)} is not available any more; list again.`)
  }
}

/**
 * Returns a handle; undefined if there is none. If the stored one cannot be read, throws a refusal `Conflict`; but for a caller who may
 * not reach everything of the handle, there is none.
 */
export async function readHandle(
  { reader, revision }: Snapshot,
  handle: string,
  reach: Reach,
): Promise<Extract<Listed<Handle>, { kind: 'value' }> | undefined> {
  const [stored] = (await readAt(reader, handles, { keys: [handleKey(handle).text] }, revision)).entries
  if (stored?.kind !== 'unreadable') return stored
  if (!reach.includesHandle(handle)) return undefined
  throw refusal('Conflict', `The stored handle ${JSON.stringify(handle)} cannot be read: ${stored.problem}`)
}

/** The keys of the blocks that a handle names, in order. */
export function blockKeysOf({ blocks }: Handle): readonly string[] {
  const cidrs = [...blocks.keys()].flatMap((text) => parseCidr(text) ?? [])
  return cidrs.map((cidr) => blockKey(cidr).text).sort()
}

/** Blocks read at once: a few at first, because a page may need few addresses, and then more and more. */
export const blocksAtOnce = { first: 4, max: 128 } as const

/**
 * The most addresses of blocks that are read at once by key, unless a single block has more. Decoding them takes some 20 ms, during which
 * the server does nothing else.
 */
const addressesAtOnce = 2_048

/** Reads the blocks of these keys, some at a time. */
export async function* readBlocks<Value>(
  { reader, revision }: Snapshot,
  blocks: Decodable<Value>,
  keys: readonly string[],
): AsyncGenerator<Listed<Value>, void> {
  for (const some of batchesOf(keys)) yield* (await readAt(reader, blocks, { keys: some }, revision)).entries
}

/** Divides the keys of blocks into those that are read at once. */
export function* batchesOf(keys: readonly string[]): Generator<readonly string[], void> {
  let limit: number = blocksAtOnce.first
  for (let at = 0, end = 0; at < keys.length; at = end) {
    let addresses = 0
    do addresses += sizeOf(keys[end++])
    while (end < keys.length && end - at < limit && addresses + sizeOf(keys[end]) <= addressesAtOnce)
    yield keys.slice(at, end)
    limit = Math.min(limit * 2, blocksAtOnce.max)
  }
}

/** The number of addresses in the block with this key. */
function sizeOf(key = ''): number {
  const cidr = parseBlockKey(key)
  return cidr === undefined ? 0 : Number(addressCount(cidr))
}
