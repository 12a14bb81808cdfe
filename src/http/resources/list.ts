import assert from 'node:assert/strict'
import { type Page, type PageOptions, RevisionCompacted } from '../../datastore/index.ts'
import { annexes, type JsonObject } from '../../model/index.ts'
import type { Decodable, Revision } from '../../plan/index.ts'
import { apiVersion, present, quoteObject, type ServedKind, type StoredObject } from '../../resources/index.ts'
import type { Store } from '../ipam/index.ts'
import { RefusalError, refusal, refuseFields } from '../wire/index.ts'
import { readSelector, type SelectorQuery } from './object-selector.ts'

/** The parameters of a list that decide what is in it. */
export interface ListQuery extends SelectorQuery {
  readonly limit?: number
  readonly continue?: string
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: 'NotOlderThan' | 'Exact'
}

/** One page of a list. */
export interface ObjectList {
  readonly object: JsonObject
  readonly items: readonly JsonObject[]
  /** The revision as of which the list is true. */
  readonly revision: Revision
  /** The token of the next page; undefined on the last one. */
  readonly next: string | undefined
  /** What the client should be told although all is well. */
  readonly warnings: readonly string[]
}

/** How many objects are looked at in one read when only some are selected. */
const readAhead = 500

/**
 * One page of the objects of a kind, in the order of their keys; all pages are true as of one revision. Objects that cannot be
 * read are left out, and told of in the warnings. Throws a refusal: `BadRequest` for what cannot be understood, `Expired` when the
 * revision is gone.
 * @see docs/kubernetes-api.md section 5
 */
export async function listObjects<Value extends StoredObject>(
  store: Pick<Store, 'page'>,
  kind: ServedKind<Value>,
  query: ListQuery,
): Promise<ObjectList> {
  const { limit = 0 } = query
  const selector = readSelector(query)
  const { families } = kind.storage
  const start = readStart(query, families)
  const isCounted = selector === undefined && families.length === 1
  const items: JsonObject[] = []
  const warnings: string[] = []
  let position: Position = start
  let remaining: number
  const isFull = (): boolean => limit > 0 && items.length === limit
  do {
    const wanted = selector === undefined ? limit - items.length : Math.max(limit, readAhead)
    const family = familyAt(families, position)
    const page = await withAnnexes(store, kind, await readPage(store, family, position, limit === 0 ? 0 : wanted))
    let read = 0
    for (const entry of page.entries) {
      read += 1
      const name = entry.key.slice(family.prefix.length)
      position = { ...position, after: entry.key }
      if (entry.kind === 'unreadable') warnings.push(`${quoteObject(kind, name)} cannot be read: ${entry.problem}`)
      else if (selector?.(entry.value) !== false) items.push(present(kind, entry.value, entry.revision))
      if (isFull()) break
    }
    position = { ...position, revision: page.revision }
    remaining = page.remaining + page.entries.length - read
    if (remaining === 0 && position.family < families.length - 1) {
      // Whether anything lies there is yet to be seen, so that the last page may come out empty.
      position = { revision: page.revision, family: position.family + 1 }
      remaining = 1
    }
  } while (remaining > 0 && !isFull())

  const { revision = 0n } = position
  requireReached(revision, query.resourceVersion)
  const next = remaining > 0 ? printToken(position) : undefined
  const metadata = {
    resourceVersion: String(revision),
    ...(next !== undefined && { continue: next }),
    ...(remaining > 0 && isCounted && { remainingItemCount: remaining }),
  }
  return { object: { kind: `${kind.kind}List`, apiVersion, metadata, items }, items, revision, next, warnings }
}

/**
 * Refuses with `Timeout` a read for which the client wants a state that etcd has yet to reach. By the cause, and not by the message,
 * informers know that they have to list anew, as they must where etcd has been restored from a backup.
 * @see docs/kubernetes-api.md section 5
 */
export function requireReached(revision: Revision, wanted = ''): void {
  if (wanted !== '' && BigInt(wanted) > revision) {
    const message = `Too large resource version: ${wanted}, current: ${String(revision)}`
    const cause = { field: '', reason: 'ResourceVersionTooLarge', message: 'Too large resource version' } as const
    throw new RefusalError({ reason: 'Timeout', message, causes: [cause] })
  }
}

