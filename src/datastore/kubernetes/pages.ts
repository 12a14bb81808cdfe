import { type Decodable, firstAtOrAfter, type Listed, type Revision } from '../../plan/index.ts'
import { RevisionCompacted } from '../faults.ts'
import type { Page, PageOptions } from '../store.ts'
import { ApiFailure, isGone, type ObjectClient, revisionOf } from './api/index.ts'
import type { ObjectForm, StoredEntry } from './forms/index.ts'

/** The objects of a kind, and how they are read. */
export interface ReadableKind {
  readonly form: ObjectForm
  readonly objects: Pick<ObjectClient, 'list'>
}

/** One entry of a family, as of a version. */
export interface VersionedEntry extends Pick<StoredEntry, 'key' | 'text'> {
  readonly revision: Revision
}

/** All entries of some families, in key order, at one version. */
export interface Entries {
  readonly entries: readonly VersionedEntry[]
  readonly revision: Revision
}

/** Objects per request: of full blocks, 10 MB. */
const requestedMax = 500

/**
 * Reads all entries below some prefixes, at the present version or at one that is given. Throws `RevisionCompacted` when that is no longer in
 * history, `ApiFailure` when there is no answer.
 */
export async function readEntries(
  { form, objects }: ReadableKind,
  prefixes: readonly string[],
  at?: Revision,
): Promise<Entries> {
  const options = {
    limit: requestedMax,
    ...(form.labelSelector !== undefined && { labelSelector: form.labelSelector }),
  }
  const entries: VersionedEntry[] = []
  try {
    let page = await objects.list(at === undefined ? options : { ...options, revision: at })
    for (;;) {
      for (const object of page.objects) {
        const entry = form.read(object)
        if (entry === undefined || entry.isDeleted || !prefixes.some((prefix) => entry.key.startsWith(prefix))) continue
        entries.push({ key: entry.key, text: entry.text, revision: revisionOf(object) })
      }
      if (page.continue === undefined) break
      page = await objects.list({ ...options, continue: page.continue })
    }
    entries.sort((left, right) => (left.key < right.key ? -1 : 1))
    return { entries, revision: at ?? page.revision }
  } catch (fault) {
    if (fault instanceof ApiFailure && fault.refusal !== undefined && isGone(fault.refusal)) {
      throw new RevisionCompacted(fault)
    }
    throw fault
  }
}

/** Cuts a page out of all entries of a family. */
export function cutPage<Value>(
  family: Decodable<Value>,
  { entries, revision }: Entries,
  { after, from = '', to, keys, limit = 0 }: Omit<PageOptions, 'revision'>,
): Page<Value> {
  const keyOf = ({ key }: VersionedEntry): string => key
  const asked = keys === undefined ? undefined : new Set(keys)
  const start = after === undefined ? from : `${after}\0`
  const within = entries
    .slice(firstAtOrAfter(entries, start, keyOf))
    .filter(({ key }) => (to === undefined || key <= to) && (asked === undefined || asked.has(key)))
  const page = limit === 0 || asked !== undefined ? within : within.slice(0, limit)
  return { entries: page.map((entry) => decode(family, entry)), revision, remaining: within.length - page.length }
}

function decode<Value>(family: Decodable<Value>, { key, text, revision }: VersionedEntry): Listed<Value> {
  const decoded = family.decode(key, text)
  return decoded.ok
    ? { key, kind: 'value', value: decoded.value, revision }
    : { key, kind: 'unreadable', problem: decoded.problem, revision }
}
