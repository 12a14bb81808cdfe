import { formatTime, isJsonArray, isJsonObject, type Json, type JsonObject, jsonObject } from '../../model/index.ts'
import type { Cause } from '../../plan/index.ts'
import type { NameForm, WriteContext } from '../kind.ts'
import { forbidden, invalid, required } from './causes.ts'
import { textIn } from './json.ts'
import {
  annotationBytesMax,
  entriesMax,
  isAnnotationKey,
  isLabelKey,
  isLabelValue,
  isNameOf,
  labelLengthMax,
  nameLengthMax,
} from './names.ts'

/** The members of metadata that clients set. The server sets all others. */
const clientMembers = ['labels', 'annotations', 'ownerReferences', 'finalizers']

/** The name of a new object: the given one, else `generateName` and five characters of the UID. Empty if neither is given. */
export function nameFor(metadata: JsonObject, uid: string): string {
  const name = textIn(metadata, 'name')
  const prefix = textIn(metadata, 'generateName')
  return name === '' && prefix !== '' ? `${prefix}${uid.slice(0, 5)}` : name
}

/** Makes the metadata of a new object. */
export function newMetadata(given: JsonObject, name: string, { uid, now }: WriteContext): JsonObject {
  const generateName = textIn(given, 'generateName')
  return jsonObject([
    ['name', name],
    ...(generateName === '' ? [] : [['generateName', generateName] as const]),
    ['uid', uid],
    ['generation', 1],
    ['creationTimestamp', formatTime(now)],
    ...membersIn(given),
  ])
}

/**
 * Makes the metadata of a changed object: the members that clients set as given, all others as stored. `finalizer`, the server's own,
 * stays on an object that is being deleted.
 */
export function changedMetadata(given: JsonObject, stored: JsonObject, finalizer: string | undefined): JsonObject {
  const kept = Object.entries(stored).filter(([name]) => !clientMembers.includes(name))
  const changed = jsonObject([...kept, ...membersIn(given)])
  if (finalizer === undefined || !isBeingDeleted(stored) || !finalizersOf(stored).includes(finalizer)) return changed
  const finalizers = finalizersOf(given)
  return finalizers.includes(finalizer)
    ? changed
    : jsonObject([...Object.entries(changed), ['finalizers', [...finalizers, finalizer]]])
}

/** True if an object with this metadata is being deleted. */
export function isBeingDeleted(metadata: JsonObject): boolean {
  return textIn(metadata, 'deletionTimestamp') !== ''
}

/** The finalizers of an object. A deleted object stays until all of them are removed. */
export function finalizersOf(metadata: JsonObject): readonly string[] {
  const { finalizers } = metadata
  return isJsonArray(finalizers) ? finalizers.filter((name) => typeof name === 'string') : []
}

/**
 * Checks the metadata of an object that is about to be stored. Returns every problem.
 * @see docs/calico/formats.md section 5
 */
export function validateMetadata(
  names: NameForm,
  metadata: JsonObject,
  given: JsonObject,
  stored: JsonObject | undefined,
): readonly Cause[] {
  const crowded = crowdedCauses(metadata, stored)
  if (crowded.length > 0) return crowded
  return [
    ...(stored === undefined ? nameCauses(names, metadata) : []),
    ...(textIn(given, 'namespace') === ''
      ? []
      : [forbidden('metadata.namespace', 'the object belongs to no namespace')]),
    ...labelCauses(entriesOf(metadata['labels'])),
    ...annotationCauses(entriesOf(metadata['annotations'])),
    ...ownerCauses(metadata['ownerReferences']),
    ...finalizerCauses(metadata, stored),
  ]
}

/**
 * Returns a cause for each member that has too many entries: every change of an object takes time for each of them. An object that Calico
 * wrote may have more, and can still be changed.
 */
export function crowdedCauses(metadata: JsonObject, stored: JsonObject | undefined): readonly Cause[] {
  return clientMembers.flatMap((name) => {
    const count = countEntries(metadata[name])
    const max = Math.max(entriesMax, countEntries(stored?.[name]))
    return count > max ? [invalid(`metadata.${name}`, count, `must be at most ${String(max)} entries`)] : []
  })
}

