import type { Reason, Refusal } from '../plan/index.ts'
import { countEachSecond } from './each-second.ts'
import { type DatastoreUnavailable, detailsOf } from './faults.ts'

/**
 * Hears from stores and from the HTTP server what they do, as it happens: metrics, traces and log lines hang here. Its methods run on the
 * path of every request, so they must be quick, and must not throw.
 */
export interface Probe {
  /** A plan was submitted. Heard before `submit` returns, so a listener can know whose it is. */
  operationSubmitted(event: { readonly operation: ProbedOperation }): void
  /** A plan was run, from `startedMs` on the clock of `performance.now` until now. */
  operationPlanned(event: {
    readonly operation: ProbedOperation
    readonly outcome: PlanOutcome
    readonly startedMs: number
  }): void
  /** Plans were run to form a transaction: `operations` are in it and are sent now, `waiting` are still in the queue. */
  batchPlanned(event: Carried & { readonly waiting: number; readonly durationMs: number }): void
  /** An operation was settled or has failed, `durationMs` after it was submitted. It had waited for `waitedMs` to be planned first. */
  operationEnded(event: {
    readonly operation: ProbedOperation
    readonly isSettled: boolean
    readonly waitedMs: number
    readonly durationMs: number
  }): void
  /** The datastore answered a call, or did not. */
  datastoreCalled(event: {
    readonly call: DatastoreCall
    readonly outcome: CallOutcome
    readonly durationMs: number
  }): void
  /** A transaction was sent and applied, or answered that nothing changed when it has no writes. */
  batchCommitted(event: Carried & { readonly writes: number; readonly durationMs: number }): void
  /** Another server changed `keys` before a transaction could: its operations are planned again. */
  raceLost(event: Carried & { readonly keys: readonly string[] }): void
  /** Operations are planned again, for another reason than a race. */
  retried(event: Carried & { readonly reason: RetryReason }): void
  /** The answer to a transaction was lost; the store finds out whether it was applied. `transaction` names its receipt. */
  answerLost(event: Carried & { readonly transaction: string; readonly error: Error }): void
  /** The store found out what became of the transaction. `unknown`: it could not. */
  answerSettled(
    event: Carried & { readonly outcome: 'applied' | 'fenced' | 'unknown'; readonly durationMs: number },
  ): void
  /** The store refused a transaction. */
  transactionRefused(event: Carried & { readonly error: Error }): void
  /** Changes can no longer be made for the reason in `problem`; or can be made again, if that is undefined. */
  changesChecked(event: { readonly problem: string | undefined }): void
  /** All of a family is in memory. */
  familyLoaded(event: { readonly family: string; readonly keys: number; readonly durationMs: number }): void
  /** The changes of a family are lost to history, so it is read again. */
  familyReread(event: { readonly family: string; readonly reason: string }): void
  /** The datastore was put back to an earlier state: everything in memory is read again. */
  stateWasReset(event: { readonly reason: string }): void
  /** A stored value cannot be read; it is left alone. */
  valueUnreadable(event: { readonly key: string; readonly problem: string }): void
  /** A watch that had been open broke, and is opened again. */
  watchBroke(event: { readonly watch: WatchName; readonly error: Error }): void
  /** A watch is open, `durationMs` after it was first tried, or broke. */
  watchOpened(event: { readonly watch: WatchName; readonly durationMs: number }): void
  /** The watch reached, `lagMs` later, a revision that the store was known to have reached. */
  watchCaughtUp(event: { readonly watch: WatchName; readonly lagMs: number }): void
  /** A client follows changes. */
  followerStarted(event: object): void
  /** A follower got no more changes; see `Ending`. */
  followerEnded(event: { readonly ending: 'expired' | 'overrun' | 'closed' }): void
  /** This server began to lead a task, or ceased to; or it became a candidate, and does not lead yet. */
  leadershipChanged(event: { readonly task: string; readonly isLeading: boolean }): void
  /** Upkeep has freed the cooled addresses of blocks, and has released empty blocks. */
  blocksCollected(event: { readonly cooled: number; readonly released: number }): void
  /** Upkeep went through everything once, or gave up. `annexes` of objects that are gone were removed, `charges` given back to quotas. */
  upkeepEnded(event: {
    readonly isDone: boolean
    readonly annexes: number
    readonly charges: number
    readonly durationMs: number
  }): void
  /** The consistency check went through everything once, or gave up: then `findings` is undefined. */
  checkEnded(event: { readonly findings: CheckFindings | undefined; readonly durationMs: number }): void
  /** This server checks no more: another one leads. */
  checkLeft(event: object): void
  /** A repair released addresses that the check had found to be leaked. */
  leaksRepaired(event: Leak): void
  /**
   * An HTTP request was answered. `route` is undefined when no route has the path, `reason` when it was no refusal. Watches last as long as
   * their clients like.
   */
  requestFinished(event: {
    readonly method: string
    readonly route: string | undefined
    readonly status: number
    readonly reason: Reason | undefined
    readonly isWatch: boolean
    readonly durationMs: number
    /** The span of the request, if its trace is recorded. */
    readonly span: SpanIds | undefined
  }): void
  /** An HTTP request was refused. `action` is what its caller wanted to do; undefined if that was not looked at. */
  requestRefused(event: {
    readonly refusal: Refusal
    readonly action: { readonly verb: string; readonly resource: string } | undefined
  }): void
  /** The server counts its calls from now on; more than `callsMax` in flight are refused. `waiting` of those have not begun. */
  callsCounted(event: {
    readonly callsMax: number
    readonly count: () => { readonly inFlight: number; readonly waiting: number }
  }): void
  /** A call has begun, after it waited for its turn. */
  callBegun(event: { readonly waitedMs: number }): void
  /** A call exceeded a limit that a policy has for its caller. */
  callLimited(event: { readonly limit: 'requestsPerSecond' | 'concurrentRequests' }): void
  /** HTTP requests were refused before they were read, because too many calls are in flight. */
  requestsRefusedEarly(event: { readonly requests: number }): void
  /** An HTTP request changed who holds addresses. */
  addressesChanged(event: { readonly assigned: number; readonly released: number }): void
  /** The caller of an HTTP request was looked for. */
  callerIdentified(event: { readonly outcome: IdentificationOutcome }): void
  /** Events of the audit were written. */
  auditEventsWritten(event: { readonly events: number }): void
  /** The audit log cannot be written from now on, or can again. */
  auditLogChecked(event: { readonly isFailing: boolean }): void
  /** Events of the audit were dropped: they could not be written. */
  auditEventsDropped(event: { readonly events: number }): void
  /** An HTTP request was refused because the datastore is not available. */
  requestUnavailable(event: { readonly fault: DatastoreUnavailable }): void
}

