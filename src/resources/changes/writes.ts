import assert from 'node:assert/strict'
import { isJsonObject, type Json, type JsonObject, jsonObject, type Now } from '../../model/index.ts'
import {
  answerOnly,
  type Plan,
  type Revision,
  type View,
  type Refusal,
  type Result,
  refuse,
  success,
} from '../../plan/index.ts'
import { generationOf } from '../annexes.ts'
import type { Candidate, WriteContext, ResourceKind, Stored, StoredObject } from '../kind.ts'
import { type Update, withUpdate } from '../managed-fields/index.ts'
import {
  finalizersOf,
  isBeingDeleted,
  textIn,
  isNameOf,
  objectIn,
  parseObject,
  showObject,
  sameJson,
  draftObject,
  draftStatus,
  jsonOf,
  readObject,
  refuseCauses,
} from '../object/index.ts'
import { brokenPrecondition, impliedBy, planRead, quoteObject, readStored } from '../reading.ts'
import { planRemoval, refuseLockout } from './deletion.ts'
import { jsonPatch, mergePatch } from './patch.ts'

/** The outcome of a create or a change. */
export interface Changed<Value> {
  readonly value: Value
  /** False if the object stays as it was, and the plan writes nothing. */
  readonly isWritten: boolean
  /** The revision of the object before the plan; undefined for a new object. */
  readonly revisionBefore: Revision | undefined
  /** Warnings for the client, such as unknown fields that were dropped. */
  readonly warnings: readonly string[]
}

/** Puts the managers of the fields into an object that is about to be stored. */
export type SetManagers = (object: JsonObject) => JsonObject

/**
 * Creates an object from the parsed body of a request. Refuses a body that is not an object of this kind with `BadRequest`, a name that
 * is taken with `AlreadyExists`, and an object that breaks a rule, by itself or beside what is stored, with `Invalid`.
 */
export function planCreate<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  body: unknown,
  context: WriteContext,
  setManagers?: SetManagers,
): Plan<Result<Changed<Value>>> {
  // A creation that has to wait for another one is not validated in vain.
  if (kind.isAdmittedBesideOthers === true) view.waitWith(`create ${kind.plural}`)
  const given = readObject(kind, jsonOf(body))
  if (!given.ok) return answerOnly(given)
  if (textIn(objectIn(given.value, 'metadata'), 'resourceVersion') !== '') {
    return answerOnly(
      refuse('BadRequest', 'metadata.resourceVersion: must not be set on an object that is to be created'),
    )
  }
  const drafted = draftObject(kind, given.value, undefined, context, { isComplete: false })
  if (!drafted.ok) return answerOnly(drafted)

  const { candidate, warnings } = drafted.value
  if (isNameOf(kind.names, candidate.name) && kind.storage.lookup(view, candidate.name).kind !== 'absent') {
    return answerOnly(refuse('AlreadyExists', `${quoteObject(kind, candidate.name)} already exists`))
  }
  const causes = [...drafted.value.causes, ...kind.admit(view, candidate, context)]
  if (causes.length > 0) return answerOnly(refuseCauses(kind, candidate.name, causes))
  const escalation = refuseEscalation(kind, candidate, context)
  if (escalation !== undefined) return answerOnly(escalation)

  const parsed = parseObject(kind, candidate.object)
  const managed = withManagers(
    kind,
    { before: undefined, given: given.value, after: parsed.object },
    context,
    setManagers,
  )
  assert(managed.ok, 'the managers that a client names for a new object are ignored')
  const value = withKeptStatus(kind, { ...parsed, object: managed.value }, context.now, context.secretHash)
  const answer = success({ value, isWritten: true, revisionBefore: undefined, warnings })
  return { answer, writes: kind.storage.put(value) }
}

