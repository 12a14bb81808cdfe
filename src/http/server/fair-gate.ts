/** A call at the gate. */
interface Entry {
  readonly since: number
  /** Lets it begin. */
  readonly begin: () => void
  /** Refuses it: it has waited for too long. */
  readonly refuse: () => void
}

/** The calls of one caller. */
interface Line {
  /** Calls that have begun, and are not over. */
  underWay: number
  /** In the order in which they came. */
  readonly waiting: Set<Entry>
}

/** How many calls there may be, and how long they may wait. */
export interface GateOptions {
  /** Calls that may be under way at once, if a single caller has them all. */
  readonly places: number
  /** Milliseconds after its last call for which a caller keeps its share: until it has got the answer, and sends the next call. */
  readonly keepMs: number
  /** Milliseconds after which a call that waits is refused. */
  readonly patienceMs: number
}

/**
 * Divides the places for calls equally among those who call: each may have its share of calls under way, one at least, and its others wait in
 * their order. So a caller with one call never waits, however many another one has; and there are few calls of others beside it, because
 * they share a store and an event loop with it. A caller alone has all places. Time comes in as a value.
 */
export class FairGate {
  readonly #options: GateOptions
  /** Who has a share. */
  readonly #lines = new Map<string, Line>()
  /** Those without a call, and when their last one was over; the oldest first. */
  readonly #quiet = new Map<string, number>()
  #waiting = 0

  constructor(options: GateOptions) {
    this.#options = options
  }

  /** The number of calls that wait. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Lets a call begin, at once or when its caller has a place again. Returns what to call when it is over; if it has not begun by then, it
   * never will.
   */
  enter(caller: string, now: number, begin: () => void, refuse: () => void): (now: number) => void {
    this.#forget(now)
    const line = this.#lines.get(caller) ?? { underWay: 0, waiting: new Set() }
    this.#lines.set(caller, line)
    this.#quiet.delete(caller)
    const entry = { since: now, begin, refuse }
    line.waiting.add(entry)
    this.#waiting++
    this.#admit(line)
    let isOver = false
    return (end) => {
      if (isOver) return
      isOver = true
      if (line.waiting.delete(entry)) this.#waiting--
      else line.underWay--
      this.#forget(end)
      this.#admit(line)
      if (line.underWay === 0) this.#quiet.set(caller, end)
    }
  }

  /** Refuses the calls that have waited for too long. To be called regularly. */
  expire(now: number): void {
    if (this.#waiting === 0) return
    for (const { waiting } of this.#lines.values()) {
      for (const entry of waiting) {
        if (now - entry.since < this.#options.patienceMs) break
        // Its end takes it out of the line.
        entry.refuse()
      }
    }
  }

  #admit(line: Line): void {
    const share = Math.max(1, Math.floor(this.#options.places / this.#lines.size))
    for (const entry of line.waiting) {
      if (line.underWay >= share) return
      line.waiting.delete(entry)
      this.#waiting--
      line.underWay++
      entry.begin()
    }
  }

  /** Takes the shares of those who have been quiet for a while. */
  #forget(now: number): void {
    for (const [caller, since] of this.#quiet) {
      if (now - since < this.#options.keepMs) return
      this.#quiet.delete(caller)
      this.#lines.delete(caller)
    }
  }
}
