/** Refusals for each call that is served, if callers wait as they are told. A refusal costs about as much as half of a call. */
const refusedPerServed = 0.25

/** Nobody has to wait for longer, even if nothing is served. */
const secondsMax = 10

/** For how long the figures of a second count, in milliseconds: until those of the next one are known, and a moment. */
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