/** An operation on its way: all events about it name it by the same object. */
export type ProbedOperation = object

/** An event about operations that share a transaction. */
export interface Carried {
  readonly operations: readonly ProbedOperation[]
}

/**
 * The outcome of running a plan. `added`: it is in the transaction. `full`: it has to be run again for the next one. `busy`: it waits for a
 * commit of this server; `cold`: for keys to be read; `unproved`: for memory to be brought up to the present. `too-large`: it fails.
 */
export type PlanOutcome = 'added' | 'full' | 'busy' | 'cold' | 'unproved' | 'too-large'

/** Names a span of a trace, in hexadecimal digits. */
export interface SpanIds {
  readonly traceId: string
  readonly spanId: string
}

/** The findings of a consistency check. */
export interface CheckFindings {
  /** How often each code was found, for every code that there is. */
  readonly codes: ReadonlyMap<string, number>
  readonly leaks: readonly Leak[]
}

/** Addresses that are held and seem to be unused. */
export interface Leak {
  /** Undefined: they lie in no pool. */
  readonly pool: string | undefined
  /** Undefined: their holder names none. */
  readonly node: string | undefined
  readonly addresses: number
}

/** The reason for which operations are planned again: the transaction was never sent, fenced after a lost answer, too large, or refused. */
export type RetryReason = 'unsent' | 'fenced' | 'split' | 'refused'

/** The kinds of calls to the datastore. */
export type DatastoreCall = 'read' | 'transaction' | 'watch' | 'grant lease' | 'revoke lease'

