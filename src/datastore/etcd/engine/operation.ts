import type { Family, Plan, View } from '../../../plan/index.ts'
import type { Outcome } from '../../store.ts'
import type { Plannable } from './batch.ts'

/** A submitted operation on its way: queued, parked behind a commit, being committed, then settled exactly once. */
export class Operation implements Plannable {
  /** Order of submission; operations that wait for the same commit go on in this order. */
  readonly sequence: number
  readonly isDryRun: boolean
  /** On the clock of `performance.now`, which does not jump. */
  readonly deadline: number
  /** To be committed in a transaction of its own, because one that it was part of could not be. */
  isAlone = false
  /** Its writes may be in etcd, so that nobody may say that they are not. */
  isCommitting = false
  /** Where it stands among those that are open. */
  place = -1
  readonly #plan: (view: View) => Plan<unknown>
  readonly #settle: (outcome: Outcome<unknown>) => void
  readonly #fail: (fault: Error) => void
  readonly #fresh: Family<unknown>[] = []
  #isSettled = false

  constructor(
    sequence: number,
    plan: (view: View) => Plan<unknown>,
    options: { readonly isDryRun: boolean; readonly deadline: number },
    settle: (outcome: Outcome<unknown>) => void,
    fail: (fault: Error) => void,
  ) {
    this.sequence = sequence
    this.isDryRun = options.isDryRun
    this.deadline = options.deadline
    this.#plan = plan
    this.#settle = settle
    this.#fail = fail
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  plan(view: View): Plan<unknown> {
    return this.#plan(view)
  }

  isFresh(family: Family<unknown>): boolean {
    return this.#fresh.includes(family)
  }

  markFresh(family: Family<unknown>): void {
    this.#fresh.push(family)
  }

  /** Nothing happens when it is settled already, as when the deadline passed while its answer was on the way. */
  settle(outcome: Outcome<unknown>): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#settle(outcome)
  }

  /** As `settle`, for the worse. */
  fail(fault: Error): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#fail(fault)
  }
}
