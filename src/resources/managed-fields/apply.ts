import { formatTime, type Json, type JsonObject, jsonObject } from '../../model/index.ts'
import { type Cause, type Result, refuse, success } from '../../plan/index.ts'
import type { ResourceKind, Stored, StoredObject } from '../kind.ts'
import { refuseCauses, forbidden, objectIn, showObject } from '../object/index.ts'
import { applyEntriesMax, type ManagerEntry, isSameManager, storedEntries, withEntries } from './entry.ts'
import { displayPath, sameFields } from './field-set.ts'
import { isSameLeaf, type Leaves, leavesOf, partFor, trackedSchema } from './leaves.ts'
import { mergeManagedFields, removeLeaves } from './merge.ts'
import { validateLists } from './parts.ts'
import { vanished, withoutFields, type Writer } from './update.ts'

/** The outcome of applying a configuration, before defaults are filled in and the object is validated. */
export interface Applied {
  /** The object with the configuration applied, and without the fields that the manager applied before and leaves out this time. */
  readonly object: Json
  /** Puts the managers of the fields into the object that is about to be stored. Defaults that were filled in have no manager. */
  readonly setManagers: (after: JsonObject) => JsonObject
}

/**
 * Applies the configuration in `body` to the object called `name`: to `stored`, or to a new object. Refuses with `Conflict` if the
 * configuration changes a field that others manage, unless it is forced. A field that several managers apply with the same value is
 * managed by all of them.
 * @see docs/kubernetes-api.md section 7
 */
export function applyConfiguration<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  name: string,
  stored: Stored<Value> | undefined,
  body: JsonObject,
  writer: Writer & { readonly isForced: boolean },
): Result<Applied> {
  const schema = trackedSchema(kind, writer.subresource)
  const configuration = partFor(body, writer.subresource)
  const causes = validateLists(schema, configuration)
  if (causes.length > 0) return refuseCauses(kind, name, causes)

  const identity = { manager: writer.manager, operation: 'Apply', subresource: writer.subresource } as const
  const known = storedEntries(stored?.value.object)
  const own = known.find((entry) => isSameManager(identity, entry))
  const others = known.filter((entry) => entry !== own)
  if (own === undefined && others.filter(({ operation }) => operation === 'Apply').length >= applyEntriesMax) {
    const problem = `the object has ${String(applyEntriesMax)} managers that apply configurations, and takes no more`
    return refuseCauses(kind, name, [forbidden('metadata.managedFields', problem)])
  }

  const live = stored === undefined ? jsonObject([]) : showObject(kind, stored.value, stored.revision)
  const before = leavesOf(schema, live)
  const applied = leavesOf(schema, canonical(kind, configuration, live))
  const fields = new Set(leavesOf(schema, configuration).keys())
  const conflicts = findConflicts(
    [...fields].filter((path) => !isSameLeaf(path, before, applied)),
    others,
  )
  if (conflicts.length > 0 && !writer.isForced) return refuseConflicts(conflicts)

  const isLeft = (path: string): boolean => !fields.has(path) && !others.some((other) => other.fields.has(path))
  const left = new Set([...(own?.fields ?? [])].filter(isLeft))
  return success({
    object: mergeManagedFields(schema, removeLeaves(schema, live, left), configuration),
    setManagers: (after) => {
      const leaves = leavesOf(schema, after)
      const lost = new Set([...conflicts.map(({ path }) => path), ...vanished(before, leaves)])
      const isSame = own !== undefined && sameFields(own.fields, fields) && areSameLeaves(before, leaves)
      const entry = isSame
        ? own
        : { ...identity, apiVersion: kind.group.apiVersion, time: formatTime(writer.now), fields }
      const at = own === undefined ? others.length : known.indexOf(own)
      return withEntries(after, withoutFields(others, lost).toSpliced(at, 0, entry))
    },
  })
}

/** A field that the configuration would change, and another manager's entry that has it. */
interface Conflict {
  readonly path: string
  readonly entry: ManagerEntry
}

function findConflicts(changed: readonly string[], others: readonly ManagerEntry[]): readonly Conflict[] {
  return changed.flatMap((path) => others.filter(({ fields }) => fields.has(path)).map((entry) => ({ path, entry })))
}

/** The configuration as it would be stored: a CIDR, for example, can be written in several ways. */
function canonical<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  configuration: JsonObject,
  live: JsonObject,
): JsonObject {
  const spec = kind.withDefaults(objectIn(configuration, 'spec'), objectIn(live, 'spec'))
  return jsonObject([...Object.entries(configuration), ['spec', spec]])
}

function areSameLeaves(one: Leaves, other: Leaves): boolean {
  return [...one.keys(), ...other.keys()].every((path) => isSameLeaf(path, one, other))
}

/** Refuses in Kubernetes' words: kubectl recognises them and adds its advice. */
function refuseConflicts(conflicts: readonly Conflict[]): Result<never> {
  const causes: readonly Cause[] = conflicts.map(({ path, entry }) => ({
    field: displayPath(path),
    reason: 'FieldManagerConflict',
    message: `conflict with ${displayManager(entry)}`,
  }))
  const [first] = causes
  if (first !== undefined && causes.length === 1) {
    return refuse('Conflict', `Apply failed with 1 conflict: ${first.message}: ${first.field}`, causes)
  }
  const byManager = new Map<string, string[]>()
  for (const { path, entry } of conflicts) {
    const manager = displayManager(entry)
    const paths = byManager.get(manager) ?? []
    paths.push(`\n- ${displayPath(path)}`)
    byManager.set(manager, paths)
  }
  const lists = [...byManager].sort().map(([manager, paths]) => `conflicts with ${manager}:${paths.join('')}`)
  return refuse('Conflict', `Apply failed with ${String(causes.length)} conflicts: ${lists.join('\n')}`, causes)
}

function displayManager({ manager, operation, apiVersion: version, subresource }: ManagerEntry): string {
  const through = subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`
  return `${JSON.stringify(manager)}${through}${operation === 'Update' ? ` using ${version}` : ''}`
}
