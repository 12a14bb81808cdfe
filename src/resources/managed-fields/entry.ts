import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonObject, parseTime } from '../../model/index.ts'
import type { Cause } from '../../plan/index.ts'
import { apiVersion } from '../kind.ts'
import { forbidden, invalid, notSupported, wrongType, objectIn } from '../object/index.ts'
import { type FieldSet, fieldSetJson, fieldSetLengthMax, readFieldSet } from './field-set.ts'

/** The fields that one manager manages in one way: an element of `metadata.managedFields`. */
export interface Entry {
  readonly manager: string
  /** Whether it applies a configuration of its own, or changes what is there. */
  readonly operation: Operation
  readonly apiVersion: string
  /** When it took fields last, in RFC 3339; empty when that is not known. */
  readonly time: string
  /** The subresource that it goes through; empty for the object itself. */
  readonly subresource: string
  readonly fields: FieldSet
}

/** The two ways of managing fields. */
export type Operation = (typeof operations)[number]
const operations = ['Apply', 'Update'] as const

/** The longest name of a manager, in characters. */
export const managerLengthMax = 128

/** The most entries that a client may give. */
export const entriesMax = 100

/** The most entries with the operation Apply that an object may have. */
export const applyEntriesMax = 80

/** The most entries with the operation Update that an object has: the oldest are put together under one name. */
export const updateEntriesMax = 10
const ancientManager = 'ancient-changes'

/** What is wrong with the name of a manager; undefined when nothing is. */
export function managerProblem(manager: string): string | undefined {
  if (manager.length > managerLengthMax) return `may not be more than ${String(managerLengthMax)} characters long`
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(manager) ? undefined : 'must be printable'
}

/** Whether two entries are of the same manager, which manages in the same way. */
export function isSameManager(one: Omit<Entry, 'fields' | 'time' | 'apiVersion'>, other: Entry): boolean {
  return one.manager === other.manager && one.operation === other.operation && one.subresource === other.subresource
}

/** The entries that an object is stored with. One that cannot be read manages nothing. */
export function storedEntries(object: JsonObject | undefined): readonly Entry[] {
  return readList(objectIn(object, 'metadata')['managedFields'], Infinity).entries
}

/** The entries that a client gives, and all that is wrong with them, since clients read them strictly. */
export function readEntries(json: Json): { readonly entries: readonly Entry[]; readonly causes: readonly Cause[] } {
  if (isJsonArray(json) && json.length > entriesMax) {
    return { entries: [], causes: [forbidden(listField, `may have at most ${String(entriesMax)} items`)] }
  }
  return readList(json, fieldSetLengthMax)
}

/** The object with these entries. Those without a field are left out. */
export function withEntries(object: JsonObject, entries: readonly Entry[]): JsonObject {
  const { managedFields: _, ...metadata } = objectIn(object, 'metadata')
  const list = entries.filter(({ fields }) => fields.size > 0).map(entryJson)
  const members = [...Object.entries(metadata), ...(list.length === 0 ? [] : [['managedFields', list] as const])]
  return jsonObject([...Object.entries(object), ['metadata', jsonObject(members)]])
}

/** Puts the oldest entries of updates together when there are too many: what changes an object may have any number of names. */
export function foldOldest(entries: readonly Entry[]): readonly Entry[] {
  const updates = entries.filter(({ operation }) => operation === 'Update')
  if (updates.length <= updateEntriesMax) return entries
  const byAge = updates.toSorted((one, other) => (one.time < other.time ? -1 : Number(one.time > other.time)))
  const oldest = byAge.slice(0, 1 - updateEntriesMax)
  const ancient: Entry = {
    manager: ancientManager,
    operation: 'Update',
    apiVersion,
    time: oldest.reduce((_, { time }) => time, ''),
    subresource: '',
    fields: new Set(oldest.flatMap(({ fields }) => [...fields])),
  }
  return [ancient, ...entries.filter((entry) => !oldest.includes(entry))]
}

const listField = 'metadata.managedFields'

function readList(json: Json | undefined, lengthMax: number): ReturnType<typeof readEntries> {
  const entries: Entry[] = []
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

/** Undefined when something is wrong with it, which goes to the causes. */
function readEntry(json: Json, path: string, lengthMax: number, causes: Cause[]): Entry | undefined {
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
  // Some clients read a time and write it with milliseconds.
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

function entryJson({ manager, operation, apiVersion, time, subresource, fields }: Entry): JsonObject {
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
