import { formatTime, isJsonArray, isJsonObject, type JsonObject, type Now } from '../../model/index.ts'
import { type Result, success } from '../../plan/index.ts'
import { apiVersion, type ResourceKind, type StoredObject } from '../kind.ts'
import { refuseCauses, objectIn, present, sameJson } from '../object/index.ts'
import { type Entry, foldOldest, isSameManager, readEntries, storedEntries, withEntries } from './entry.ts'
import { type FieldSet, pathsAbove, sameFields } from './field-set.ts'
import { isSameLeaf, type Leaves, leavesOf } from './leaves.ts'
import { type Subresource, trackedSchema } from './tracked.ts'

/** Who changes an object: the `fieldManager` of a request, the subresource that it addresses, and when. */
export interface Writer {
  readonly manager: string
  readonly subresource: Subresource
  readonly now: Now
}

/**
 * The object that is about to be stored, with who manages its fields after a create, a replace or a patch: fields that appear or
 * change are the writer's alone, those that vanish are nobody's. `given` is the whole object as the client wants it, which may say
 * itself who manages what; that is refused as `Invalid` when it cannot be read.
 * @see docs/kubernetes-api.md section 7
 */
export function withUpdate<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  stored: Value | undefined,
  given: JsonObject,
  after: JsonObject,
  writer: Writer,
): Result<JsonObject> {
  const begin = stored === undefined ? success([]) : entriesToBegin(kind, stored, given)
  if (!begin.ok) return begin
  const schema = trackedSchema(kind, writer.subresource)
  const leaves = leavesOf(schema, after)
  const before = stored && leavesOf(schema, present(kind, stored, undefined))
  const taken = new Set([...leaves.keys()].filter((path) => before === undefined || !isSameLeaf(path, before, leaves)))
  const entries = withoutFields(withoutFields(begin.value, taken), vanished(before, leaves))
  return success(withEntries(after, taken.size === 0 ? entries : foldOldest(withTaken(entries, taken, writer))))
}

/** The entries without these fields. */
export function withoutFields(entries: readonly Entry[], gone: FieldSet): readonly Entry[] {
  return entries.map((entry) => {
    const fields = new Set(entry.fields)
    for (const path of gone) fields.delete(path)
    return fields.size === entry.fields.size ? entry : { ...entry, fields }
  })
}

/** The paths that lead nowhere after a change and did lead somewhere before it, those of containers too. */
export function vanished(before: Leaves | undefined, after: Leaves): FieldSet {
  const gone = [...(before?.keys() ?? [])].filter((path) => !after.has(path))
  if (gone.length === 0) return new Set()
  const left = pathsAbove(after.keys())
  return new Set([...gone, ...pathsAbove(gone)].filter((path) => !left.has(path) && !after.has(path)))
}

/**
 * The entries that a change begins with: those stored, unless the client gives others. A list of one empty entry clears them; an
 * empty list comes from clients that know nothing of all this, and changes nothing. What differs in a time only does not differ.
 */
function entriesToBegin<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  { name, object }: Value,
  given: JsonObject,
): Result<readonly Entry[]> {
  const known = storedEntries(object)
  const list = objectIn(given, 'metadata')['managedFields']
  const isOther = isJsonArray(list) && list.length > 0 && !sameJson(list, objectIn(object, 'metadata')['managedFields'])
  if (!isOther) return success(known)
  if (list.length === 1 && isJsonObject(list[0]) && Object.keys(list[0]).length === 0) return success([])
  const { entries, causes } = readEntries(list)
  if (causes.length > 0) return refuseCauses(kind, name, causes)
  return success(entries.map((entry) => known.find((other) => isSameEntry(entry, other)) ?? entry))
}

/** The entries with these fields in that of the writer. */
function withTaken(
  entries: readonly Entry[],
  taken: FieldSet,
  { manager, subresource, now }: Writer,
): readonly Entry[] {
  const identity = { manager, operation: 'Update', subresource } as const
  const at = entries.findIndex((entry) => isSameManager(identity, entry))
  const fields = new Set([...(entries[at]?.fields ?? []), ...taken])
  const own: Entry = { ...identity, apiVersion, time: formatTime(now), fields }
  return at === -1 ? [...entries, own] : entries.with(at, own)
}

function isSameEntry(one: Entry, other: Entry): boolean {
  return isSameManager(one, other) && one.apiVersion === other.apiVersion && sameFields(one.fields, other.fields)
}
