import { formatTime, type JsonObject, jsonObject } from '../../model/index.ts'
import { answerOnly, type Plan, type Result, type Revision, type Step, success, type View } from '../../plan/index.ts'
import { generationOf, removeAnnex } from '../annexed.ts'
import type { Context, Removal, ResourceKind, Stored, StoredObject } from '../kind.ts'
import { finalizersOf, isBeingDeleted, objectIn } from '../object/index.ts'
import { asStored, type Preconditions, readMatching } from '../reading.ts'

/** What a delete came to. */
export interface Deleted<Value> {
  /** The last state of an object that is gone; the present one of an object that has yet to go. */
  readonly value: Value
  readonly isGone: boolean
  /** Whether the plan writes the object that has yet to go. */
  readonly isWritten: boolean
  /** The revision of what was stored before. */
  readonly revisionBefore: Revision
}

/**
 * One step of deleting the object called `name`, or of marking it; more steps follow if very much goes with it. Deleting what is being
 * deleted already changes nothing. Refuses with `NotFound`, with `Conflict` when a precondition does not hold, and with what the kind refuses it for.
 */
export function planDelete<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  name: string,
  preconditions: Preconditions,
  context: Context,
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
 * Removes an object with its annex, as its kind wants it; one that has finalizers is marked instead, and goes with the last of them.
 * A kind with a finalizer of its own sees to all of them.
 */
export function planRemoval<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  stored: Stored<Value>,
  context: Context,
  position = '',
): Removal<Value> {
  const metadata = objectIn(stored.value.object, 'metadata')
  if (kind.finalizer === undefined && finalizersOf(metadata).length > 0) {
    if (isBeingDeleted(metadata)) return { kind: 'terminating', value: stored.value, writes: [] }
    const value = asStored(kind, markDeleted(stored.value.object, context))
    return { kind: 'terminating', value, writes: kind.storage.put(value) }
  }
  const removal = kind.planRemoval(view, stored, context, position)
  if (removal.kind !== 'gone') return removal
  return { ...removal, writes: [...removal.writes, ...removeAnnex(view, kind.plural, stored.value.name)] }
}

function markDeleted(object: JsonObject, { now }: Context): JsonObject {
  const metadata = objectIn(object, 'metadata')
  const marked = jsonObject([
    ...Object.entries(metadata),
    ['generation', generationOf(metadata) + 1],
    ['deletionTimestamp', formatTime(now)],
    ['deletionGracePeriodSeconds', 0],
  ])
  return jsonObject([...Object.entries(object), ['metadata', marked]])
}
