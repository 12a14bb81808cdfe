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
  /** Calls that are under way at once if all who call send many. */
  readonly places: number
  /** Calls of those who send many that are under way beside a modest caller: it waits for a part of their work at the most. */
  readonly placesBesideModest: number
  /** Calls that each caller may have under way whatever the others do. Whoever has no more open is modest. */
  readonly modestMax: number
  /** Milliseconds after its last call for which a caller keeps its share: until it has got the answer, and sends the next call. */
  readonly keepMs: number
  /** Milliseconds after which a call that waits is refused. */
  readonly patienceMs: number
}

/**
 * Divides the places for calls equally among those who call. A caller has its share of calls under way, and its others wait in their order.
 * A modest caller never waits, however many calls another one has. There are also few calls of others beside it, because it shares a store
 * and an event loop with them. Who sends many calls has many places as long as no modest caller is there. Time comes in as a value.
 */
export class FairGate {
  readonly #options: GateOptions
  /** Who has a share. */
  readonly #lines = new Map<string, Line>()
  /** Those without a call, and when their last one was over; the oldest first. */
  readonly #quiet = new Map<string, number>()
  #waiting = 0
  /** How many of the lines are of callers that are not modest. */
  #greedy = 0

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
    this.#count(line, 1)
    const entry = { since: now, begin, refuse }
    line.waiting.add(entry)
    this.#waiting++
    this.#admit(line)
    let isOver = false
    return (end) => {
      if (isOver) return
      isOver = true
      this.#count(line, -1)
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
    const share = this.#share()
    for (const entry of line.waiting) {
      if (line.underWay >= share) return
      line.waiting.delete(entry)
      this.#waiting--
      line.underWay++
      entry.begin()
    }
  }

  /** Notes that a line is going to have a call more or less. */
  #count({ underWay, waiting }: Line, change: 1 | -1): void {
    const open = underWay + waiting.size
    const { modestMax } = this.#options
    if (change === 1 && open === modestMax) this.#greedy++
    if (change === -1 && open === modestMax + 1) this.#greedy--
  }

  #share(): number {
    const { places, placesBesideModest, modestMax } = this.#options
    const isModestThere = this.#greedy < this.#lines.size
    return Math.max(modestMax, Math.floor((isModestThere ? placesBesideModest : places) / this.#lines.size))
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
