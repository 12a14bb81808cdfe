import type { Operation } from './operation.ts'

/** Operations that wait, in the order of submission: for their turn to be planned, or for the commit that is writing a key. */
export class Queue {
  #waiting: Operation[] = []
  readonly #parked = new Map<string, Operation[]>()

  /** How many operations wait for their turn. */
  get length(): number {
    return this.#waiting.length
  }

  /** Adds the operation that was submitted last. */
  add(operation: Operation): void {
    this.#waiting.push(operation)
  }

  /** Puts operations back before everything that was submitted after them. */
  putBack(operations: readonly Operation[]): void {
    const returning = operations.filter((operation) => !operation.isSettled)
    if (returning.length === 0) return
    // In place, so that no dead list refers to operations; see OpenOperations.
    this.#waiting.push(...returning)
    this.#waiting.sort((left, right) => left.sequence - right.sequence)
  }

  /** Takes operations out, in order, until `take` declines one. */
  takeWhile(take: (operation: Operation) => boolean): void {
    const declined = this.#waiting.findIndex((operation) => !operation.isSettled && !take(operation))
    this.#waiting.splice(0, declined === -1 ? Infinity : declined)
  }

  /** Lets an operation wait until `key` is woken. */
  park(key: string, operation: Operation): void {
    const parked = this.#parked.get(key)
    if (parked === undefined) this.#parked.set(key, [operation])
    else parked.push(operation)
  }

  /** Puts back what waits for one of `keys`. */
  wake(keys: Iterable<string>): void {
    const woken: Operation[] = []
    for (const key of keys) {
      const parked = this.#parked.get(key)
      if (parked === undefined) continue
      // Emptied, because what the map has outgrown may still refer to it; see OpenOperations.
      woken.push(...parked.splice(0))
      this.#parked.delete(key)
    }
    this.putBack(woken)
  }

  /** Forgets operations that were settled while they were waiting. */
  dropSettled(): void {
    const isOpen = (operation: Operation): boolean => !operation.isSettled
    this.#waiting = this.#waiting.filter(isOpen)
    for (const [key, operations] of this.#parked) this.#parked.set(key, operations.filter(isOpen))
  }
}
