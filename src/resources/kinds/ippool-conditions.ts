import {
  formatTime,
  isJsonArray,
  isJsonObject,
  type JsonObject,
  jsonObject,
  type Now,
  type Pool,
} from '../../model/index.ts'
import { isBeingDeleted, objectIn, textIn } from '../object/index.ts'

/** The condition `Allocatable` of a pool: whether the pool gives addresses, and why not. */
export interface Allocatable {
  readonly status: 'True' | 'False'
  readonly reason: string
  readonly message: string
}

/** Calico's words. The message of a pool that is being deleted is ours: it says what the pool waits for. */
const allocatable: Allocatable = { status: 'True', reason: 'OK', message: 'IPPool is available for IP allocation.' }
const disabled: Allocatable = { status: 'False', reason: 'PoolDisabled', message: 'IPPool.Spec.Disabled is true' }
const terminating: Allocatable = {
  status: 'False',
  reason: 'Terminating',
  message: 'The pool is being deleted: it gives no more addresses, and vanishes when its last address is released.',
}

/**
 * Returns the pool with the condition `Allocatable` that its spec and metadata call for, as Calico's controller keeps it on Kubernetes;
 * the object itself if it has that condition. `False` for another reason, such as `CIDROverlap`, stays: another program set it.
 * @see docs/calico/formats.md section 3.6
 */
export function keepAllocatable(object: JsonObject, now: Now): JsonObject {
  const stored = allocatableIn(object)
  const wanted = wantedFor(object)
  const isForeign = stored?.['status'] === 'False' && !ownReasons.has(textIn(stored, 'reason'))
  if (isForeign && wanted === allocatable) return object
  const isKept = stored?.['status'] === wanted.status && stored['reason'] === wanted.reason
  return isKept ? object : withAllocatable(object, wanted, now)
}

/**
 * True if a stored pool lacks the condition that {@link keepAllocatable} gives it. A pool that Calico cannot use for another reason, such
 * as a field of the wrong type, is left alone.
 */
export function lacksAllocatable(pool: Pool, now: Now): boolean {
  const isOdd =
    !pool.isAllocatable && !pool.isDisabled && !pool.isTerminating && allocatableIn(pool.object) === undefined
  return !isOdd && keepAllocatable(pool.object, now) !== pool.object
}

/** Returns the pool that is being deleted with a message that adds `details` to the usual one. */
export function withTerminatingDetails(object: JsonObject, details: string, now: Now): JsonObject {
  const message = `${terminating.message} ${details}`
  return allocatableIn(object)?.['message'] === message
    ? object
    : withAllocatable(object, { ...terminating, message }, now)
}

/** The state of a pool in a word, for tables: `Allocatable`, or why it gives no addresses. */
export function stateOf(object: JsonObject): string {
  if (isBeingDeleted(objectIn(object, 'metadata'))) return terminating.reason
  if (objectIn(object, 'spec')['disabled'] === true) return 'Disabled'
  const condition = allocatableIn(object)
  if (condition === undefined) return 'Unknown'
  return condition['status'] === 'True' ? 'Allocatable' : textIn(condition, 'reason') || 'NotAllocatable'
}

const ownReasons: ReadonlySet<string> = new Set([disabled.reason, terminating.reason])

function wantedFor(object: JsonObject): Allocatable {
  if (isBeingDeleted(objectIn(object, 'metadata'))) return terminating
  return objectIn(object, 'spec')['disabled'] === true ? disabled : allocatable
}

function allocatableIn(object: JsonObject): JsonObject | undefined {
  return conditionsIn(object).find(isAllocatableCondition)
}

function conditionsIn(object: JsonObject): readonly JsonObject[] {
  const { conditions } = objectIn(object, 'status')
  return isJsonArray(conditions) ? conditions.filter(isJsonObject) : []
}

function isAllocatableCondition({ type }: JsonObject): boolean {
  return type === 'Allocatable'
}

/** Sets the condition, in the place of the old one. Its time stays while only the message changes. */
function withAllocatable(object: JsonObject, { status, reason, message }: Allocatable, now: Now): JsonObject {
  const conditions = conditionsIn(object)
  const at = conditions.findIndex(isAllocatableCondition)
  const old = conditions[at]
  const isSame = old?.['status'] === status && old['reason'] === reason
  const since = isSame ? textIn(old, 'lastTransitionTime') : ''
  const condition = {
    type: 'Allocatable',
    status,
    lastTransitionTime: since || formatTime(now),
    reason,
    message,
  }
  const changed = old === undefined ? [...conditions, condition] : conditions.with(at, condition)
  const newStatus = jsonObject([...Object.entries(objectIn(object, 'status')), ['conditions', changed]])
  return jsonObject([...Object.entries(object), ['status', newStatus]])
}
