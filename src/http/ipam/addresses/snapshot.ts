import { expired, type Page, type PageOptions, RevisionCompacted } from '../../../datastore/index.ts'
import { blockKey, type Handle, handleKey, handles } from '../../../model/index.ts'
import { parseCidr } from '../../../net/index.ts'
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

/** A handle that can be read; undefined if there is none. Throws a refusal `Conflict` if the stored one cannot be read. */
export async function readHandle(
  { reader, revision }: Snapshot,
  handle: string,
): Promise<Extract<Listed<Handle>, { kind: 'value' }> | undefined> {
  const [stored] = (await readAt(reader, handles, { keys: [handleKey(handle).text] }, revision)).entries
  if (stored?.kind !== 'unreadable') return stored
  throw refusal('Conflict', `The stored handle ${JSON.stringify(handle)} cannot be read: ${stored.problem}`)
}

/** The keys of the blocks that a handle names, in order. */
export function blockKeysOf({ blocks }: Handle): readonly string[] {
  const cidrs = [...blocks.keys()].flatMap((text) => parseCidr(text) ?? [])
  return cidrs.map((cidr) => blockKey(cidr).text).sort()
}

/** Blocks read at once: a few at first, because a page may need few addresses, and then more and more. */
export const blocksAtOnce = { first: 4, max: 128 } as const

/** Reads the blocks of these keys, some at a time. */
export async function* readBlocks<Value>(
  { reader, revision }: Snapshot,
  blocks: Decodable<Value>,
  keys: readonly string[],
): AsyncGenerator<Listed<Value>, void> {
  const left = [...keys]
  for (let limit: number = blocksAtOnce.first; left.length > 0; limit = Math.min(limit * 2, blocksAtOnce.max)) {
    yield* (await readAt(reader, blocks, { keys: left.splice(0, limit) }, revision)).entries
  }
}
