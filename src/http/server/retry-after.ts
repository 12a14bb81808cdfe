/** Refusals for each call that is served, if callers wait for the seconds that they get. A refusal costs about half as much as a call. */
const refusedPerServed = 0.25

/** The longest wait that callers are asked for, even if nothing is served. */
const secondsMax = 10

/** Milliseconds for which the figures of a second count: until those of the next second are known, and a moment. */
const validMs = 2_500

/** Says how long refused callers have to wait: the more are refused for each one that is served, the longer. Times are in milliseconds. */
export class RetryAfter {
  #seconds = 1
  #notedAt = -Infinity

  /** Notes how many calls were refused and served in the last second. */
  note(refused: number, served: number, now: number): void {
    const seconds = Math.ceil(refused / (refusedPerServed * served))
    this.#seconds = Math.max(1, Math.min(secondsMax, seconds))
    this.#notedAt = now
  }

  /** The seconds that a caller has to wait who is refused now. */
  secondsAt(now: number): number {
    return now - this.#notedAt < validMs ? this.#seconds : 1
  }
}
