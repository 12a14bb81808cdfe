import {
  answerOnly,
  type Plan,
  type Revision,
  type View,
  type Refusal,
  type Result,
  refuse,
  success,
} from '../plan/index.ts'
import type { ServedKind, Stored, StoredObject } from './kind.ts'
import { textIn, objectIn } from './object/index.ts'

/** An object that was read; without a revision if it is in force although it is not stored. */
export interface ReadValue<Value> {
  readonly value: Value
  readonly revision: Revision | undefined
}

/** Reads one object. Refuses with `NotFound`, and with `InternalError` for a stored value that cannot be read. */
export function planRead<Value extends StoredObject>(
  view: View,
  kind: ServedKind<Value>,
  name: string,
): Plan<Result<ReadValue<Value>>> {
  const stored = readStored(view, kind, name)
  const implied = impliedBy(kind, name, stored)
  return answerOnly(implied === undefined ? stored : success({ value: implied, revision: undefined }))
}

/** The object that is in force if `stored` says that none is stored; undefined if there is none. */
export function impliedBy<Value extends StoredObject>(
  kind: ServedKind<Value>,
  name: string,
  stored: Result<Stored<Value>>,
): Value | undefined {
  return !stored.ok && stored.refusal.reason === 'NotFound' ? kind.implied?.(name) : undefined
}

/** Reads the object called `name`. Refuses as {@link planRead} does. */
export function readStored<Value extends StoredObject>(
  view: View,
  kind: ServedKind<Value>,
  name: string,
): Result<Stored<Value>> {
  const lookup = kind.storage.lookup(view, name)
  switch (lookup.kind) {
    case 'value':
      return success({ value: lookup.value, revision: lookup.revision })
    case 'absent':
      return notFound(kind, name)
    case 'unreadable': {
      const message = `what is stored as ${quoteObject(kind, name)} cannot be read, and is left alone: ${lookup.problem}`
      return refuse('InternalError', message, [
        { field: '', reason: 'UnexpectedServerResponse', message: lookup.problem },
      ])
    }
  }
}

/** The refusal for an object that does not exist, and in the same words for one that the caller may not see. */
export function notFound<Value extends StoredObject>(kind: ServedKind<Value>, name: string): Result<never> {
  return refuse('NotFound', `${quoteObject(kind, name)} not found`)
}

/** Reads the object called `name`. Refuses as {@link readStored} does, and also if a precondition does not hold. */
export function readMatching<Value extends StoredObject>(
  view: View,
  kind: ServedKind<Value>,
  name: string,
  preconditions: Preconditions,
): Result<Stored<Value>> {
  const stored = readStored(view, kind, name)
  const refusal = stored.ok ? brokenPrecondition(kind, stored.value, preconditions) : undefined
  return refusal === undefined ? stored : { ok: false, refusal }
}

/** The refusal of a change that was meant for another state of the object. */
export function conflict<Value extends StoredObject>(kind: ServedKind<Value>, name: string, problem: string): Refusal {
  const message = `Operation cannot be fulfilled on ${quoteObject(kind, name)}: ${problem}`
  return { reason: 'Conflict', message, causes: [] }
}

/** Names an object in a message, as Kubernetes does. */
export function quoteObject<Value extends StoredObject>(kind: ServedKind<Value>, name: string): string {
  return `${kind.plural}.${kind.group.name} ${JSON.stringify(name)}`
}

/** Identifies the object, or the state of it, that a caller wants to change. Absent and empty members hold for every object. */
export interface Preconditions {
  readonly uid?: string | undefined
  readonly resourceVersion?: string | undefined
}

/** Checks the preconditions against the stored object. Returns the refusal, or undefined if all hold. */
export function brokenPrecondition<Value extends StoredObject>(
  kind: ServedKind<Value>,
  { value, revision }: Stored<Value>,
  { uid = '', resourceVersion = '' }: Preconditions,
): Refusal | undefined {
  const storedUid = textIn(objectIn(value.object, 'metadata'), 'uid')
  if (uid !== '' && uid !== storedUid) {
    return conflict(
      kind,
      value.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${storedUid}`,
    )
  }
  if (resourceVersion === '' || resourceVersion === String(revision)) return undefined
  if (!/^[0-9]+$/.test(resourceVersion)) {
    const message = `${JSON.stringify(resourceVersion)} is no resource version; it must be a number, as this server gave it`
    return {
      reason: 'BadRequest',
      message,
      causes: [{ field: 'metadata.resourceVersion', reason: 'FieldValueInvalid', message }],
    }
  }
  const problem = 'the object has been modified; please apply your changes to the latest version and try again'
  return conflict(kind, value.name, problem)
}
