import { formatTime, isJsonArray, isJsonObject, type JsonObject, type Now } from '../../model/index.ts'
import { type Result, success } from '../../plan/index.ts'
import type { ResourceKind, StoredObject } from '../kind.ts'
import { refuseCauses, objectIn, sameJson, textIn } from '../object/index.ts'
import { type ManagerEntry, foldOldest, isSameManager, readEntries, storedEntries, withEntries } from './entry.ts'
import { type FieldSet, pathsAbove, sameFields } from './field-set.ts'
import { isSameLeaf, type Leaves, leavesOf } from './leaves.ts'
import { type Subresource, trackedSchema } from './leaves.ts'

/** The writer of a change: the `fieldManager` of the request, the subresource that it addresses, and the time. */
export interface Writer {
  readonly manager: string
  readonly subresource: Subresource
  readonly now: Now
}

/** An update of an object: a create, a replace or a patch. */
export interface Update {
  /** The object as it was; undefined for a new one. */
  readonly before: JsonObject | undefined
  /** The whole object as the client sends it. */
  readonly given: JsonObject
  /** The object as it is about to be stored, without regard to who manages its fields. */
  readonly after: JsonObject
}

/**
 * The object after an update, with the managers of its fields. Fields that appear or change belong to the writer alone; those that
 * vanish belong to no manager. The client may send a list of managers in place of the stored one; a list that cannot be read is refused
 * with `Invalid`.
 * @see docs/kubernetes-api.md section 7
 */
export function withUpdate<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  { before, given, after }: Update,
  writer: Writer,
): Result<JsonObject> {
  const begin = before === undefined ? success([]) : entriesToBegin(kind, before, given)
  if (!begin.ok) return begin
  const schema = trackedSchema(kind, writer.subresource)
  const leaves = leavesOf(schema, after)
  const oldLeaves = before && leavesOf(schema, before)
  const taken = new Set(
    [...leaves.keys()].filter((path) => oldLeaves === undefined || !isSameLeaf(path, oldLeaves, leaves)),
  )
  const entries = withoutFields(withoutFields(begin.value, taken), vanished(oldLeaves, leaves))
  return success(withEntries(after, taken.size === 0 ? entries : foldOldest(withTaken(kind, entries, taken, writer))))
}

/** Removes these fields from the entries. */
export function withoutFields(entries: readonly ManagerEntry[], gone: FieldSet): readonly ManagerEntry[] {
  return entries.map((entry) => {
    const fields = new Set(entry.fields)
    for (const path of gone) fields.delete(path)
    return fields.size === entry.fields.size ? entry : { ...entry, fields }
  })
}

/** The paths, of leaves and of containers, that a change has removed. */
export function vanished(before: Leaves | undefined, after: Leaves): FieldSet {
  const gone = [...(before?.keys() ?? [])].filter((path) => !after.has(path))
  if (gone.length === 0) return new Set()
  const left = pathsAbove(after.keys())
  return new Set([...gone, ...pathsAbove(gone)].filter((path) => !left.has(path) && !after.has(path)))
}

/**
 * The entries that an update starts from: the stored ones, unless the client sends others. A list with one empty entry clears them. An
 * empty list, which clients send that do not know managers, changes nothing. Entries that differ only in their time count as equal.
 */
function entriesToBegin<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  before: JsonObject,
  given: JsonObject,
): Result<readonly ManagerEntry[]> {
  const known = storedEntries(before)
  const list = objectIn(given, 'metadata')['managedFields']
  const isOther = isJsonArray(list) && list.length > 0 && !sameJson(list, objectIn(before, 'metadata')['managedFields'])
  if (!isOther) return success(known)
  if (list.length === 1 && isJsonObject(list[0]) && Object.keys(list[0]).length === 0) return success([])
  const { entries, causes } = readEntries(list)
  if (causes.length > 0) return refuseCauses(kind, textIn(objectIn(before, 'metadata'), 'name'), causes)
  return success(entries.map((entry) => known.find((other) => isSameEntry(entry, other)) ?? entry))
}

/** Adds these fields to the writer's entry. */
function withTaken<Value extends StoredObject>(
  { group: { apiVersion } }: ResourceKind<Value>,
  entries: readonly ManagerEntry[],
  taken: FieldSet,
  { manager, subresource, now }: Writer,
): readonly ManagerEntry[] {
  const identity = { manager, operation: 'Update', subresource } as const
  const at = entries.findIndex((entry) => isSameManager(identity, entry))
  const fields = new Set([...(entries[at]?.fields ?? []), ...taken])
  const own: ManagerEntry = { ...identity, apiVersion, time: formatTime(now), fields }
  return at === -1 ? [...entries, own] : entries.with(at, own)
}

function isSameEntry(one: ManagerEntry, other: ManagerEntry): boolean {
  return isSameManager(one, other) && one.apiVersion === other.apiVersion && sameFields(one.fields, other.fields)
}
