/** Runs tasks beside each other, never more than a number of them. The first fault ends it: no other task begins, and it is thrown. */
export class Lanes {
  readonly #max: number
  readonly #running = new Set<Promise<void>>()
  #fault: { readonly error: unknown } | undefined

  constructor(max: number) {
    this.#max = max
  }

  /** Begins a task once there is room for it. Throws the fault of an earlier one. */
  async begin(task: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#max && this.#fault === undefined) await Promise.race(this.#running)
    this.#rethrow()
    const run = task()
      .catch((error: unknown) => {
        this.#fault ??= { error }
      })
      .finally(() => this.#running.delete(run))
    this.#running.add(run)
  }

  /** Waits for all tasks. Throws the first fault. */
  async end(): Promise<void> {
    await Promise.all(this.#running)
    this.#rethrow()
  }

  #rethrow(): void {
    if (this.#fault !== undefined) throw this.#fault.error
  }
}
