/** The callbacks of a call that came to the gate. */
export interface Waiter {
  /** It begins, at once or later. Not called if it has left before. */
  begin(call: GateCall): void
  /** It has waited for too long, and does not begin. */
  refuse(): void
}

/** A call that arrives, and how the server does at that moment. */
export interface Arrival {
  readonly caller: string
  /** It is not refused, however many calls there are. */
  readonly isAdmin: boolean
  readonly now: number
  /** Operations in the store, including those whose callers have gone. */
  readonly pending: number
  /** How long the oldest operation waits in the store. */
  readonly waitedMs: number
}

/** Limits for the number of calls, and for the time that they wait. */
export interface GateOptions {
  /** Calls that may be open at once. */
  readonly callsMax: number
  /** As many may be open while calls wait for longer than {@link slowMs}: more of them would only wait longer. */
  readonly slowCallsMax: number
  readonly slowMs: number
  /** Milliseconds after which a call that waits is refused. */
  readonly patienceMs: number
  /** Milliseconds after which a call that has begun loses its place until its body has arrived. */
  readonly arrivalMs: number
  /** Calls that are under way at once if all who call send many. */
  readonly places: number
  /** Calls of those who send many that are under way beside a modest caller: it waits for a part of their work at the most. */
  readonly placesBesideModest: number
  /** Calls that each caller may have under way whatever the others do. Whoever has no more open is modest. */
  readonly modestMax: number
  /** Milliseconds after its last call for which a caller keeps its share: until it has got the answer, and sends the next call. */
  readonly keepMs: number
  /** Calls that begin in a turn of the event loop. */
  readonly perTurn: number
  /** Those that do if {@link crowdMin} calls are open. */
  readonly perTurnOfCrowd: number
  readonly crowdMin: number
  /** Calls `callback` with the time in the next turn of the event loop. */
  readonly nextTurn: (callback: (now: number) => void) => void
}

/** The calls of one caller. */
interface Line {
  readonly caller: string
  /** Calls that are not over. */
  open: number
  /** Those of them that have a place: they have begun, and are not answered. */
  readonly underWay: Set<GateCall>
  /** Those that have not begun, in the order in which they came. */
  readonly waiting: Set<GateCall>
}

/** A call that the gate knows, from its arrival to its end. Its other members are the gate's own. */
export class GateCall {
  readonly line: Line
  waiter: Waiter
  since: number
  /** How long it waited until it began, in milliseconds. */
  waitedMs = 0
  begunAt = 0
  hasArrived = false
  state: 'waiting' | 'underWay' | 'arriving' | 'answered' | 'over' = 'waiting'

  constructor(line: Line, waiter: Waiter, since: number) {
    this.line = line
    this.waiter = waiter
    this.since = since
  }
}

/**
 * Decides for each call whether it begins, waits, or is refused. The places for calls, and the limit of open ones, are divided equally
 * among the callers. A caller has its share of calls under way, and its others wait in their order. Once the limit of open calls is
 * reached, a caller that has its share of it is refused. A modest caller never waits for the calls of others to end, however many there
 * are. There are also few calls of others beside it, because it shares a store and an event loop with them. A greedy caller has many
 * places as long as no modest caller is there. A turn of the event loop begins only a few calls, one of each caller in rotation. So it
 * stays short, however many arrive, and health, new connections and refusals wait for no more than that. Time comes in as a value.
 */
export class FairGate {
  readonly #options: GateOptions
  /** The callers that have a share. */
  readonly #lines = new Map<string, Line>()
  /** Those without a call, and when their last one was over; the oldest first. */
  readonly #quiet = new Map<string, number>()
  /** Those with a call that waits and a place for it, in the order in which it is their turn. */
  readonly #ready = new Set<Line>()
  #open = 0
  #served = 0
  #waiting = 0
  /** The number of lines of greedy callers. */
  #greedy = 0
  /** Calls that have begun in this turn of the event loop. */
  #begunInTurn = 0
  #isTurnScheduled = false
  #isBeginning = false

  constructor(options: GateOptions) {
    this.#options = options
  }

  /** The number of calls that are not over. */
  get open(): number {
    return this.#open
  }

  /** The number of calls that were answered so far. */
  get served(): number {
    return this.#served
  }

  /** The number of open calls that have not begun. */
  get waiting(): number {
    return this.#waiting
  }

