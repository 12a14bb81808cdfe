import { answerOnly, type Plan, type Revision, type View } from '../datastore/index.ts'
import { type Result, success } from '../model/index.ts'
import type { Context, ResourceKind, StoredObject } from './kind.ts'
import { type Preconditions, readMatching } from './reading.ts'

/** What a delete came to. */
export interface Deleted<Value> {
  /** The last state of an object that is gone; the present one of an object that has yet to go. */
  readonly value: Value
  readonly isGone: boolean
  /** Only a part of what goes with it is gone, by this step: the next one goes on. */
  readonly isPartial: boolean
  /** Whether the plan writes the object that has yet to go. */
  readonly isWritten: boolean
  /** The revision of what was stored before. */
  readonly revisionBefore: Revision
}

/**
 * Deletes the object called `name`, or begins to; in steps, when very much goes with it. Deleting what is being deleted already changes
 * nothing. Refuses with `NotFound`, with `Conflict` when a precondition does not hold, and with what the kind refuses it for.
 */
export function planDelete<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  name: string,
  preconditions: Preconditions,
  context: Context,
): Plan<Result<Deleted<Value>>> {
  const stored = readMatching(view, kind, name, preconditions)
  if (!stored.ok) return answerOnly(stored)

  const { value, revision: revisionBefore } = stored.value
  const removal = kind.planRemoval(view, stored.value, context)
  if (removal.kind === 'refused') return answerOnly({ ok: false, refusal: removal.refusal })
  const { writes } = removal
  const isGone = removal.kind === 'gone'
  const isPartial = removal.kind === 'partly'
  const answer =
    removal.kind === 'terminating'
      ? { value: removal.value, isGone, isPartial, isWritten: writes.length > 0, revisionBefore }
      : { value, isGone, isPartial, isWritten: false, revisionBefore }
  return { answer: success(answer), writes }
}
