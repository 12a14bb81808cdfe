import { expired, outcomeUnknown, stopping } from '../faults.ts'
import { settlingPatienceMs } from './limits.ts'
import type { Operation } from './operation.ts'

/**
 * The operations submitted and not yet settled, wherever they are, and when to give each up. Not a `Set`: each table that a set outgrows
 * refers to the next and to its old contents, so that once such a table is old, the garbage collector keeps the requests of thousands of
 * callers until its next full run.
 */
export class OpenOperations {
  /** In no order. */
  readonly #open: Operation[] = []
  readonly #drained: (() => void)[] = []
  #lastCallMs = Infinity
  #waitedMs = 0

  get size(): number {
    return this.#open.length
  }

  /** How long the oldest operation that is not being committed had waited when {@link expire} looked last, in milliseconds. */
  get waitedMs(): number {
    return this.#waitedMs
  }

  /** Adds an operation, until it is settled. */
  add(operation: Operation): void {
    operation.place = this.#open.push(operation) - 1
    operation.onEnd = () => {
      this.#delete(operation)
    }
  }

  /** Resolves when no operation is open. */
  untilDrained(): Promise<void> {
    if (this.#open.length === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#drained.push(resolve)
    })
  }

  /** Gives up all operations at `atMs`, on the clock of `performance.now`, if not before: the server is about to stop. */
  giveUpBy(atMs: number): void {
    this.#lastCallMs = Math.min(this.#lastCallMs, atMs)
  }

  /**
   * Fails the operations whose time is over at `nowMs`, and returns whether there were any. At its deadline, an operation hears that
   * nothing was changed; if its writes may be stored, it hears {@link settlingPatienceMs} later that the outcome is unknown.
   */
  expire(nowMs: number): boolean {
    let isAnyExpired = false
    this.#waitedMs = 0
    for (const operation of [...this.#open]) {
      if (!operation.isCommitting) this.#waitedMs = Math.max(this.#waitedMs, nowMs - operation.submittedMs)
      const dueMs = operation.deadline + (operation.isCommitting ? settlingPatienceMs : 0)
      if (Math.min(dueMs, this.#lastCallMs) > nowMs) continue
      if (operation.isCommitting) operation.fail(outcomeUnknown())
      else operation.fail(operation.deadline > this.#lastCallMs ? stopping() : expired())
      isAnyExpired = true
    }
    return isAnyExpired
  }

  #delete(operation: Operation): void {
    if (this.#open[operation.place] !== operation) return
    const last = this.#open.pop()
    if (last !== undefined && last !== operation) {
      this.#open[operation.place] = last
      last.place = operation.place
    }
    if (this.#open.length === 0) for (const resolve of this.#drained.splice(0)) resolve()
  }
}