/** Where a page begins: in a family, after a key, as of a revision. Without the latter two it is the first page of the newest state. */
interface Position {
  readonly family: number
  readonly revision?: Revision
  readonly after?: string
}

function familyAt<Value>(families: readonly Decodable<Value>[], { family }: Position): Decodable<Value> {
  const found = families[family]
  assert(found, 'a list goes through the families of its kind')
  return found
}

function readStart(
  { continue: token = '', resourceVersion = '', resourceVersionMatch }: ListQuery,
  families: readonly Decodable<unknown>[],
): Position {
  if (token !== '') return readToken(token, families)
  if (resourceVersionMatch === 'Exact') {
    if (resourceVersion === '' || resourceVersion === '0') {
      throw refusal('BadRequest', 'resourceVersionMatch=Exact needs a resourceVersion above 0')
    }
    return { family: 0, revision: BigInt(resourceVersion) }
  }
  return { family: 0 }
}

function printToken({ revision = 0n, family, after = '' }: Position): string {
  return Buffer.from(`${String(revision)}/${String(family)}${after}`).toString('base64url')
}

function readToken(token: string, families: readonly Decodable<unknown>[]): Position {
  const match = /^([0-9]{1,18})\/([0-9])(\/.+)?$/s.exec(Buffer.from(token, 'base64url').toString())
  const family = Number(match?.[2])
  const after = match?.[3]
  const prefix = families[family]?.prefix
  if (match?.[1] === undefined || prefix === undefined || after?.startsWith(prefix) === false) {
    throw refuseFields('BadRequest', [
      {
        field: 'continue',
        reason: 'FieldValueInvalid',
        message: 'is not what a list of this server gave; leave it out',
      },
    ])
  }
  return { family, revision: BigInt(match[1]), ...(after !== undefined && { after }) }
}

async function readPage<Value>(
  store: Pick<Store, 'page'>,
  family: Decodable<Value>,
  { revision, after, family: place }: Position,
  limit: number,
  bounds: Pick<PageOptions, 'from' | 'to'> = {},
): Promise<Page<Value>> {
  const options: PageOptions = {
    ...bounds,
    isDecodedOnce: true,
    ...(limit > 0 && { limit }),
    ...(after !== undefined && { after }),
    ...(revision !== undefined && { revision }),
  }
  try {
    return await store.page(family, options)
  } catch (error) {
    const expired = refusal(
      'Expired',
      `The list as of revision ${String(revision)} is not available any more; list again`,
    )
    if (error instanceof RevisionCompacted) throw expired
    if (revision === undefined) throw error
    // A revision that is yet to come is refused by etcd in no particular way.
    const { revision: newest } = await store.page(family, { limit: 1 })
    // There was a page of it, before etcd was put back to an earlier state; what will have the revision is another list.
    if (revision > newest && (after !== undefined || place > 0)) throw expired
    requireReached(newest, String(revision))
    throw error
  }
}

/** The page with what the annexes of its objects say, as of the same revision. */
async function withAnnexes<Value extends StoredObject>(
  store: Pick<Store, 'page'>,
  { storage: { annexing } }: ServedKind<Value>,
  page: Page<Value>,
): Promise<Page<Value>> {
  const names = page.entries.flatMap((entry) => (entry.kind === 'value' ? [entry.value.name] : []))
  const [first, last] = [names[0], names.at(-1)]
  if (annexing === undefined || first === undefined || last === undefined) return page
  const { revision } = page
  const [from, to] = [`${annexing.prefix}${first}`, `${annexing.prefix}${last}`]
  const found = await readPage(store, annexes, { family: 0, revision }, 0, { from, to })
  const byKey = new Map(found.entries.flatMap((entry) => (entry.kind === 'value' ? [[entry.key, entry] as const] : [])))
  const entries = page.entries.map((entry) => {
    if (entry.kind !== 'value') return entry
    const annex = byKey.get(`${annexing.prefix}${entry.value.name}`)
    return { ...entry, value: annexing.join(entry.value, entry.revision, annex) }
  })
  return { ...page, entries }
}
