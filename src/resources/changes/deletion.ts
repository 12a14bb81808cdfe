import { formatTime, type JsonObject, jsonObject } from '../../model/index.ts'
import {
  answerOnly,
  type Plan,
  type Refusal,
  type Result,
  type Revision,
  type Step,
  success,
  type View,
} from '../../plan/index.ts'
import { generationOf, removeAnnex } from '../annexes.ts'
import type { WriteContext, Removal, ResourceKind, Stored, StoredObject } from '../kind.ts'
import { finalizersOf, isBeingDeleted, objectIn, parseObject } from '../object/index.ts'
import { type Preconditions, quoteObject, readMatching } from '../reading.ts'

/** The outcome of a delete. */
export interface Deleted<Value> {
  /** The object: its last state if it is gone, else its state after the plan. */
  readonly value: Value
  readonly isGone: boolean
  /** True if the object stays and the plan writes it. */
  readonly isWritten: boolean
  /** The revision of the object before the plan. */
  readonly revisionBefore: Revision
}

/**
 * One step of deleting the object called `name`, or of marking it. If more is deleted with it than fits into one transaction, more steps
 * follow. Deleting an object that is being deleted changes nothing. Refuses with `NotFound`, with `Conflict` if a precondition does not
 * hold, and for the reasons of the kind.
 */
export function planDelete<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  name: string,
  preconditions: Preconditions,
  context: WriteContext,
  position = '',
): Plan<Result<Step<Deleted<Value>>>> {
  const stored = readMatching(view, kind, name, preconditions)
  if (!stored.ok) return answerOnly(stored)

  const { value, revision: revisionBefore } = stored.value
  const removal = planRemoval(view, kind, stored.value, context, position)
  if (removal.kind === 'refused') return answerOnly({ ok: false, refusal: removal.refusal })
  const { writes } = removal
  const isGone = removal.kind === 'gone'
  const answer =
    removal.kind === 'terminating'
      ? { value: removal.value, isGone, isWritten: writes.length > 0, revisionBefore }
      : { value, isGone, isWritten: false, revisionBefore }
  return { answer: success({ answer, next: removal.kind === 'partly' ? removal.next : undefined }), writes }
}

/**
 * Removes an object and its annex in the way of its kind. An object with finalizers is only marked as deleted; it is removed when its
 * last finalizer is. A kind with a finalizer of its own handles all finalizers itself.
 */
export function planRemoval<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  stored: Stored<Value>,
  context: WriteContext,
  position = '',
): Removal<Value> {
  const lockout = refuseLockout(view, kind, stored.value, undefined, context)
  if (lockout !== undefined) return { kind: 'refused', refusal: lockout }
  const metadata = objectIn(stored.value.object, 'metadata')
  if (kind.finalizer === undefined && finalizersOf(metadata).length > 0) {
    if (isBeingDeleted(metadata)) return { kind: 'terminating', value: stored.value, writes: [] }
    const value = parseObject(kind, markDeleted(stored.value.object, context))
    return { kind: 'terminating', value, writes: kind.storage.put(value) }
  }
  const removal = kind.planRemoval(view, stored, context, position)
  if (removal.kind !== 'gone') return removal
  return { ...removal, writes: [...removal.writes, ...removeAnnex(view, kind.plural, stored.value.name)] }
}

/** Refuses a change, or without `after` a deletion, that would leave no admin. */
export function refuseLockout<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  before: Value,
  after: Value | undefined,
  context: Pick<WriteContext, 'now'>,
): Refusal | undefined {
  const problem = kind.findLockout?.(view, before, after, context)
  if (problem === undefined) return undefined
  return { reason: 'Conflict', message: `${quoteObject(kind, before.name)} ${problem}`, causes: [] }
}

function markDeleted(object: JsonObject, { now }: WriteContext): JsonObject {
  const metadata = objectIn(object, 'metadata')
  const marked = jsonObject([
    ...Object.entries(metadata),
    ['generation', generationOf(metadata) + 1],
    ['deletionTimestamp', formatTime(now)],
    ['deletionGracePeriodSeconds', 0],
  ])
  return jsonObject([...Object.entries(object), ['metadata', marked]])
}
