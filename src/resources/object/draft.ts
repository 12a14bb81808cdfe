import assert from 'node:assert/strict'
import { Type } from '@sinclair/typebox'
import { isJsonObject, type Json, JsonNumber, type JsonObject, jsonObject } from '../../model/index.ts'
import { firstAtOrAfter, type Cause, listSome, type Result, refuse, success } from '../../plan/index.ts'
import type { Candidate, WriteContext, ResourceKind, StoredObject } from '../kind.ts'
import { quote } from './causes.ts'
import { validateConditions } from './conditions.ts'
import { type Checked, checkFields } from './fields.ts'
import { changedMetadata, finalizersOf, nameFor, newMetadata, validateMetadata } from './metadata.ts'
import { objectIn } from './json.ts'
import { isMisspelt } from './misspelt.ts'
import { ObjectMeta } from './schemas.ts'

/** The object to store for what a client sent, and the problems in it. */
export interface ObjectDraft<Value> {
  readonly candidate: Candidate<Value>
  readonly causes: readonly Cause[]
  /** Warnings about unknown fields that were dropped, and about a finalizer that stays. */
  readonly warnings: readonly string[]
}

/** Turns a parsed body into JSON. A number that JSON cannot express becomes its text; a missing body becomes null. */
export function jsonOf(body: unknown): Json {
  if (body === null || typeof body === 'string' || typeof body === 'boolean') return body
  if (typeof body === 'number') return Number.isFinite(body) ? body : String(body)
  if (body instanceof JsonNumber) return body
  if (Array.isArray(body)) return body.map(jsonOf)
  if (typeof body === 'object') return jsonObject(Object.entries(body).map(([name, value]) => [name, jsonOf(value)]))
  return null
}

/** Reads a body as an object of this kind. Refuses another `kind` or `apiVersion`; both may be left out. */
export function readObject<Value extends StoredObject>(kind: ResourceKind<Value>, body: Json): Result<JsonObject> {
  if (!isJsonObject(body)) return refuse('BadRequest', `the body must be an object of kind ${kind.kind}`)
  for (const [field, wanted] of [
    ['kind', kind.kind],
    ['apiVersion', kind.group.apiVersion],
  ] as const) {
    const given = body[field] ?? wanted
    if (given !== wanted) {
      const message = `must be ${JSON.stringify(wanted)} here, found ${quote(given)}`
      return refuse('BadRequest', `${field}: ${message}`, [{ field, reason: 'FieldValueInvalid', message }])
    }
  }
  return success(body)
}

/**
 * Makes the object to store from `given`: a new object, or one that replaces `old`. Refuses unknown fields if field validation is
 * strict or the kind is exact, and those of a new object that look like misspelt immutable ones unless it is off. Every other problem
 * becomes a cause. With `isComplete`, a field that is absent was removed on purpose, as in a patched object.
 */
export function draftObject<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  given: JsonObject,
  old: Value | undefined,
  context: WriteContext,
  options: { readonly isComplete: boolean },
): Result<ObjectDraft<Value>> {
  const whole = checkFields(Envelope, given, { ...options, path: '', stored: old?.object })
  const [oldMetadata, oldSpec] = [objectIn(old?.object, 'metadata'), objectIn(old?.object, 'spec')]
  const metadata = checkFields(ObjectMeta, objectIn(given, 'metadata'), {
    ...options,
    path: 'metadata',
    stored: oldMetadata,
  })
  const spec = checkFields(kind.specSchema, objectIn(given, 'spec'), {
    ...options,
    path: 'spec',
    stored: oldSpec,
    refusesNull: kind.isExact,
  })

  const unknown = [whole, metadata, spec].flatMap((checked) => checked.unknown)
  const intolerable = context.fieldValidation === 'Strict' ? unknown : kind.isExact ? spec.unknown : []
  if (intolerable.length > 0) return refuseUnknown(kind, intolerable)
  const misspelt = old === undefined && context.fieldValidation === 'Warn' ? misspeltFields(kind, spec) : []
  if (misspelt.length > 0) return refuse('BadRequest', listSome(misspelt.map(({ message }) => message)), misspelt)

  const name = old?.name ?? nameFor(metadata.object, context.uid)
  const newSpec = kind.withDefaults(spec.object, old && oldSpec)
  const metadataToStore =
    old === undefined
      ? newMetadata(metadata.object, name, context)
      : changedMetadata(metadata.object, oldMetadata, kind.finalizer)
  const { status: _, ...parts } = whole.object
  const object = jsonObject([
    ...Object.entries(parts),
    ['kind', kind.kind],
    ['apiVersion', kind.group.apiVersion],
    ['metadata', metadataToStore],
    ['spec', newSpec],
    ...Object.entries(old?.object ?? {}).filter(([member]) => member === 'status'),
  ])

  const causes: Cause[] = [whole, metadata, spec].flatMap((checked) => checked.causes)
  const candidate = { name, object, spec: newSpec, old, isSound: soundness(causes) }
  const found = [
    ...validateMetadata(kind.names, metadataToStore, metadata.object, old && oldMetadata),
    ...kind.validate(candidate),
  ]
  // A field of the wrong type is reported for that only, not as missing or invalid too.
  causes.push(...found.filter(({ field }) => candidate.isSound(field)))
  const dropped = context.fieldValidation === 'Ignore' ? [] : unknown.map(quoteUnknown)
  const kept = finalizersOf(metadataToStore).filter((finalizer) => !finalizersOf(metadata.object).includes(finalizer))
  return success({ candidate, causes, warnings: [...dropped, ...kept.map(quoteKept)] })
}

