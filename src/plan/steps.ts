import type { Family, Key, Listed, Lookup } from './stored.ts'
import type { GetOptions, Guard, View } from './view.ts'

/**
 * The share of a transaction that one step of a change may use. etcd sets the bounds; a change that stays below them fits into every store.
 * - `keys`: etcd compares and writes at most 128 keys in a transaction (`--max-txn-ops`). Four are left for what surrounds a step: the
 *   slot of the transaction, and an answer that is kept, a proof of leadership, or an object with its annex.
 * - `bytes`: etcd accepts requests of 1.5 MiB (`--max-request-bytes`). A plan asks for room before it knows how large the next value
 *   is, so two thirds are left for one more block, which may be large.
 */
export const stepLimits = { keys: 124, bytes: 400_000 } as const

/**
 * The budget of one step: measures what its plan reads through `view`, so that the plan can end the step before it outgrows a
 * transaction. Written keys need no count of their own, because a plan reads every key that it writes.
 */
export class Budget {
  /** The view to plan with. */
  readonly view: View
  /** The keys read, and the listings that the commit compares. */
  readonly #compared = new Set<string>()

  constructor(view: View) {
    this.view = new MeasuredView(view, this.#compared)
  }

  /** True if there is room for `keys` keys more than were read, while the step writes `bytes` bytes. */
  hasRoom(keys: number, bytes = 0): boolean {
    return this.#compared.size + keys <= stepLimits.keys && bytes < stepLimits.bytes
  }
}

/** Passes every call on, and notes what the commit is going to compare. */
class MeasuredView implements View {
  readonly #view: View
  readonly #compared: Set<string>

  constructor(view: View, compared: Set<string>) {
    this.#view = view
    this.#compared = compared
  }

  get<Value>(key: Key<Value>, options?: GetOptions): Lookup<Value> {
    this.#compared.add(key.text)
    return this.#view.get(key, options)
  }

  prefetch(keys: readonly Key<unknown>[]): void {
    this.#view.prefetch(keys)
  }

  list<Value>(family: Family<Value>, guard: Guard, prefix?: string): readonly Listed<Value>[] {
    if (guard !== 'hint') this.#compared.add(`${guard} ${prefix ?? family.prefix}`)
    return this.#view.list(family, guard, prefix)
  }

  consult(family: Family<unknown>, guard?: 'created' | 'hint'): void {
    if (guard === 'created') this.#compared.add(`${guard} ${family.prefix}`)
    this.#view.consult(family, guard)
  }

  waitWith(group: string): void {
    this.#view.waitWith(group)
  }

  isBusy(key: Key<unknown>): boolean {
    return this.#view.isBusy(key)
  }

  isContested(key: Key<unknown>): boolean {
    return this.#view.isContested(key)
  }
}

/** The outcome of one transaction of a change, and the position of the next one. */
export interface Step<Answer> {
  readonly answer: Answer
  /** The position where the next step begins, in the change's own words; undefined if the change is complete. */
  readonly next: string | undefined
}

/** A step of a plan with its answer in another form. */
export function mapStep<Answer, Other>({ answer, next }: Step<Answer>, change: (answer: Answer) => Other): Step<Other> {
  return { answer: change(answer), next }
}

/** Carries out the step that begins at `position`; `number` counts the steps of this run from 0. */
export type TakeStep<Answer> = (position: string, number: number) => Promise<Step<Answer>>

/**
 * One change made of two: the steps of `first`, then those of `second`. Positions of `second` begin with `mark`, which no position of
 * `first` does.
 */
export function inTurn<Answer>(first: TakeStep<Answer>, mark: string, second: TakeStep<Answer>): TakeStep<Answer> {
  return async (position, number) => {
    if (!position.startsWith(mark)) {
      const step = await first(position, number)
      return { answer: step.answer, next: step.next ?? mark }
    }
    const { answer, next } = await second(position.slice(mark.length), number)
    return { answer, next: next === undefined ? undefined : `${mark}${next}` }
  }
}

/** How the steps of a change are carried out. */
export interface StepsOptions<Answer> {
  /** The position to resume from: the `next` of an earlier step. The change begins at '' unless given. */
  readonly from?: string
  /** True if it is certain that the step which failed with `fault` changed nothing. */
  isHarmless(fault: unknown): boolean
  /** Asked before every step: true ends the change where it is. */
  isStopped?(): boolean
  /** Called after every step. */
  progressed?(step: Step<Answer>): void
}

/** How far a change has come. */
export interface Progress<Answer> {
  /** The answer of each step that was carried out. */
  readonly answers: readonly Answer[]
  /** The position to resume from; undefined if the change is complete. */
  readonly next: string | undefined
  /** The fault of the step at `next`, which ended the change early. Undefined if the change is complete or was stopped. */
  readonly fault: Error | undefined
}

/**
 * Carries out a change that is too large for one transaction, step by step. What a step did stays done. Throws the fault of the first
 * step, and any fault after which it is not known whether the step was carried out; any other fault of a later step ends the change
 * early.
 */
export async function carryOutSteps<Answer>(
  take: TakeStep<Answer>,
  options: StepsOptions<Answer>,
): Promise<Progress<Answer>> {
  const answers: Answer[] = []
  for (let next: string | undefined = options.from ?? ''; next !== undefined; ) {
    if (options.isStopped?.() === true) return { answers, next, fault: undefined }
    try {
      const step: Step<Answer> = await take(next, answers.length)
      answers.push(step.answer)
      options.progressed?.(step)
      next = step.next
    } catch (fault) {
      if (answers.length === 0 || !options.isHarmless(fault)) throw fault
      return { answers, next, fault: fault instanceof Error ? fault : new Error(String(fault)) }
    }
  }
  return { answers, next: undefined, fault: undefined }
}
