import { expired, stopping } from '../../faults.ts'
import { outcomeUnknown } from '../faults.ts'
import { settlingPatienceMs } from '../limits.ts'
import type { Operation } from './operation.ts'

/**
 * The operations submitted and not yet settled, wherever they are; and when each of them is to be given up. No `Set`: each table that it
 * outgrows refers to the next, and to what was in it, so that once one of them has grown old the collector takes the requests of
 * thousands of callers for alive until its next full round.
 */
export class OpenOperations {
  /** In no order. */
  readonly #open: Operation[] = []
  readonly #drained: (() => void)[] = []
  #lastCallMs = Infinity

  get size(): number {
    return this.#open.length
  }

  add(operation: Operation): void {
    operation.place = this.#open.push(operation) - 1
  }

  /** To be called when an operation has been settled. */
  delete(operation: Operation): void {
    if (this.#open[operation.place] !== operation) return
    const last = this.#open.pop()
    if (last !== undefined && last !== operation) {
      this.#open[operation.place] = last
      last.place = operation.place
    }
    if (this.#open.length === 0) for (const resolve of this.#drained.splice(0)) resolve()
  }

  /** Resolves when none is open. */
  untilDrained(): Promise<void> {
    if (this.#open.length === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#drained.push(resolve)
    })
  }

  /** Makes `atMs`, on the clock of `performance.now`, the latest time at which any operation is given up: the server is going to stop. */
  giveUpBy(atMs: number): void {
    this.#lastCallMs = Math.min(this.#lastCallMs, atMs)
  }

  /**
   * Fails the operations whose time is over at `nowMs`, and says whether there were any: at the deadline, saying that nothing was
   * changed; or, when their writes may be in etcd, {@link settlingPatienceMs} later, saying that this is not known.
   */
  expire(nowMs: number): boolean {
    let isAnyExpired = false
    for (const operation of [...this.#open]) {
      const dueMs = operation.deadline + (operation.isCommitting ? settlingPatienceMs : 0)
      if (Math.min(dueMs, this.#lastCallMs) > nowMs) continue
      if (operation.isCommitting) operation.fail(outcomeUnknown())
      else operation.fail(operation.deadline > this.#lastCallMs ? stopping() : expired())
      isAnyExpired = true
    }
    return isAnyExpired
  }
}