/** The only finalizer that a change cannot remove is the server's own. */
function quoteKept(finalizer: string): string {
  return `metadata.finalizers: ${finalizer} stays: the server removes it when nothing holds the object any more`
}

/** Makes the object to store from the status in `given`, and ignores the rest of `given`. Refuses as {@link draftObject} does. */
export function draftStatus<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  given: JsonObject,
  old: Value,
  context: WriteContext,
  options: { readonly isComplete: boolean },
): Result<ObjectDraft<Value>> {
  assert(kind.statusSchema, 'the kind has a status')
  const status = checkFields(kind.statusSchema, objectIn(given, 'status'), {
    ...options,
    path: 'status',
    stored: objectIn(old.object, 'status'),
  })
  const { unknown } = status
  const causes: Cause[] = [...status.causes]
  if (causes.length === 0) causes.push(...validateConditions(status.object))
  if (unknown.length > 0 && context.fieldValidation === 'Strict') return refuseUnknown(kind, unknown)
  const object = jsonObject([...Object.entries(old.object), ['status', status.object]])
  const spec = objectIn(old.object, 'spec')
  const candidate = { name: old.name, object, spec, old, isSound: soundness(causes) }
  return success({ candidate, causes, warnings: context.fieldValidation === 'Ignore' ? [] : unknown.map(quoteUnknown) })
}

/** Refuses an object as invalid, with the first cause of each field. */
export function refuseCauses<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  name: string,
  causes: readonly Cause[],
): Result<never> {
  const byField = new Map<string, Cause>()
  for (const cause of causes) {
    if (!byField.has(cause.field)) byField.set(cause.field, cause)
  }
  const distinct = [...byField.values()]
  const listed = distinct.slice(0, causesListedMax).map(({ field, message }) => `${field}: ${message}`)
  if (distinct.length > listed.length) listed.push(`and ${distinct.length - listed.length} more`)
  const list = listed.length === 1 ? listed.join() : `[${listed.join(', ')}]`
  return refuse('Invalid', `${kind.kind}.${kind.group.name} ${quote(name)} is invalid: ${list}`, distinct)
}

/** The most causes that a message lists. */
const causesListedMax = 10

/** The members of every object. Metadata and spec are checked by their own schemas; the status is ignored unless it is addressed. */
const Envelope = Type.Object({
  kind: Type.String(),
  apiVersion: Type.String(),
  metadata: Type.Object({}, { additionalProperties: true }),
  spec: Type.Object({}, { additionalProperties: true }),
  status: Type.Unknown(),
})

/** Makes the function that says whether fields are sound. It sees all causes that `causes` holds when it is called. */
function soundness(causes: readonly Cause[]): Candidate<unknown>['isSound'] {
  // Sorted for a binary search: there can be as many causes as calls.
  let wrong: readonly string[] = []
  const follows = (text: string): string => wrong[firstAtOrAfter(wrong, text, (field) => field)] ?? ''
  const isWrong = (field: string): boolean =>
    [field, ...pathsAbove(field)].some((path) => follows(path) === path) ||
    ['.', '['].some((mark) => follows(`${field}${mark}`).startsWith(`${field}${mark}`))
  return (...fields) => {
    if (wrong.length !== causes.length) wrong = causes.map(({ field }) => field).sort()
    return !fields.some(isWrong)
  }
}

/** The paths of the fields that contain a field. */
function pathsAbove(field: string): readonly string[] {
  return [...field.matchAll(/[.[]/g)].map(({ index }) => field.slice(0, index))
}

/**
 * The unknown fields of a new spec that look like misspelt ones which cannot be changed later. A warning would come too late: the object
 * would have the default for good.
 */
function misspeltFields<Value extends StoredObject>(
  { kind, immutableFields }: ResourceKind<Value>,
  spec: Checked,
): readonly Cause[] {
  return immutableFields
    .filter((right) => !Object.hasOwn(spec.object, right))
    .flatMap((right) => {
      const found = spec.unknown.find((field) => isMisspelt(field.slice('spec.'.length), right))
      if (found === undefined) return []
      const message = `${kind} has no field ${quote(found)}; spec.${right}, which cannot be changed later, may be meant`
      return [{ field: found, reason: 'FieldValueForbidden', message }]
    })
}

function refuseUnknown<Value extends StoredObject>(
  { kind, group }: ResourceKind<Value>,
  unknown: readonly string[],
): Result<never> {
  const list = unknown.slice(0, causesListedMax).map(quoteUnknown).join(', ')
  const more = unknown.length > causesListedMax ? `, and ${String(unknown.length - causesListedMax)} more` : ''
  return refuse(
    'BadRequest',
    `${kind} in version "${group.version}" cannot be handled as a ${kind}: strict decoding error: ${list}${more}`,
    unknown.map((field) => ({ field, reason: 'FieldValueForbidden', message: quoteUnknown(field) })),
  )
}

function quoteUnknown(field: string): string {
  return `unknown field ${quote(field)}`
}
