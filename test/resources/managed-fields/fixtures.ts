import { type Json, type JsonObject, type Pool, poolOf } from '../../../src/model/index.ts'
import type { Result } from '../../../src/plan/index.ts'
import { storedEntries } from '../../../src/resources/managed-fields/entry.ts'
import { displayPath } from '../../../src/resources/managed-fields/field-set.ts'
import { applyConfiguration, withUpdate } from '../../../src/resources/managed-fields/index.ts'
import type { Subresource } from '../../../src/resources/managed-fields/leaves.ts'
import type { ObjectDraft } from '../../../src/resources/object/draft.ts'
import { draftObject, showObject } from '../../../src/resources/object/index.ts'
import { context, poolKind } from '../fixtures.ts'

/** An object of any kind as a client sends it: its metadata and its spec. */
export function pool(spec: Readonly<Record<string, Json>>, metadata: Readonly<Record<string, Json>> = {}): JsonObject {
  return { metadata: { name: 'pool-a', ...metadata }, spec }
}

/** Who manages which fields, as `MANAGER OPERATION`. */
export function managersOf(object: JsonObject): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    storedEntries(object).map(({ manager, operation, subresource, fields }) => [
      `${manager} ${operation}${subresource === '' ? '' : ` ${subresource}`}`,
      [...fields].map(displayPath).sort(),
    ]),
  )
}

/** When managers took fields last, as `MANAGER OPERATION`. */
export function timesOf(object: JsonObject): Readonly<Record<string, string>> {
  return Object.fromEntries(
    storedEntries(object).map(({ manager, operation, time }) => [`${manager} ${operation}`, time]),
  )
}

/** The moment of the fixtures, so many seconds later. */
function secondsLater(seconds: number) {
  return { nanoseconds: context.now.nanoseconds + BigInt(seconds) * 1_000_000_000n }
}

/** How a manager writes. */
export interface Writing {
  readonly isForced?: boolean
  readonly seconds?: number
  readonly subresource?: Subresource
}

/** What is stored after a client has put `given` in place of what was stored, or has created it. */
export function tryUpdate(
  stored: Pool | undefined,
  given: JsonObject,
  manager: string,
  { seconds = 0, subresource = '' }: Writing = {},
): Result<Pool> {
  const kind = poolKind()
  const { candidate } = mustDraft(draftObject(kind, given, stored, context, { isComplete: false }))
  const object = { ...candidate.object, ...(subresource === 'status' ? { status: given['status'] ?? {} } : {}) }
  const before = stored && showObject(kind, stored, undefined)
  const writer = { manager, subresource, now: secondsLater(seconds) }
  const after = withUpdate(kind, { before, given, after: object }, writer)
  return after.ok ? { ok: true, value: mustParsePool(after.value) } : after
}

/** What {@link tryUpdate} gives when it is not refused. */
export function update(...args: Parameters<typeof tryUpdate>): Pool {
  return mustHave(tryUpdate(...args))
}

/** What is stored after a manager has applied a configuration. */
export function tryApply(
  stored: Pool | undefined,
  configuration: JsonObject,
  manager: string,
  { isForced = false, seconds = 0, subresource = '' }: Writing = {},
): Result<Pool> {
  const kind = poolKind()
  const before = stored && { value: stored, revision: 1n }
  const writer = { manager, isForced, subresource, now: secondsLater(seconds) }
  const applied = applyConfiguration(kind, 'pool-a', before, configuration, writer)
  if (!applied.ok) return applied
  const object = applied.value.object as JsonObject
  const { candidate } = mustDraft(draftObject(kind, object, stored, context, { isComplete: true }))
  const whole = { ...candidate.object, ...(subresource === 'status' ? { status: object['status'] ?? {} } : {}) }
  return { ok: true, value: mustParsePool(applied.value.setManagers(whole)) }
}

/** What {@link tryApply} gives when it is not refused. */
export function apply(...args: Parameters<typeof tryApply>): Pool {
  return mustHave(tryApply(...args))
}

function mustDraft(drafted: Result<ObjectDraft<Pool>>): ObjectDraft<Pool> {
  const value = mustHave(drafted)
  if (value.causes.length > 0) throw new Error(JSON.stringify(value.causes))
  return value
}

function mustParsePool(object: JsonObject): Pool {
  const parsed = poolOf(object)
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.value
}

function mustHave<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`${result.refusal.reason}: ${result.refusal.message}`)
  return result.value
}
