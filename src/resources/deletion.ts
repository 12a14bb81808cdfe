import { answerOnly, type Plan, type Revision, type View } from '../datastore/index.ts'
import { type Result, success } from '../model/index.ts'
import type { Context, ResourceKind, StoredObject } from './kind.ts'
import { brokenPrecondition, type Preconditions, readStored } from './reading.ts'

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
 * Deletes the object called `name`, or begins to. Deleting what is being deleted already changes nothing. Refuses with `NotFound`,
 * with `Conflict` when a precondition does not hold, and with
 * what the kind refuses it for.
 */
export function planDelete<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  name: string,
  preconditions: Preconditions,
  context: Context,
): Plan<Result<Deleted<Value>>> {
  const stored = readStored(view, kind, name)
  if (!stored.ok) return answerOnly(stored)
  const refusal = brokenPrecondition(kind, stored.value, preconditions)
  if (refusal !== undefined) return answerOnly({ ok: false, refusal })

  const { value, revision: revisionBefore } = stored.value
  const removal = kind.planRemoval(view, stored.value, context)
  if (removal.kind === 'refused') return answerOnly({ ok: false, refusal: removal.refusal })
  const { writes } = removal
  return removal.kind === 'gone'
    ? { answer: success({ value, isGone: true, isWritten: false, revisionBefore }), writes }
    : { answer: success({ value: removal.value, isGone: false, isWritten: writes.length > 0, revisionBefore }), writes }
}
