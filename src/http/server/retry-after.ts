/** Refusals that are sent in a second at the most, if callers wait as they are told: they cost a fraction of what is served then. */
const perSecondMax = 500

/** For how long the number of refusals of a second counts, in milliseconds: until the next one is known, and a moment. */
const validMs = 2_500

/** Says how long refused callers have to wait: the longer, the more of them there are. Time comes in as a value, in milliseconds. */
export class RetryAfter {
  #seconds = 1
  #notedAt = -Infinity

  /** Notes how many callers were refused in the last second. */
  note(refused: number, now: number): void {
    this.#seconds = Math.max(1, Math.ceil(refused / perSecondMax))
    this.#notedAt = now
  }

  /** The seconds that a caller has to wait who is refused now. */
  secondsAt(now: number): number {
    return now - this.#notedAt < validMs ? this.#seconds : 1
  }
}