  /** How long the call that has waited longest has waited. */
  waitedMs(now: number): number {
    let since = now
    if (this.#waiting > 0) for (const line of this.#lines.values()) since = Math.min(since, firstOf(line)?.since ?? now)
    return now - since
  }

  /** Takes a call, which begins at once or later; undefined if it is refused. */
  enter(arrival: Arrival, waiter: Waiter): GateCall | undefined {
    const { caller, now } = arrival
    this.#forget(now)
    const line = this.#lines.get(caller) ?? { caller, open: 0, underWay: new Set(), waiting: new Set() }
    if (!arrival.isAdmin && this.#isFull(line, arrival)) return undefined
    this.#lines.set(caller, line)
    this.#quiet.delete(caller)
    this.#count(line, 1)
    const call = new GateCall(line, waiter, now)
    this.#putIn(call, now)
    return call
  }

  /** Notes that the body of a call has arrived. `waiter` goes on with it: at once, unless it has lost its place meanwhile. */
  arrive(call: GateCall, waiter: Waiter, now: number): void {
    call.hasArrived = true
    if (call.state !== 'arriving') {
      waiter.begin(call)
      return
    }
    call.waiter = waiter
    call.since = now
    this.#putIn(call, now)
  }

  /** Gives the place of a call back: it does no more work, though its answer may still be on the way to a slow client. */
  answer(call: GateCall, now: number): void {
    if (call.state !== 'underWay') return
    call.state = 'answered'
    this.#served++
    call.line.underWay.delete(call)
    this.#admit(call.line, now)
  }

  /** Ends a call, whatever became of it. */
  leave(call: GateCall, now: number): void {
    const { line, state } = call
    if (state === 'over') return
    call.state = 'over'
    if (state === 'waiting') this.#takeOut(call)
    line.underWay.delete(call)
    this.#count(line, -1)
    if (line.open === 0) this.#quiet.set(line.caller, now)
    this.#forget(now)
    this.#admit(line, now)
    // The waiter of a call whose body has arrived must hear that the call does not go on.
    if (state === 'waiting' && call.hasArrived) call.waiter.refuse()
  }

  /** Refuses the calls that have waited for too long, and takes the places of those that arrive slowly. To be called regularly. */
  expire(now: number): void {
    const { patienceMs, arrivalMs } = this.#options
    for (const line of this.#lines.values()) {
      for (const call of line.waiting) {
        if (now - call.since < patienceMs) break
        this.#takeOut(call)
        call.state = 'answered'
        call.waiter.refuse()
      }
      for (const call of line.underWay) {
        if (call.hasArrived || now - call.begunAt < arrivalMs) continue
        call.state = 'arriving'
        line.underWay.delete(call)
      }
      this.#admit(line, now)
    }
  }

  #isFull(line: Line, { now, pending, waitedMs }: Arrival): boolean {
    const { callsMax, slowCallsMax, slowMs } = this.#options
    if (pending >= callsMax) return true
    const isSlow = Math.max(waitedMs, now - (firstOf(line)?.since ?? now)) > slowMs
    const limit = isSlow ? Math.min(slowCallsMax, callsMax) : callsMax
    if (this.#open < limit) return false
    const callers = this.#lines.size + (this.#lines.has(line.caller) ? 0 : 1)
    // Whoever has less than a share still gets in, but all callers together no more than twice the limit.
    return line.open >= limit / callers || this.#open >= 2 * callsMax
  }

  /** Lets calls begin after something has changed in a line. */
  #admit(line: Line, now: number): void {
    if (line.waiting.size === 0 || line.underWay.size >= this.#share()) this.#ready.delete(line)
    else this.#ready.add(line)
    this.#begin(now)
  }

  /** Lets calls begin that have a place, in turn from each line, while this turn of the event loop has room. */
  #begin(now: number): void {
    // A call may be answered as soon as it begins: the loop below goes on with what that makes ready.
    if (this.#isBeginning) return
    this.#isBeginning = true
    try {
      for (const line of this.#ready) {
        if (!this.#takeRoom()) break
        this.#ready.delete(line)
        const call = firstOf(line)
        if (call === undefined) continue
        this.#takeOut(call)
        call.state = 'underWay'
        line.underWay.add(call)
        if (line.waiting.size > 0 && line.underWay.size < this.#share()) this.#ready.add(line)
        call.waitedMs += now - call.since
        call.begunAt = now
        call.waiter.begin(call)
      }
    } finally {
      this.#isBeginning = false
    }
  }

  /** True if one more call may begin in this turn of the event loop. If not, the next turn goes on. */
  #takeRoom(): boolean {
    const { crowdMin, perTurn, perTurnOfCrowd, nextTurn } = this.#options
    if (!this.#isTurnScheduled) {
      this.#isTurnScheduled = true
      nextTurn((now) => {
        this.#isTurnScheduled = false
        this.#begunInTurn = 0
        this.#begin(now)
      })
    }
    if (this.#begunInTurn >= (this.#open < crowdMin ? perTurn : perTurnOfCrowd)) return false
    this.#begunInTurn++
    return true
  }

  #putIn(call: GateCall, now: number): void {
    call.state = 'waiting'
    call.line.waiting.add(call)
    this.#waiting++
    this.#admit(call.line, now)
  }

  #takeOut(call: GateCall): void {
    call.line.waiting.delete(call)
    this.#waiting--
  }

  /** Notes that a line has a call more or less. */
  #count(line: Line, change: 1 | -1): void {
    const { modestMax } = this.#options
    if (change === 1 && line.open === modestMax) this.#greedy++
    if (change === -1 && line.open === modestMax + 1) this.#greedy--
    line.open += change
    this.#open += change
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

function firstOf({ waiting }: Line): GateCall | undefined {
  for (const call of waiting) return call
  return undefined
}