/** `failed`: the outcome is not known, or there was no answer. */
export type CallOutcome = 'answered' | 'refused' | 'failed'

/** The outcome of looking for the caller of a request. */
export type IdentificationOutcome = 'accepted' | 'missing' | 'wrong' | 'throttled' | 'unavailable'

/** The watch that keeps memory up to date, or one that clients follow. */
export type WatchName = 'image' | 'journal'

/** Hears nothing. */
export const silentProbe: Probe = {
  operationSubmitted: ignore,
  operationPlanned: ignore,
  batchPlanned: ignore,
  operationEnded: ignore,
  datastoreCalled: ignore,
  batchCommitted: ignore,
  raceLost: ignore,
  retried: ignore,
  answerLost: ignore,
  answerSettled: ignore,
  transactionRefused: ignore,
  changesChecked: ignore,
  familyLoaded: ignore,
  familyReread: ignore,
  stateWasReset: ignore,
  valueUnreadable: ignore,
  watchBroke: ignore,
  watchOpened: ignore,
  watchCaughtUp: ignore,
  followerStarted: ignore,
  followerEnded: ignore,
  leadershipChanged: ignore,
  blocksCollected: ignore,
  upkeepEnded: ignore,
  checkEnded: ignore,
  checkLeft: ignore,
  leaksRepaired: ignore,
  requestFinished: ignore,
  requestRefused: ignore,
  callsCounted: ignore,
  callBegun: ignore,
  callLimited: ignore,
  requestsRefusedEarly: ignore,
  addressesChanged: ignore,
  callerIdentified: ignore,
  auditEventsWritten: ignore,
  auditLogChecked: ignore,
  auditEventsDropped: ignore,
  requestUnavailable: ignore,
}

function ignore(): void {
  // Without a listener there is nothing to do.
}

/** Makes a probe that passes each event on to all of these, in their order. An event that none of them listens to costs nothing. */
export function joinProbes(...probes: readonly Probe[]): Probe {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- a probe has the methods of its interface, and no others
  const names = Object.keys(silentProbe) as readonly (keyof Probe)[]
  const tell = (name: keyof Probe): ((event: never) => void) => {
    const listeners = probes.filter((probe) => probe[name] !== ignore)
    if (listeners.length === 0) return ignore
    return (event) => {
      for (const listener of listeners) listener[name](event)
    }
  }
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- each name has got its method
  return Object.fromEntries(names.map((name) => [name, tell(name)])) as unknown as Probe
}

/** The log that {@link logProbe} writes to. */
export interface ProbeLogger {
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** Logs what an operator should look at. What may happen to every request at once, it logs once a second, with a count. */
export function logProbe(logger: ProbeLogger): Probe {
  return {
    ...silentProbe,
    answerLost: countEachSecond((count, { error, transaction }) => {
      logger.warn({ count, reason: error.message, transaction }, 'answers to commits were lost; settling them')
    }),
    transactionRefused: countEachSecond((count, { error }) => {
      logger.error({ count, reason: error.message }, 'the datastore refused transactions')
    }),
    auditEventsDropped: countEachSecond((count) => {
      logger.error({ count }, 'audit events were dropped')
    }),
    requestUnavailable: countEachSecond((count, { fault }) => {
      logger.warn({ count, ...detailsOf(fault) }, 'requests were refused: the datastore is not available')
    }),
    changesChecked: ({ problem }) => {
      if (problem === undefined) logger.warn({}, 'changes can be made again')
      else logger.error({ problem }, 'no changes can be made')
    },
    familyReread: (details) => {
      logger.warn(details, 'the history of a watch was lost; reading the family again')
    },
    stateWasReset: (details) => {
      logger.warn(details, 'the datastore was put back to an earlier state; reading everything again')
    },
    valueUnreadable: (details) => {
      logger.warn(details, 'a stored value cannot be read; it is left alone')
    },
    watchBroke: ({ error, watch }) => {
      // A client that follows a journal notices nothing.
      if (watch === 'image') logger.warn({ err: error }, 'the watch broke; resuming')
    },
  }
}
