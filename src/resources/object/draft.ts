import assert from 'node:assert/strict'
import { Type } from '@sinclair/typebox'
import { isJsonObject, type Json, type JsonObject, jsonObject } from '../../model/index.ts'
import { firstAtOrAfter, type Cause, type Result, refuse, success } from '../../plan/index.ts'
import {
  apiVersion,
  type Candidate,
  type Context,
  group,
  type ResourceKind,
  type StoredObject,
  version,
} from '../kind.ts'
import { quote } from './causes.ts'
import { validateConditions } from './conditions.ts'
import { checkFields } from './fields.ts'
import { changedMetadata, nameFor, newMetadata, validateMetadata } from './metadata.ts'
import { objectIn } from './json.ts'
import { ObjectMeta } from './schemas.ts'

/** What a client's object comes to, and all that was found wrong with it. */
export interface Draft<Value> {
  readonly candidate: Candidate<Value>
  readonly causes: readonly Cause[]
  /** What the client should be told although all is well. */
  readonly warnings: readonly string[]
}

/** Turns a parsed body into JSON. A number that JSON cannot write becomes its text; a body that is missing, null. */
export function jsonOf(body: unknown): Json {
  if (body === null || typeof body === 'string' || typeof body === 'boolean') return body
  if (typeof body === 'number') return Number.isFinite(body) ? body : String(body)
  if (Array.isArray(body)) return body.map(jsonOf)
  if (typeof body === 'object') return jsonObject(Object.entries(body).map(([name, value]) => [name, jsonOf(value)]))
  return null
}

/** The body of a create or replace as an object of this kind; `kind` and `apiVersion` may be left out, but not be others. */
export function readObject<Value extends StoredObject>(kind: ResourceKind<Value>, body: Json): Result<JsonObject> {
  if (!isJsonObject(body)) return refuse('BadRequest', `the body must be an object of kind ${kind.kind}`)
  for (const [field, wanted] of [
    ['kind', kind.kind],
    ['apiVersion', apiVersion],
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
 * Drafts what is stored when `given` is accepted: as a new object, or in place of `old`. Refuses unknown fields when they are to
 * be refused; everything else that is wrong is in the causes, at most one for each field.
 */
export function draftObject<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  given: JsonObject,
  old: Value | undefined,
  context: Context,
  options: { readonly isComplete: boolean },
): Result<Draft<Value>> {
  const whole = checkFields(Envelope, given, { ...options, path: '', stored: old?.object })
  const [oldMetadata, oldSpec] = [objectIn(old?.object, 'metadata'), objectIn(old?.object, 'spec')]
  const metadata = checkFields(ObjectMeta, objectIn(given, 'metadata'), {
    ...options,
    path: 'metadata',
    stored: oldMetadata,
  })
  const spec = checkFields(kind.specSchema, objectIn(given, 'spec'), { ...options, path: 'spec', stored: oldSpec })

  const unknown = [whole, metadata, spec].flatMap((checked) => checked.unknown)
  if (unknown.length > 0 && context.fieldValidation === 'Strict') return refuseUnknown(kind.kind, unknown)

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
    ['apiVersion', apiVersion],
    ['metadata', metadataToStore],
    ['spec', newSpec],
    ...Object.entries(old?.object ?? {}).filter(([member]) => member === 'status'),
  ])

  const causes: Cause[] = [whole, metadata, spec].flatMap((checked) => checked.causes)
  const candidate = { name, object, spec: newSpec, old, isSound: soundness(causes) }
  const found = [...validateMetadata(metadataToStore, metadata.object, old && oldMetadata), ...kind.validate(candidate)]
  // What is of the wrong type is not missing, or wrong in yet another way.
  causes.push(...found.filter(({ field }) => candidate.isSound(field)))
  const warnings = context.fieldValidation === 'Ignore' ? [] : unknown.map(quoteUnknown)
  return success({ candidate, causes, warnings })
}

/** As {@link draftObject}, of the status of a stored object: nothing else in `given` makes a difference. */
export function draftStatus<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  given: JsonObject,
  old: Value,
  context: Context,
  options: { readonly isComplete: boolean },
): Result<Draft<Value>> {
  assert(kind.statusSchema, 'the kind has a status')
  const status = checkFields(kind.statusSchema, objectIn(given, 'status'), {
    ...options,
    path: 'status',
    stored: objectIn(old.object, 'status'),
  })
  const { unknown } = status
  const causes: Cause[] = [...status.causes]
  if (causes.length === 0) causes.push(...validateConditions(status.object))
  if (unknown.length > 0 && context.fieldValidation === 'Strict') return refuseUnknown(kind.kind, unknown)
  const object = jsonObject([...Object.entries(old.object), ['status', status.object]])
  const spec = objectIn(old.object, 'spec')
  const candidate = { name: old.name, object, spec, old, isSound: soundness(causes) }
  return success({ candidate, causes, warnings: context.fieldValidation === 'Ignore' ? [] : unknown.map(quoteUnknown) })
}

/** The refusal of an object for what is wrong with it: one cause for each field, the first that was found. */
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
  const told = distinct.slice(0, causesToldMax).map(({ field, message }) => `${field}: ${message}`)
  if (distinct.length > told.length) told.push(`and ${String(distinct.length - told.length)} more`)
  const list = told.length === 1 ? told.join() : `[${told.join(', ')}]`
  return refuse('Invalid', `${kind.kind}.${group} ${quote(name)} is invalid: ${list}`, distinct)
}

/** How many causes a message repeats. */
const causesToldMax = 10

/** The parts of every object; what is in them is checked one by one, and the status is not the client's to give. */
const Envelope = Type.Object({
  kind: Type.String(),
  apiVersion: Type.String(),
  metadata: Type.Object({}, { additionalProperties: true }),
  spec: Type.Object({}, { additionalProperties: true }),
  status: Type.Unknown(),
})

/** Tells whether nothing is wrong with some fields, by the causes found until it is asked. */
function soundness(causes: readonly Cause[]): Candidate<unknown>['isSound'] {
  // Sorted, because there may be as many causes as questions.
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

/** The paths of what a field is part of. */
function pathsAbove(field: string): readonly string[] {
  return [...field.matchAll(/[.[]/g)].map(({ index }) => field.slice(0, index))
}

function refuseUnknown(kind: string, unknown: readonly string[]): Result<never> {
  const list = unknown.slice(0, causesToldMax).map(quoteUnknown).join(', ')
  const more = unknown.length > causesToldMax ? `, and ${String(unknown.length - causesToldMax)} more` : ''
  return refuse(
    'BadRequest',
    `${kind} in version "${version}" cannot be handled as a ${kind}: strict decoding error: ${list}${more}`,
    unknown.map((field) => ({ field, reason: 'FieldValueForbidden', message: quoteUnknown(field) })),
  )
}

function quoteUnknown(field: string): string {
  return `unknown field ${quote(field)}`
}
