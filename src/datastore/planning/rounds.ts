/** Work that is done for many at once: a round serves all who asked before it began, so that a thousand questions cost one answer. */
export class Rounds<Value> {
  readonly #work: () => Promise<Value>
  #running: Promise<Value> | undefined
  #next: Promise<Value> | undefined

  constructor(work: () => Promise<Value>) {
    this.#work = work
  }

  /** The outcome of a round that begins after this call. */
  join(): Promise<Value> {
    if (this.#running === undefined) return this.#begin()
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined
        return this.#begin()
      })
    return this.#next
  }

  #begin(): Promise<Value> {
    const round = this.#work().finally(() => {
      if (this.#running === round) this.#running = undefined
    })
    this.#running = round
    return round
  }
}
