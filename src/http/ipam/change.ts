import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { IpamContext } from '../../ipam/index.ts'
import type { Plan, Result, Step, View } from '../../plan/index.ts'
import { requireGranted, refusal } from '../wire/index.ts'
import { type ChangeMode, type OnceAnswer, planOnce } from './idempotency.ts'
import type { IpamCall } from './request.ts'

/** A plan over the view, and what it needs to know beside that. */
export type IpamPlan<Answer> = (view: View, context: IpamContext) => Plan<Result<Answer>>

/** Carries out a plan, and throws its refusal. The clock is read once, at the beginning. */
export async function carryOut<Answer>(
  { store, now, blocks, charges, rights, deadlineMs }: IpamCall,
  plan: IpamPlan<Answer>,
  { dryRun }: Pick<ChangeMode, 'dryRun'> = {},
): Promise<Answer> {
  const context = { now: now(), blocks, charges, rights }
  const { answer } = await store.submit((view) => plan(view, context), { deadlineMs, dryRun: dryRun === 'All' })
  return requireGranted(answer)
}

/** Carries out the `part`-th transaction of a change, once if the mode says so; `print` makes what is stored for its repetition. */
export async function carryOutOnce<Answer>(
  options: IpamCall,
  mode: ChangeMode,
  plan: IpamPlan<Answer>,
  print: (answer: Answer) => object,
  part: number,
): Promise<OnceAnswer<Answer>> {
  const { once } = mode
  if (once === undefined) return { isRepeated: false, answer: await carryOut(options, plan, mode) }
  const outcome = await carryOut(options, (view, context) =>
    planOnce(view, once, part, () => plan(view, context), print),
  )
  if (outcome.isRepeated) mode.onReplay?.()
  return outcome
}

/** Carries out a change of one transaction. Returns the body of its answer, for a repetition as the text that is stored. */
export async function carryOutChange<Answer, Printed extends object>(
  options: IpamCall,
  mode: ChangeMode,
  plan: IpamPlan<Answer>,
  print: (answer: Answer) => Printed,
): Promise<Printed | string> {
  const outcome = await carryOutOnce(options, mode, plan, print, 0)
  return outcome.isRepeated ? outcome.text : print(outcome.answer)
}

/** Carries out the `number`-th step of a change. Returns its answer as `print` makes it; for a repetition, as it is stored. */
export async function carryOutStep<Answer, Schema extends TSchema>(
  options: IpamCall,
  mode: ChangeMode,
  number: number,
  plan: IpamPlan<Step<Answer>>,
  { schema, print }: { readonly schema: Schema; readonly print: (answer: Answer) => Static<Schema> & object },
): Promise<Step<Static<Schema>>> {
  const outcome = await carryOutOnce(options, mode, plan, (step) => printStep(step, print), number)
  if (outcome.isRepeated) return readStep(schema, outcome.text)
  const { answer, next } = outcome.answer
  return { answer: print(answer), next }
}

/** Prints a step as it is stored: its answer with the position of the next one, null after the last. */
export function printStep<Answer>({ answer, next }: Step<Answer>, print: (answer: Answer) => object): object {
  return { ...print(answer), next: next ?? null }
}

/** The position of the next step, in what is stored of a step. */
const Next = Type.Object({ next: Type.Union([Type.String(), Type.Null()]) })

/** Reads what {@link printStep} made. Throws a refusal for anything else, such as what another version stored. */
export function readStep<Schema extends TSchema>(schema: Schema, text: string): Step<Static<Schema>> {
  const stored: unknown = JSON.parse(text)
  if (!Value.Check(Next, stored) || !Value.Check(schema, stored)) {
    throw refusal('Conflict', 'The stored answer of this Idempotency-Key cannot be read: it has another form.')
  }
  return { answer: stored, next: stored.next ?? undefined }
}
