import type { Operation } from './operation.ts'

/** Operations that wait to be planned, in the order of submission, and those parked until a commit has written a key. */
export class Queue {
  #waiting: Operation[] = []
  readonly #parked = new Map<string, Operation[]>()

  /** The number of operations that wait to be planned. */
  get length(): number {
    return this.#waiting.length
  }

  /** Adds the newest operation. */
  add(operation: Operation): void {
    this.#waiting.push(operation)
  }

  /** Puts operations back before everything that was submitted after them. */
  putBack(operations: readonly Operation[]): void {
    const returning = operations.filter((operation) => !operation.isSettled)
    if (returning.length === 0) return
    // In place: a dead list would keep operations alive; see OpenOperations.
    this.#waiting.push(...returning)
    this.#waiting.sort((left, right) => left.sequence - right.sequence)
  }

  /** Removes operations in order until `take` declines one. */
  takeWhile(take: (operation: Operation) => boolean): void {
    const declined = this.#waiting.findIndex((operation) => !operation.isSettled && !take(operation))
    this.#waiting.splice(0, declined === -1 ? Infinity : declined)
  }

  /** Parks an operation until `key` is woken. */
  park(key: string, operation: Operation): void {
    const parked = this.#parked.get(key)
    if (parked === undefined) this.#parked.set(key, [operation])
    else parked.push(operation)
  }

  /** Puts back the operations parked on `keys`. */
  wake(keys: Iterable<string>): void {
    const woken: Operation[] = []
    for (const key of keys) {
      const parked = this.#parked.get(key)
      if (parked === undefined) continue
      // Emptied, because an outgrown table of the map may still refer to the list; see OpenOperations.
      woken.push(...parked.splice(0))
      this.#parked.delete(key)
    }
    this.putBack(woken)
  }

  /** Removes operations that were settled while they waited. */
  dropSettled(): void {
    const isOpen = (operation: Operation): boolean => !operation.isSettled
    this.#waiting = this.#waiting.filter(isOpen)
    for (const [key, operations] of this.#parked) this.#parked.set(key, operations.filter(isOpen))
  }
}
