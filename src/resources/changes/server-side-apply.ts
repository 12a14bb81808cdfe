import { type JsonObject, jsonObject } from '../../model/index.ts'
import { answerOnly, type Plan, type View, type Cause, type Result, refuse, success } from '../../plan/index.ts'
import type { WriteContext, ResourceKind, StoredObject } from '../kind.ts'
import { applyConfiguration, managerProblem } from '../managed-fields/index.ts'
import {
  crowdedCauses,
  invalid,
  refuseCauses,
  required,
  textIn,
  objectIn,
  jsonOf,
  readObject,
} from '../object/index.ts'
import { conflict, readStored } from '../reading.ts'
import { brokenName, type Changed, planChange, planCreate } from './writes.ts'

/** How to apply a configuration. */
export interface ApplyOptions {
  /** True to take over fields that other managers manage; false to refuse. */
  readonly isForced: boolean
}

/**
 * Applies a configuration to the object called `name`, or to its status. The configuration holds exactly the fields that its manager
 * wants to manage. Creates a missing object, unless only its status is applied. Refuses as create and replace do, and with `Conflict` if
 * it would change fields of other managers.
 * @see docs/kubernetes-api.md section 7
 */
export function planApply<Value extends StoredObject>(
  view: View,
  kind: ResourceKind<Value>,
  name: string,
  body: unknown,
  { isForced }: ApplyOptions,
  context: WriteContext,
): Plan<Result<Changed<Value>>> {
  const configuration = readConfiguration(kind, body, context.manager)
  if (!configuration.ok) return answerOnly(configuration)
  const isMissing = context.subresource === '' && kind.storage.lookup(view, name).kind === 'absent'
  const stored = isMissing ? success(undefined) : readStored(view, kind, name)
  if (!stored.ok) return answerOnly(stored)
  const crowded = crowdedCauses(
    objectIn(configuration.value, 'metadata'),
    stored.value && objectIn(stored.value.value.object, 'metadata'),
  )
  if (crowded.length > 0) return answerOnly(refuseCauses(kind, name, crowded))
  const writer = { ...context, isForced }
  const applied = applyConfiguration(kind, name, stored.value, configuration.value, writer)
  if (!applied.ok) return answerOnly(applied)
  const { object, setManagers } = applied.value
  if (stored.value !== undefined) {
    return planChange(view, kind, stored.value, object, context, { isComplete: true, setManagers })
  }
  const named = nameAs(kind, name, configuration.value)
  return named.ok ? planCreate(view, kind, named.value, context, setManagers) : answerOnly(named)
}

function readConfiguration<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  body: unknown,
  manager: string,
): Result<JsonObject> {
  if (manager === '') return refuseManager(required('fieldManager', 'is required for apply patch'))
  const problem = managerProblem(manager)
  if (problem !== undefined) return refuseManager(invalid('fieldManager', manager, problem))
  const given = readObject(kind, jsonOf(body))
  if (!given.ok) return given
  if ((objectIn(given.value, 'metadata')['managedFields'] ?? null) === null) return given
  const message = 'metadata.managedFields must not be set in a configuration that is to be applied'
  return refuse('BadRequest', message, [{ field: 'metadata.managedFields', reason: 'FieldValueForbidden', message }])
}

function refuseManager(cause: Cause): Result<never> {
  const message = `PatchOptions.meta.k8s.io "" is invalid: ${cause.field}: ${cause.message}`
  return refuse('Invalid', message, [cause])
}

/** The configuration as a client would send it to create the object. A UID means an existing object, so it is refused. */
function nameAs<Value extends StoredObject>(
  kind: ResourceKind<Value>,
  name: string,
  configuration: JsonObject,
): Result<JsonObject> {
  const metadata = objectIn(configuration, 'metadata')
  const refusal = brokenName(name, metadata)
  if (refusal !== undefined) return { ok: false, refusal }
  const uid = textIn(metadata, 'uid')
  if (uid !== '')
    return {
      ok: false,
      refusal: conflict(kind, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: `),
    }
  const named = jsonObject([...Object.entries(metadata), ['name', name]])
  return success(jsonObject([...Object.entries(configuration), ['metadata', named]]))
}
