/**
 * Runs tasks in order, at most so many in a turn of the event loop: at once if the turn has room, otherwise in a later one. Without it, a
 * crowd fills each turn with all that it sent during the turn before, and whatever else the server does waits as long.
 */
export class TurnQueue<Task> {
  /** Tasks that run in a turn from the next one on. */
  perTurn: number
  readonly #run: (task: Task) => void
  readonly #waiting: Task[] = []
  /** Tasks that may still run in this turn. Nothing waits while there is room. */
  #room: number
  #isScheduled = false

  constructor(perTurn: number, run: (task: Task) => void) {
    this.perTurn = perTurn
    this.#run = run
    this.#room = perTurn
  }

  /** The number of tasks that wait for a later turn. */
  get waiting(): number {
    return this.#waiting.length
  }

  add(task: Task): void {
    this.#schedule()
    if (this.#room === 0) {
      this.#waiting.push(task)
      return
    }
    this.#room--
    this.#run(task)
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#beginTurn()
    })
  }

  #beginTurn(): void {
    this.#isScheduled = false
    const some = this.#waiting.splice(0, this.perTurn)
    this.#room = this.perTurn - some.length
    if (some.length > 0) this.#schedule()
    for (const task of some) this.#run(task)
  }
}