/**
 * Replaces the object called `name` by the parsed body of a request. Fields that the server sets stay as stored, and so do fields that
 * it does not know. Refuses with `NotFound`, with `Conflict` if the body names another resourceVersion or UID than the stored one, and
 * as {@link planCreate} does. If nothing changes, nothing is written.
 */
export function planReplace<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  name: string,
  body: unknown,
  context: WriteContext,
): Plan<Result<Changed<Value>>> {
  const stored = readStored(view, kind, name)
  if (stored.ok) return planChange(view, kind, stored.value, jsonOf(body), context, { isComplete: false })
  return impliedBy(kind, name, stored) === undefined
    ? answerOnly(stored)
    : planCreateNamed(view, kind, name, jsonOf(body), context)
}

/** Creates the object called `name`, which the body need not repeat. */
function planCreateNamed<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  name: string,
  body: Json,
  context: WriteContext,
): Plan<Result<Changed<Value>>> {
  if (!isJsonObject(body)) return planCreate(view, kind, body, context)
  const metadata = objectIn(body, 'metadata')
  const refusal = brokenName(name, metadata)
  if (refusal !== undefined) return answerOnly({ ok: false, refusal })
  const named = jsonObject([...Object.entries(metadata), ['name', name]])
  return planCreate(view, kind, jsonObject([...Object.entries(body), ['metadata', named]]), context)
}

/** Changes the object called `name` by a JSON merge patch. Refuses as {@link planReplace} does. */
export function planMergePatch<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  name: string,
  patch: unknown,
  context: WriteContext,
): Plan<Result<Changed<Value>>> {
  return planPatch(view, kind, name, context, (object) => success(mergePatch(object, jsonOf(patch))))
}

/** Changes the object called `name` by a JSON patch. Refuses as {@link planReplace} and {@link jsonPatch} do. */
export function planJsonPatch<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  name: string,
  patch: unknown,
  context: WriteContext,
): Plan<Result<Changed<Value>>> {
  return planPatch(view, kind, name, context, (object) => jsonPatch(object, jsonOf(patch)))
}

/** A patch is applied to the object as clients see it, with its resourceVersion, so that it can test or set that as a precondition. */
function planPatch<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  name: string,
  context: WriteContext,
  patch: (object: JsonObject) => Result<Json>,
): Plan<Result<Changed<Value>>> {
  const stored = readStored(view, kind, name)
  const read = planRead(view, kind, name).answer
  if (!read.ok) return answerOnly(read)
  const patched = patch(showObject(kind, read.value.value, read.value.revision))
  if (!patched.ok) return answerOnly(patched)
  if (!isJsonObject(patched.value)) return answerOnly(refuse('BadRequest', 'the patched object is not an object'))
  return stored.ok
    ? planChange(view, kind, stored.value, patched.value, context, { isComplete: true })
    : planCreateNamed(view, kind, name, patched.value, context)
}

