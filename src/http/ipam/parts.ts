import type { Static, TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { DatastoreUnavailable } from '../../datastore/index.ts'
import type { Context } from '../../ipam/index.ts'
import { type Plan, type View, type Result, success } from '../../plan/index.ts'
import { RefusalError } from '../wire/index.ts'
import { type ChangeMode, carryOutChange } from './idempotency.ts'
import type { IpamOptions } from './ipam-operation.ts'

/** What one transaction of a change did, and where the next one begins: null when it was the last. */
interface Part {
  readonly next: string | null
}

/** Plans one transaction of a change. */
export type Step<Kept> = (view: View, context: Context) => Plan<Result<Kept>>

/** A step whose answer is kept as `print` has it. */
export function printed<Answer, Kept>(step: Step<Answer>, print: (answer: Answer) => Kept): Step<Kept> {
  return (view, context) => {
    const { answer, writes } = step(view, context)
    return { answer: answer.ok ? success(print(answer.value)) : answer, writes }
  }
}

/** The parts of a change that were carried out. */
export interface Parts<Kept> {
  readonly parts: readonly Kept[]
  /** False when the datastore, or what has changed meanwhile, stopped it on the way: what was done stays done. */
  readonly isComplete: boolean
}

/**
 * Carries out a change that is too much for one transaction, part after part. Each tells where the next one begins, so that a
 * repetition of a call that is to take effect once passes over the parts that are done. Throws the fault of the first part; a
 * later one ends the change early, unless nobody knows whether it was carried out.
 */
export async function carryOutParts<Schema extends TSchema & { readonly static: Part }>(
  options: IpamOptions,
  mode: ChangeMode,
  schema: Schema,
  stepFrom: (start: string) => Step<Static<Schema>> | Promise<Step<Static<Schema>>>,
): Promise<Parts<Static<Schema>>> {
  const parts: Static<Schema>[] = []
  for (let start: string | null = ''; start !== null; ) {
    try {
      const step = await stepFrom(start)
      const done: unknown = JSON.parse(await carryOutChange(options, mode, step, asItIs, parts.length))
      Value.Assert(schema, done)
      parts.push(done)
      start = done.next
    } catch (fault) {
      if (parts.length === 0 || !isHarmless(fault)) throw fault
      return { parts, isComplete: false }
    }
  }
  return { parts, isComplete: true }
}

/** Whether it is certain that the part changed nothing. */
function isHarmless(fault: unknown): boolean {
  return fault instanceof RefusalError || (fault instanceof DatastoreUnavailable && fault.code !== 'OutcomeUnknown')
}

function asItIs<Kept>(kept: Kept): Kept {
  return kept
}
