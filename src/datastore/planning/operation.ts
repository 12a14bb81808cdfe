import type { Family, Plan, Revision, View } from '../../plan/index.ts'
import type { Outcome } from '../store.ts'
import type { Plannable } from './batch.ts'

/** How an operation is submitted. */
export interface OperationOptions<Answer> {
  /** The order of submission. Operations that wait for the same commit go on in this order. */
  readonly sequence: number
  readonly plan: (view: View) => Plan<Answer>
  readonly isDryRun: boolean
  /** On the clock of `performance.now`, which does not jump. */
  readonly submittedMs: number
  /** On the same clock. */
  readonly deadline: number
  /** Learns whether the operation was settled or has failed, and when the plan first ran, on the same clock. */
  readonly ended?: (isSettled: boolean, plannedMs: number | undefined) => void
}

/** A submitted operation on its way: queued, parked behind a commit, being committed, and settled exactly once. */
export class Operation<Answer = unknown> implements Plannable {
  readonly sequence: number
  readonly isDryRun: boolean
  readonly submittedMs: number
  readonly deadline: number
  /** Resolves when the operation is settled; rejects when it failed. */
  readonly outcome: Promise<Outcome<Answer>>
  /** Must be committed in a transaction of its own, because one that it shared could not be. */
  isAlone = false
  /** Its writes may be in etcd, so it must not fail with "nothing was changed". */
  isCommitting = false
  /** Its place among the open operations. */
  place = -1
  /** Called once, when the operation is settled or has failed. */
  onEnd: (() => void) | undefined
  readonly #plan: (view: View) => Plan<Answer>
  /** The answer of the plan that ran last: when that is committed, it is the operation's. */
  #planned: { readonly answer: Answer } | undefined
  readonly #ended: OperationOptions<Answer>['ended']
  #plannedMs: number | undefined
  readonly #fresh: Family<unknown>[] = []
  #isAllFresh = false
  #isSettled = false
  /** Resolves `outcome` with what was planned last. */
  #resolve!: (revision: Revision, uids: Outcome<Answer>['uids']) => void
  #reject!: (fault: Error) => void

  constructor({ sequence, plan, isDryRun, submittedMs, deadline, ended }: OperationOptions<Answer>) {
    this.sequence = sequence
    this.isDryRun = isDryRun
    this.submittedMs = submittedMs
    this.deadline = deadline
    this.#plan = plan
    this.#ended = ended
    this.outcome = new Promise((resolve, reject) => {
      this.#reject = reject
      this.#resolve = (revision, uids) => {
        if (this.#planned === undefined) reject(new Error('The operation was committed without a plan.'))
        else resolve({ answer: this.#planned.answer, revision, ...(uids !== undefined && { uids }) })
      }
    })
  }

  /** True once the operation is settled or has failed. */
  get isSettled(): boolean {
    return this.#isSettled
  }

  plan(view: View): Plan<Answer> {
    this.#plannedMs ??= performance.now()
    const plan = this.#plan(view)
    this.#planned = { answer: plan.answer }
    return plan
  }

  isFresh(family: Family<unknown>): boolean {
    return this.#isAllFresh || this.#fresh.includes(family)
  }

  markFresh(family: Family<unknown>): void {
    this.#fresh.push(family)
  }

  /** As {@link markFresh}, for all families that the watch keeps up to date. */
  markAllFresh(): void {
    this.#isAllFresh = true
  }

  /** Settles the operation: what was planned last is true at `revision`. Does nothing once it is settled, as after its deadline. */
  settle(revision: Revision, uids?: Outcome<Answer>['uids']): void {
    if (this.#end(true)) this.#resolve(revision, uids)
  }

  /** Fails the operation; does nothing once it is settled. */
  fail(fault: Error): void {
    if (this.#end(false)) this.#reject(fault)
  }

  #end(isSettled: boolean): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    this.onEnd?.()
    this.#ended?.(isSettled, this.#plannedMs)
    return true
  }
}
