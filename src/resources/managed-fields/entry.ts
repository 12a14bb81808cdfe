import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonObject, parseTime } from '../../model/index.ts'
import type { Cause } from '../../plan/index.ts'
import { forbidden, invalid, notSupported, wrongType, objectIn } from '../object/index.ts'
import { type FieldSet, fieldSetJson, fieldSetLengthMax, readFieldSet } from './field-set.ts'

/** An element of `metadata.managedFields`: the fields that one manager manages with one operation. */
export interface ManagerEntry {
  readonly manager: string
  /** `Apply`: the manager applies configurations; `Update`: it changes the object. */
  readonly operation: ManagerOperation
  readonly apiVersion: string
  /** The last time that the manager took fields, in RFC 3339; empty if it is not known. */
  readonly time: string
  /** The subresource that the manager writes to; empty for the object itself. */
  readonly subresource: string
  readonly fields: FieldSet
}

/** The two ways to become the manager of a field. */
export type ManagerOperation = (typeof operations)[number]
const operations = ['Apply', 'Update'] as const

/** The longest name of a manager, in characters. */
export const managerLengthMax = 128

/** The most entries that a client may send. */
export const entriesMax = 100

/** The most entries with the operation Apply that an object may have. */
export const applyEntriesMax = 80

/** The most entries with the operation Update that an object has. Beyond that, the oldest are merged under one name. */
export const updateEntriesMax = 10
const ancientManager = 'ancient-changes'

/** Checks the name of a manager. Returns the problem, or undefined. */
export function managerProblem(manager: string): string | undefined {
  if (manager.length > managerLengthMax) return `may not be more than ${String(managerLengthMax)} characters long`
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(manager) ? undefined : 'must be printable'
}

/** True if two entries have the same manager, operation and subresource. */
export function isSameManager(one: Omit<ManagerEntry, 'fields' | 'time' | 'apiVersion'>, other: ManagerEntry): boolean {
  return one.manager === other.manager && one.operation === other.operation && one.subresource === other.subresource
}

/** Reads the entries of a stored object. An entry that cannot be read is skipped. */
export function storedEntries(object: JsonObject | undefined): readonly ManagerEntry[] {
  return readList(objectIn(object, 'metadata')['managedFields'], Infinity).entries
}

/** Reads the entries that a client sends, strictly, because clients that read them back do so too. Returns every problem. */
export function readEntries(json: Json): {
  readonly entries: readonly ManagerEntry[]
  readonly causes: readonly Cause[]
} {
  if (isJsonArray(json) && json.length > entriesMax) {
    return { entries: [], causes: [forbidden(listField, `may have at most ${String(entriesMax)} items`)] }
  }
  return readList(json, fieldSetLengthMax)
}

/** Puts these entries into the object. Entries without fields are left out. */
export function withEntries(object: JsonObject, entries: readonly ManagerEntry[]): JsonObject {
  const { managedFields: _, ...metadata } = objectIn(object, 'metadata')
  const list = entries.filter(({ fields }) => fields.size > 0).map(entryJson)
  const members = [...Object.entries(metadata), ...(list.length === 0 ? [] : [['managedFields', list] as const])]
  return jsonObject([...Object.entries(object), ['metadata', jsonObject(members)]])
}

/** Merges the oldest entries of updates if there are too many: any number of managers may change an object. */
export function foldOldest(entries: readonly ManagerEntry[]): readonly ManagerEntry[] {
  const updates = entries.filter(({ operation }) => operation === 'Update')
  if (updates.length <= updateEntriesMax) return entries
  const byAge = updates.toSorted((one, other) => (one.time < other.time ? -1 : Number(one.time > other.time)))
  const oldest = byAge.slice(0, 1 - updateEntriesMax)
  const ancient: ManagerEntry = {
    manager: ancientManager,
    operation: 'Update',
    apiVersion: oldest.reduce((_, { apiVersion }) => apiVersion, ''),
    time: oldest.reduce((_, { time }) => time, ''),
    subresource: '',
    fields: new Set(oldest.flatMap(({ fields }) => [...fields])),
  }
  return [ancient, ...entries.filter((entry) => !oldest.includes(entry))]
}

const listField = 'metadata.managedFields'

function readList(json: Json | undefined, lengthMax: number): ReturnType<typeof readEntries> {
  const entries: ManagerEntry[] = []
  const causes: Cause[] = []
  let lengthLeft = lengthMax
  for (const [index, item] of (isJsonArray(json) ? json : []).entries()) {
    const entry = readEntry(item, `${listField}[${String(index)}]`, lengthLeft, causes)
    if (entry === undefined) continue
    for (const path of entry.fields) lengthLeft -= path.length
    entries.push(entry)
  }
  return { entries, causes }
}

/** Reads one entry. If it is malformed, adds the problems to `causes` and returns undefined. */
function readEntry(json: Json, path: string, lengthMax: number, causes: Cause[]): ManagerEntry | undefined {
  const before = causes.length
  const object = isJsonObject(json) ? json : jsonObject([])
  const text = (member: string): string => {
    const value = object[member] ?? ''
    if (typeof value === 'string') return value
    causes.push(wrongType(`${path}.${member}`, value, 'a string'))
    return ''
  }
  const manager = text('manager')
  const problem = managerProblem(manager)
  if (problem !== undefined) causes.push(invalid(`${path}.manager`, manager, problem))
  const [given, apiVersion, fieldsType, subresource] = [
    text('operation'),
    text('apiVersion'),
    text('fieldsType'),
    text('subresource'),
  ]
  const operation = operations.find((known) => known === given)
  if (operation === undefined) causes.push(notSupported(`${path}.operation`, given, operations))
  // Some clients parse the time, and send it back with milliseconds.
  const time = text('time').replace(/\.\d+/, '')
  if (time !== '' && parseTime(time) === undefined)
    causes.push(invalid(`${path}.time`, time, 'must be a time such as 2026-11-23T04:00:00Z'))
  if (fieldsType !== 'FieldsV1') causes.push(notSupported(`${path}.fieldsType`, fieldsType, ['FieldsV1']))
  const fieldsV1 = object['fieldsV1'] ?? jsonObject([])
  const fields = readFieldSet(fieldsV1, lengthMax)
  if (!fields.ok) causes.push(invalid(`${path}.fieldsV1`, fieldsV1, fields.problem))
  if (causes.length > before || operation === undefined || !fields.ok) return undefined
  return { manager, operation, apiVersion, time, subresource, fields: fields.value }
}

function entryJson({ manager, operation, apiVersion, time, subresource, fields }: ManagerEntry): JsonObject {
  return jsonObject<Json>([
    ['manager', manager],
    ['operation', operation],
    ['apiVersion', apiVersion],
    ...(time === '' ? [] : [['time', time] as const]),
    ['fieldsType', 'FieldsV1'],
    ['fieldsV1', fieldSetJson(fields)],
    ...(subresource === '' ? [] : [['subresource', subresource] as const]),
  ])
}
