import assert from 'node:assert/strict'
import { type Page, type PageOptions, RevisionCompacted } from '../../datastore/index.ts'
import { annexes, type JsonObject } from '../../model/index.ts'
import type { Decodable, Revision } from '../../plan/index.ts'
import { showObject, quoteObject, type ServedKind, type StoredObject } from '../../resources/index.ts'
import type { ServedStore } from '../ipam/index.ts'
import { printContinueToken, readContinueToken, RefusalError, refusal } from '../wire/index.ts'
import { allOf, type ObjectSelector, readObjectSelector, type SelectorQuery } from './object-selector.ts'

/** The query parameters that decide what a list contains. */
export interface ObjectListQuery extends SelectorQuery {
  readonly limit?: number
  readonly continue?: string
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: 'NotOlderThan' | 'Exact'
}

/** One page of a list. */
export interface ObjectList {
  readonly object: JsonObject
  readonly items: readonly JsonObject[]
  /** All items are as of this revision. */
  readonly revision: Revision
  /** The continue token of the next page; undefined on the last one. */
  readonly next: string | undefined
  /** For the `Warning` header. */
  readonly warnings: readonly string[]
}

/** Objects read at once when a selector will drop some of them. */
const readAhead = 500

/**
 * Reads one page of the objects of a kind, in the order of their keys; all pages are as of one revision. Objects that cannot be read are
 * left out, with a warning for each. `access` selects the objects that the caller may see; unless given, these are all. A caller who may
 * not see all gets no warnings and no count of the remaining objects, and the last page is the last one with an object that the caller may
 * see. Throws a refusal: `BadRequest` for a wrong parameter, `Expired` if the revision is compacted.
 * @see docs/kubernetes-api.md section 5
 */
export async function listObjects<Value extends StoredObject>(
  store: Pick<ServedStore, 'page'>,
  kind: ServedKind<Value>,
  query: ObjectListQuery,
  access?: ObjectSelector<Value>,
): Promise<ObjectList> {
  const { limit = 0 } = query
  const selector = allOf<Value>(readObjectSelector(query), access)
  const { families } = kind.storage
  const start = readStart(query, families)
  const isCounted = selector === undefined && families.length === 1
  const items: JsonObject[] = []
  const warnings: string[] = []
  let position: Position = start
  let remaining: number
  // For a caller who may not see all: true if a visible object follows the last item, and the place of that item.
  let hasMore = false
  let end: Position = start
  const isFull = (): boolean => limit > 0 && items.length === limit && (access === undefined || hasMore)
  do {
    const wanted = selector === undefined ? limit - items.length : Math.max(limit, readAhead)
    const family = familyAt(families, position)
    const page = await joinAnnexes(store, kind, await readPage(store, family, position, limit === 0 ? 0 : wanted))
    let read = 0
    for (const entry of page.entries) {
      read += 1
      const name = entry.key.slice(family.prefix.length)
      position = { ...position, after: entry.key }
      if (entry.kind === 'value' && selector?.(entry.value) !== false) {
        hasMore = limit > 0 && items.length === limit
        if (!hasMore) {
          items.push(showObject(kind, entry.value, entry.revision))
          end = position
        }
      } else if (entry.kind === 'unreadable' && access === undefined)
        warnings.push(`${quoteObject(kind, name)} cannot be read: ${entry.problem}`)
      if (isFull()) break
    }
    position = { ...position, revision: page.revision }
    remaining = page.remaining + page.entries.length - read
    if (remaining === 0 && position.family < families.length - 1) {
      // The next family has not been read yet: it may be empty, and so may the last page.
      position = { revision: page.revision, family: position.family + 1 }
      remaining = 1
    }
  } while (remaining > 0 && !isFull())

  const { revision = 0n } = position
  requireReached(revision, query.resourceVersion)
  const isLast = access === undefined ? remaining === 0 : !hasMore
  const goOnAt = access === undefined ? position : { ...end, revision }
  const next = isLast ? undefined : printContinueToken(printPosition(goOnAt))
  const metadata = {
    resourceVersion: String(revision),
    ...(next !== undefined && { continue: next }),
    ...(remaining > 0 && isCounted && { remainingItemCount: remaining }),
  }
  const object = { kind: `${kind.kind}List`, apiVersion: kind.group.apiVersion, metadata, items }
  return { object, items, revision, next, warnings }
}

/**
 * Refuses a read with `Timeout` if the client requires a revision that etcd has not reached yet. The cause tells informers to list
 * again, as they must after etcd was restored from a backup.
 * @see docs/kubernetes-api.md section 5
 */
export function requireReached(revision: Revision, wanted = ''): void {
  if (wanted !== '' && BigInt(wanted) > revision) {
    const message = `Too large resource version: ${wanted}, current: ${String(revision)}`
    const cause = { field: '', reason: 'ResourceVersionTooLarge', message: 'Too large resource version' } as const
    throw new RefusalError({ reason: 'Timeout', message, causes: [cause] })
  }
}

/**
 * Where a page begins: after a key of a family, as of a revision. Without a key it begins with the first one; without a revision it is
 * the newest state.
 */
interface Position {
  readonly family: number
  readonly revision?: Revision
  readonly after?: string
}

function familyAt<Value>(families: readonly Decodable<Value>[], { family }: Position): Decodable<Value> {
  const found = families[family]
  assert(found, 'a position names a family of the kind')
  return found
}

function readStart(
  { continue: token = '', resourceVersion = '', resourceVersionMatch }: ObjectListQuery,
  families: readonly Decodable<unknown>[],
): Position {
  if (token !== '') return readContinueToken(token, (text) => parsePosition(text, families), 'BadRequest')
  if (resourceVersionMatch === 'Exact') {
    if (resourceVersion === '' || resourceVersion === '0') {
      throw refusal('BadRequest', 'resourceVersionMatch=Exact needs a resourceVersion above 0')
    }
    return { family: 0, revision: BigInt(resourceVersion) }
  }
  return { family: 0 }
}

function printPosition({ revision = 0n, family, after = '' }: Position): string {
  return `${revision}/${family}${after}`
}

function parsePosition(text: string, families: readonly Decodable<unknown>[]): Position | undefined {
  const [, revision, index, after] = /^([0-9]{1,18})\/([0-9])(\/.+)?$/s.exec(text) ?? []
  const family = Number(index)
  const prefix = families[family]?.prefix
  if (revision === undefined || prefix === undefined || after?.startsWith(prefix) === false) return undefined
  return { family, revision: BigInt(revision), ...(after !== undefined && { after }) }
}

async function readPage<Value>(
  store: Pick<ServedStore, 'page'>,
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
      `The list as of revision ${String(revision)} is gone: the datastore has compacted that revision; list again`,
    )
    if (error instanceof RevisionCompacted) throw expired
    if (revision === undefined) throw error
    // etcd's error for a revision in the future is not specific.
    const { revision: newest } = await store.page(family, { limit: 1 })
    // There was an earlier page: etcd was restored from a backup since, and the revision will belong to another list.
    if (revision > newest && (after !== undefined || place > 0)) throw expired
    requireReached(newest, String(revision))
    throw error
  }
}

/** Joins the objects of a page with their annexes as of the same revision. */
async function joinAnnexes<Value extends StoredObject>(
  store: Pick<ServedStore, 'page'>,
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
