import assert from 'node:assert/strict'
import { isJsonObject, type Json, type JsonObject, jsonObject } from '../../model/index.ts'
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
import type { Context, ResourceKind, Stored, StoredObject } from '../kind.ts'
import { type Update, withUpdate } from '../managed-fields/index.ts'
import {
  finalizersOf,
  isBeingDeleted,
  textIn,
  isObjectName,
  objectIn,
  parseObject,
  present,
  sameJson,
  draftObject,
  draftStatus,
  jsonOf,
  readObject,
  refuseCauses,
} from '../object/index.ts'
import { brokenPrecondition, quoteObject, readStored } from '../reading.ts'
import { planRemoval } from './deletion.ts'
import { jsonPatch, mergePatch } from './patch.ts'

/** What a create or change came to. */
export interface Changed<Value> {
  readonly value: Value
  /** Whether the plan writes it; what is as it was is left alone. */
  readonly isWritten: boolean
  /** The revision of what was stored before; undefined for a new object. */
  readonly revisionBefore: Revision | undefined
  /** What the client should be told although all is well. */
  readonly warnings: readonly string[]
}

/** Says in an object that is about to be stored who manages its fields. */
export type SetManagers = (object: JsonObject) => JsonObject

/**
 * Creates an object from the parsed body of a request. Refuses with `BadRequest` a body that is not such an object, with
 * `AlreadyExists` a name that is taken, and with `Invalid` everything that is wrong with the object, beside what else is stored
 * too.
 */
export function planCreate<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  body: unknown,
  context: Context,
  setManagers?: SetManagers,
): Plan<Result<Changed<Value>>> {
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
  if (isObjectName(candidate.name) && kind.storage.lookup(view, candidate.name).kind !== 'absent') {
    return answerOnly(refuse('AlreadyExists', `${quoteObject(kind, candidate.name)} already exists`))
  }
  const causes = [...drafted.value.causes, ...kind.admit(view, candidate)]
  if (causes.length > 0) return answerOnly(refuseCauses(kind, candidate.name, causes))

  const parsed = parseObject(kind, candidate.object)
  const managed = withManagers(
    kind,
    { before: undefined, given: given.value, after: parsed.object },
    context,
    setManagers,
  )
  assert(managed.ok, 'the managers that a client names for a new object are not looked at')
  const value = { ...parsed, object: managed.value }
  const answer = success({ value, isWritten: true, revisionBefore: undefined, warnings })
  return { answer, writes: kind.storage.put(value) }
}

/**
 * Replaces the object called `name` by the parsed body of a request. What the server decides on stays as stored, and so do fields
 * that it does not know. Refuses with `NotFound`, with `Conflict` when the body names another resourceVersion or UID than those
 * stored, and as {@link planCreate} does. A change that changes nothing writes nothing.
 */
export function planReplace<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  name: string,
  body: unknown,
  context: Context,
): Plan<Result<Changed<Value>>> {
  const stored = readStored(view, kind, name)
  return stored.ok
    ? planChange(view, kind, stored.value, jsonOf(body), context, { isComplete: false })
    : answerOnly(stored)
}

/** Changes the object called `name` by a JSON merge patch. Refuses as {@link planReplace} does. */
export function planMergePatch<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  name: string,
  patch: unknown,
  context: Context,
): Plan<Result<Changed<Value>>> {
  return planPatch(view, kind, name, context, (object) => success(mergePatch(object, jsonOf(patch))))
}

/** Changes the object called `name` by a JSON patch. Refuses as {@link planReplace} and {@link jsonPatch} do. */
export function planJsonPatch<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  name: string,
  patch: unknown,
  context: Context,
): Plan<Result<Changed<Value>>> {
  return planPatch(view, kind, name, context, (object) => jsonPatch(object, jsonOf(patch)))
}

/** A patch sees what a client sees, the resourceVersion included; so it may name the one that it is meant for. */
function planPatch<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  name: string,
  context: Context,
  patch: (object: JsonObject) => Result<Json>,
): Plan<Result<Changed<Value>>> {
  const stored = readStored(view, kind, name)
  if (!stored.ok) return answerOnly(stored)
  const patched = patch(present(kind, stored.value.value, stored.value.revision))
  if (!patched.ok) return answerOnly(patched)
  if (!isJsonObject(patched.value))
    return answerOnly(refuse('BadRequest', 'the patch would turn the object into something else'))
  return planChange(view, kind, stored.value, patched.value, context, { isComplete: true })
}

/** Puts what a client has made of a stored object, or of its status, in its place. */
export function planChange<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  stored: Stored<Value>,
  body: Json,
  context: Context,
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

  // Both as they will be read back, so that a default which only one of them spells out makes no difference.
  const before = parseObject(kind, present(kind, stored.value, undefined)).object
  const parsed = parseObject(kind, candidate.object)
  const change = { before, given: given.value, after: parsed.object }
  const managed = withManagers(kind, change, context, options.setManagers)
  if (!managed.ok) return answerOnly(managed)
  const value = { ...parsed, object: withGeneration(before, managed.value) }
  const revisionBefore = stored.revision
  if (sameJson(before, value.object)) {
    return answerOnly(success({ value: stored.value, isWritten: false, revisionBefore, warnings }))
  }
  const answer = success({ value, isWritten: true, revisionBefore, warnings })
  if (!isLetGo(kind, value)) return { answer, writes: kind.storage.put(value) }
  const removal = planRemoval(view, kind, { ...stored, value }, context)
  return removal.kind === 'refused'
    ? answerOnly({ ok: false, refusal: removal.refusal })
    : { answer, writes: removal.writes }
}

/** The object to store, with the managers of its fields: unless `setManagers` sets them, as after an update. */
function withManagers<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  change: Update,
  context: Context,
  setManagers: SetManagers | undefined,
): Result<JsonObject> {
  return setManagers === undefined ? withUpdate(kind, change, context) : success(setManagers(change.after))
}

/** The object with a generation that counts the change of the spec, if there is one. */
function withGeneration(before: JsonObject, after: JsonObject): JsonObject {
  if (sameJson(before['spec'], after['spec'])) return after
  const metadata = objectIn(after, 'metadata')
  const counted = jsonObject([...Object.entries(metadata), ['generation', generationOf(metadata) + 1]])
  return jsonObject([...Object.entries(after), ['metadata', counted]])
}

/** Why an object with this metadata is not the one on the URL; undefined when it is. */
export function brokenName(name: string, metadata: JsonObject): Refusal | undefined {
  const given = textIn(metadata, 'name')
  if (given === '' || given === name) return undefined
  const message = `the name of the object (${given}) does not match the name on the URL (${name})`
  return { reason: 'BadRequest', message, causes: [{ field: 'metadata.name', reason: 'FieldValueInvalid', message }] }
}

/**
 * Whether a change has taken the last finalizer off an object that is being deleted. A kind with one of its own sees to it itself, and
 * one whose objects go in steps takes more than this change.
 */
function isLetGo<Value extends StoredObject>(kind: ResourceKind<Value>, { object }: Value): boolean {
  const metadata = objectIn(object, 'metadata')
  const isSimple = kind.finalizer === undefined && !kind.isDeletedInSteps
  return isSimple && isBeingDeleted(metadata) && finalizersOf(metadata).length === 0
}