function countEntries(json: Json | undefined): number {
  if (isJsonArray(json)) return json.length
  return isJsonObject(json) ? Object.keys(json).length : 0
}

function nameCauses(form: NameForm, metadata: JsonObject): readonly Cause[] {
  const name = textIn(metadata, 'name')
  if (isNameOf(form, name)) return []
  if (name === '') return [required('metadata.name', 'name or generateName is required')]
  const prefix = textIn(metadata, 'generateName')
  const [field, value] =
    prefix !== '' && name.startsWith(prefix) ? ['metadata.generateName', prefix] : ['metadata.name', name]
  return [
    invalid(
      field,
      value,
      name.length > nameLengthMax ? `must be at most ${String(nameLengthMax)} characters long` : nameShapes[form],
    ),
  ]
}

const nameShapes: Readonly<Record<NameForm, string>> = {
  subdomain:
    "must consist of lower-case letters, digits, '-' and '.', and begin and end, also around each '.', with a letter or digit",
  'path segment': "must consist of letters, digits and :@._~!$&'()*+,;=-, and be neither '.' nor '..'",
}

const wordShape = `letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, at most ${String(labelLengthMax)} of them`
const keyShape = `must be ${wordShape}; before it, if wanted, a lower-case DNS name and '/'`

function labelCauses(labels: readonly (readonly [string, string])[]): readonly Cause[] {
  return labels.flatMap(([key, value]) => [
    ...(isLabelKey(key) ? [] : [invalid('metadata.labels', key, `the name of a label ${keyShape}`)]),
    ...(isLabelValue(value)
      ? []
      : [invalid('metadata.labels', value, `the value of a label must be empty or ${wordShape}`)]),
  ])
}

const utf8 = new TextEncoder()

function annotationCauses(annotations: readonly (readonly [string, string])[]): readonly Cause[] {
  const causes = annotations
    .filter(([key]) => !isAnnotationKey(key))
    .map(([key]) => invalid('metadata.annotations', key, `the name of an annotation ${keyShape}`))
  const bytes = annotations.reduce((sum, [key, value]) => sum + utf8.encode(key + value).length, 0)
  if (bytes <= annotationBytesMax) return causes
  return [
    ...causes,
    invalid(
      'metadata.annotations',
      bytes,
      `names and values must not exceed ${String(annotationBytesMax)} bytes in total`,
    ),
  ]
}

function ownerCauses(references: Json | undefined): readonly Cause[] {
  if (!isJsonArray(references)) return []
  return references.flatMap((reference, index) =>
    ['apiVersion', 'kind', 'name', 'uid']
      .filter((member) => isJsonObject(reference) && textIn(reference, member) === '')
      .map((member) => required(`metadata.ownerReferences[${String(index)}].${member}`, 'must not be empty')),
  )
}

function finalizerCauses(metadata: JsonObject, stored: JsonObject | undefined): readonly Cause[] {
  const finalizers = finalizersOf(metadata)
  const malformed = finalizers.flatMap((name, index) =>
    isLabelKey(name)
      ? []
      : [invalid(`metadata.finalizers[${String(index)}]`, name, `the name of a finalizer ${keyShape}`)],
  )
  if (stored === undefined || !isBeingDeleted(stored)) return malformed
  const before = new Set(finalizersOf(stored))
  const added = finalizers.filter((name) => !before.has(name))
  if (added.length === 0) return malformed
  const list = added.map((name) => JSON.stringify(name)).join(', ')
  return [
    ...malformed,
    forbidden('metadata.finalizers', `the object is being deleted and takes no new finalizers, found ${list}`),
  ]
}

function membersIn(given: JsonObject): readonly (readonly [string, Json])[] {
  return clientMembers.flatMap((name) => {
    const value = given[name]
    return value === undefined ? [] : [[name, value] as const]
  })
}

function entriesOf(map: Json | undefined): readonly (readonly [string, string])[] {
  if (!isJsonObject(map)) return []
  return Object.entries(map).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : []))
}