/** Replaces a stored object, or its status, by what the client made of it. */
export function planChange<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  stored: Stored<Value>,
  body: Json,
  context: WriteContext,
  options: { readonly isComplete: boolean; readonly setManagers?: SetManagers },
): Plan<Result<Changed<Value>>> {
  const given = readObject(kind, body)
  if (!given.ok) return answerOnly(given)
  const { name } = stored.value
  const metadata = objectIn(given.value, 'metadata')
  const preconditions = { uid: textIn(metadata, 'uid'), resourceVersion: textIn(metadata, 'resourceVersion') }
  const refusal = brokenName(name, metadata) ?? brokenPrecondition(kind, stored, preconditions)
  if (refusal !== undefined) return answerOnly({ ok: false, refusal })

  const drafted =
    context.subresource === 'status'
      ? draftStatus(kind, given.value, stored.value, context, options)
      : draftObject(kind, given.value, stored.value, context, options)
  if (!drafted.ok) return answerOnly(drafted)
  const { candidate, causes, warnings } = drafted.value
  if (causes.length > 0) return answerOnly(refuseCauses(kind, name, causes))
  const escalation = refuseEscalation(kind, candidate, context)
  if (escalation !== undefined) return answerOnly(escalation)

  // Both as they will be read back, so that a default which only one of them spells out makes no difference.
  const before = parseObject(kind, showObject(kind, stored.value, undefined)).object
  const parsed = parseObject(kind, candidate.object)
  const change = { before, given: given.value, after: parsed.object }
  const managed = withManagers(kind, change, context, options.setManagers)
  if (!managed.ok) return answerOnly(managed)
  const changed = { ...parsed, object: withGeneration(before, managed.value) }
  const revisionBefore = stored.revision
  if (sameJson(before, changed.object)) {
    return answerOnly(success({ value: stored.value, isWritten: false, revisionBefore, warnings }))
  }
  const lockout = refuseLockout(view, kind, stored.value, changed, context)
  if (lockout !== undefined) return answerOnly({ ok: false, refusal: lockout })
  const value = withKeptStatus(kind, changed, context.now)
  const answer = success({ value, isWritten: true, revisionBefore, warnings })
  if (!hasLostLastFinalizer(kind, value)) return { answer, writes: kind.storage.put(value) }
  const removal = planRemoval(view, kind, { ...stored, value }, context)
  return removal.kind === 'refused'
    ? answerOnly({ ok: false, refusal: removal.refusal })
    : { answer, writes: removal.writes }
}

/** The value with the status that the server keeps of the kind. */
function withKeptStatus<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  value: Value,
  now: Now,
  secretHash?: string,
): Value {
  const object = kind.keepStatus?.(value.object, now, secretHash) ?? value.object
  return object === value.object ? value : parseObject(kind, object)
}

/** Refuses an object that gives rights which the caller lacks. */
function refuseEscalation<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  candidate: Candidate<Value>,
  { rights }: WriteContext,
): Result<never> | undefined {
  const problem = kind.findEscalation?.(candidate, rights)
  return problem === undefined
    ? undefined
    : refuse('Forbidden', `${quoteObject(kind, candidate.name)} is forbidden: ${problem}`)
}

/** Sets the managers of the object's fields: with `setManagers` if it is given, else as after an update. */
function withManagers<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  change: Update,
  context: WriteContext,
  setManagers: SetManagers | undefined,
): Result<JsonObject> {
  return setManagers === undefined ? withUpdate(kind, change, context) : success(setManagers(change.after))
}

/** Increases the generation if the spec has changed. */
function withGeneration(before: JsonObject, after: JsonObject): JsonObject {
  if (sameJson(before['spec'], after['spec'])) return after
  const metadata = objectIn(after, 'metadata')
  const counted = jsonObject([...Object.entries(metadata), ['generation', generationOf(metadata) + 1]])
  return jsonObject([...Object.entries(after), ['metadata', counted]])
}

/** Checks that the name in the metadata, if there is one, is the name on the URL. Returns the refusal, or undefined. */
export function brokenName(name: string, metadata: JsonObject): Refusal | undefined {
  const given = textIn(metadata, 'name')
  if (given === '' || given === name) return undefined
  const message = `the name of the object (${given}) does not match the name on the URL (${name})`
  return { reason: 'BadRequest', message, causes: [{ field: 'metadata.name', reason: 'FieldValueInvalid', message }] }
}

/**
 * True if a change removed the last finalizer of an object that is being deleted, so that this transaction can remove the object. A
 * kind with a finalizer of its own removes its objects itself, and an object that is deleted in steps needs more than one transaction.
 */
function hasLostLastFinalizer<Value extends StoredObject>(kind: ResourceKind<Value>, { object }: Value): boolean {
  const metadata = objectIn(object, 'metadata')
  const isSimple = kind.finalizer === undefined && !kind.isDeletedInSteps
  return isSimple && isBeingDeleted(metadata) && finalizersOf(metadata).length === 0
}
