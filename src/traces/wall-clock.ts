/** Further than this, the two clocks have drifted apart; closer, they only have different resolutions. */
const driftMaxMs = 2

/**
 * Turns times on the clock of `performance.now`, in milliseconds, into milliseconds since the epoch. All spans of a moment go by the same
 * difference of the clocks, so that a span of a tenth of a millisecond lies where it belongs in another.
 */
export class WallClock {
  #differenceMs = Date.now() - performance.now()

  /** Follows the clock of the machine if that was set. */
  follow(): void {
    const differenceMs = Date.now() - performance.now()
    if (Math.abs(differenceMs - this.#differenceMs) > driftMaxMs) this.#differenceMs = differenceMs
  }

  /** The time since the epoch. */
  at(performanceMs: number): number {
    return performanceMs + this.#differenceMs
  }
}
