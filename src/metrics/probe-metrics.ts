import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Probe } from '../datastore/index.ts'

/** Bounds in seconds, for calls from clients and of etcd. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Bounds of numbers of operations. */
const operationsBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500]

/**
 * Makes a probe that counts and measures what it hears, in metrics of `registry`. docs/metrics.md says what each means. With exemplars, the
 * time to answer requests names a recorded trace for each bucket.
 */
export function metricsProbe(registry: Registry, hasExemplars: boolean): Probe {
  const registers = [registry]
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter({ name: `ippoold_${name}_total`, help, labelNames, registers })
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Gauge({ name: `ippoold_${name}`, help, labelNames, registers })
  const readAtScrape: ReadAtScrape = (name, help, read) => {
    new Gauge({
      ...{ name: `ippoold_${name}`, help, registers },
      collect() {
        this.set(read())
      },
    })
  }
  const histogram = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
    buckets = secondsBuckets,
    enableExemplars = false,
  ) => {
    // A registry that also prints the format without exemplars takes one with them only afterwards.
    const made = new Histogram({ name: `ippoold_${name}`, help, labelNames, buckets, enableExemplars, registers: [] })
    registry.registerMetric(made)
    return made
  }

  return {
    ...probeOfRequests(counter, histogram, hasExemplars),
    ...probeOfCalls(counter, gauge, histogram, readAtScrape),
    ...probeOfTransactions(counter, histogram),
    ...probeOfMemory(counter, gauge, histogram),
    ...probeOfUpkeep(counter, gauge),
    // Findings and refusals have metrics of their own.
    checkEnded: ignore,
    checkLeft: ignore,
    leaksRepaired: ignore,
  }
}

function ignore(): void {
  // Nothing is counted.
}

type MakeCounter = <Label extends string>(name: string, help: string, labels?: readonly Label[]) => Counter<Label>
type MakeGauge = <Label extends string>(name: string, help: string, labels?: readonly Label[]) => Gauge<Label>
/** Makes a gauge of what `read` returns at each scrape. */
type ReadAtScrape = (name: string, help: string, read: () => number) => void
type MakeHistogram = <Label extends string>(
  name: string,
  help: string,
  labels?: readonly Label[],
  buckets?: number[],
  enableExemplars?: boolean,
) => Histogram<Label>

type RequestEvents =
  | 'requestFinished'
  | 'requestsRefusedEarly'
  | 'requestUnavailable'
  | 'requestRefused'
  | 'addressesChanged'
  | 'callerIdentified'

type CallEvents =
  | 'callsCounted'
  | 'callBegun'
  | 'callLimited'
  | 'auditEventsWritten'
  | 'auditEventsDropped'
  | 'auditLogChecked'

type UpkeepEvents = 'leadershipChanged' | 'blocksCollected' | 'upkeepEnded'

type CheckEvents = 'checkEnded' | 'checkLeft' | 'leaksRepaired'

type TransactionEvents =
  | 'operationSubmitted'
  | 'operationPlanned'
  | 'batchPlanned'
  | 'batchCommitted'
  | 'operationEnded'
  | 'datastoreCalled'
  | 'raceLost'
  | 'retried'
  | 'answerLost'
  | 'answerSettled'
  | 'transactionRefused'

function probeOfRequests(
  counter: MakeCounter,
  histogram: MakeHistogram,
  hasExemplars: boolean,
): Pick<Probe, RequestEvents> {
  const requests = counter('requests', 'HTTP requests that were answered.', ['method', 'route', 'status', 'reason'])
  // The types of the library want the labels of exemplars among those of the metric.
  const duration = histogram<'method' | 'route' | 'trace_id' | 'span_id'>(
    'request_duration_seconds',
    'Time to answer HTTP requests, without watches.',
    ['method', 'route'],
    secondsBuckets,
    hasExemplars,
  )
  const refusedEarly = counter(
    'requests_refused_early',
    'HTTP requests refused before they were read, because too many calls were in flight.',
  )
  const assigned = counter('addresses_assigned', 'Addresses that calls to this server have assigned.')
  const released = counter('addresses_released', 'Addresses that calls to this server have released.')
  const authentications = counter('authentications', 'Requests whose sender was looked for.', ['outcome'])
  const denied = counter('access_refusals', 'Calls refused for want of a credential or of a right.', [
    'reason',
    'verb',
    'resource',
  ])
  return {
    requestFinished: ({ method, route = 'none', status, reason = '', isWatch, durationMs, span }) => {
      requests.inc({ method, route, status, reason })
      if (isWatch) return
      const value = durationMs / 1_000
      if (!hasExemplars) duration.observe({ method, route }, value)
      else if (span === undefined) duration.observe({ labels: { method, route }, value })
      else {
        const exemplarLabels = { trace_id: span.traceId, span_id: span.spanId }
        duration.observe({ labels: { method, route }, value, exemplarLabels })
      }
    },
    requestsRefusedEarly: (event) => {
      refusedEarly.inc(event.requests)
    },
    requestUnavailable: () => {
      // Counted with its reason when it is answered.
    },
    requestRefused: ({ refusal: { reason, causes }, action }) => {
      if (reason !== 'Forbidden') return
      const { verb = '', resource = '' } = action ?? {}
      const isQuota = causes.some((cause) => cause.reason === 'QuotaExceeded')
      denied.inc({ reason: isQuota ? 'quota' : action === undefined ? 'origin' : 'right', verb, resource })
    },
    addressesChanged: (event) => {
      assigned.inc(event.assigned)
      released.inc(event.released)
    },
    callerIdentified: ({ outcome }) => {
      authentications.inc({ outcome })
      if (outcome === 'missing' || outcome === 'wrong') denied.inc({ reason: outcome, verb: '', resource: '' })
    },
  }
}

function probeOfCalls(
  counter: MakeCounter,
  gauge: MakeGauge,
  histogram: MakeHistogram,
  readAtScrape: ReadAtScrape,
): Pick<Probe, CallEvents> {
  // They change several times in a call.
  let count = (): { readonly inFlight: number; readonly waiting: number } => ({ inFlight: 0, waiting: 0 })
  readAtScrape('calls_in_flight', 'Calls that have not been answered, without watches.', () => count().inFlight)
  const limit = gauge('calls_in_flight_limit', 'Calls that may be in flight at once.')
  readAtScrape('calls_waiting', 'Calls that wait for earlier ones of their callers.', () => count().waiting)
  const wait = histogram('call_wait_seconds', 'Time for which calls waited for earlier ones of their callers.')
  const limited = counter('calls_limited', 'Calls refused because they exceed a limit of a policy.', ['limit'])
  const written = counter('audit_events_written', 'Events of the audit log that were written.')
  const dropped = counter('audit_events_dropped', 'Events of the audit log that could not be written.')
  const failing = gauge('audit_failing', 'True (1) while the audit log cannot be written.')
  return {
    callsCounted: (calls) => {
      limit.set(calls.callsMax)
      count = calls.count
    },
    callBegun: ({ waitedMs }) => {
      wait.observe(waitedMs / 1_000)
    },
    callLimited: (event) => {
      limited.inc({ limit: event.limit })
    },
    auditEventsWritten: ({ events }) => {
      written.inc(events)
    },
    auditEventsDropped: ({ events }) => {
      dropped.inc(events)
    },
    auditLogChecked: ({ isFailing }) => {
      failing.set(isFailing ? 1 : 0)
    },
  }
}

function probeOfTransactions(counter: MakeCounter, histogram: MakeHistogram): Pick<Probe, TransactionEvents> {
  const operations = counter('operations', 'Operations on the datastore that have ended.', ['outcome'])
  const operationDuration = histogram('operation_duration_seconds', 'Time from submitting an operation to its end.')
  const operationWait = histogram('operation_wait_seconds', 'Time from submitting an operation to its first planning.')
  const planDuration = histogram('batch_plan_duration_seconds', 'Time to plan the operations of a transaction.')
  const transactions = counter('transactions', 'Transactions of the datastore.', ['outcome'])
  const size = histogram('transaction_operations', 'Operations in a committed transaction.', [], operationsBuckets)
  const duration = histogram('transaction_duration_seconds', 'Time from sending a committed transaction to its answer.')
  const retried = counter('operations_retried', 'Operations that were planned again.', ['reason'])
  const settled = counter('lost_answers_settled', 'Transactions whose answer was lost, by what became of them.', [
    'outcome',
  ])
  const calls = counter('etcd_requests', 'Calls to etcd.', ['call', 'outcome'])
  const callDuration = histogram('etcd_request_duration_seconds', 'Time of calls to etcd.', ['call'])
  return {
    // A batch and the end of an operation say the same, for many at once.
    operationSubmitted: ignore,
    operationPlanned: ignore,
    batchPlanned: ({ durationMs }) => {
      planDuration.observe(durationMs / 1_000)
    },
    batchCommitted: (event) => {
      transactions.inc({ outcome: event.writes === 0 ? 'read' : 'committed' })
      size.observe(event.operations.length)
      duration.observe(event.durationMs / 1_000)
    },
    operationEnded: ({ isSettled, waitedMs, durationMs }) => {
      operationWait.observe(waitedMs / 1_000)
      operations.inc({ outcome: isSettled ? 'settled' : 'failed' })
      operationDuration.observe(durationMs / 1_000)
    },
    datastoreCalled: ({ call, outcome, durationMs }) => {
      calls.inc({ call, outcome })
      callDuration.observe({ call }, durationMs / 1_000)
    },
    raceLost: (event) => {
      transactions.inc({ outcome: 'race_lost' })
      retried.inc({ reason: 'race_lost' }, event.operations.length)
    },
    retried: (event) => {
      retried.inc({ reason: event.reason }, event.operations.length)
    },
    answerLost: () => {
      transactions.inc({ outcome: 'answer_lost' })
    },
    answerSettled: ({ outcome }) => {
      settled.inc({ outcome })
    },
    transactionRefused: () => {
      transactions.inc({ outcome: 'refused' })
    },
  }
}

function probeOfMemory(
  counter: MakeCounter,
  gauge: MakeGauge,
  histogram: MakeHistogram,
): Omit<Probe, TransactionEvents | RequestEvents | CallEvents | UpkeepEvents | CheckEvents> {
  const loadedKeys = gauge('family_load_keys', 'Keys of a family when it was last read as a whole.', ['family'])
  const loadSeconds = gauge('family_load_seconds', 'Time that reading a family took the last time.', ['family'])
  const rereads = counter('family_rereads', 'Families read again, because the history of a watch was lost.', ['family'])
  const resets = counter('state_resets', 'How often the datastore was found put back to an earlier state.')
  const unreadable = counter('unreadable_values', 'Stored values that were read and could not be understood.')
  const breaks = counter('watch_breaks', 'Watches that broke after they had been open.', ['watch'])
  const opens = counter('watch_opens', 'Watches that were opened.', ['watch'])
  const lag = histogram('watch_lag_seconds', 'How long watches were behind a revision of etcd.', ['watch'])
  const watchers = gauge('watchers', 'Clients that follow changes now.')
  const ended = counter('watchers_ended', 'Clients that follow changes no more.', ['ending'])
  return {
    changesChecked: () => {
      // The health of the store says the same at any time.
    },
    familyLoaded: ({ family, keys, durationMs }) => {
      loadedKeys.set({ family }, keys)
      loadSeconds.set({ family }, durationMs / 1_000)
    },
    familyReread: ({ family }) => {
      rereads.inc({ family })
    },
    stateWasReset: () => {
      resets.inc()
    },
    valueUnreadable: () => {
      unreadable.inc()
    },
    watchBroke: ({ watch }) => {
      breaks.inc({ watch })
    },
    watchOpened: ({ watch }) => {
      opens.inc({ watch })
    },
    watchCaughtUp: ({ watch, lagMs }) => {
      lag.observe({ watch }, lagMs / 1_000)
    },
    followerStarted: () => {
      watchers.inc()
    },
    followerEnded: ({ ending }) => {
      watchers.dec()
      ended.inc({ ending })
    },
  }
}

function probeOfUpkeep(counter: MakeCounter, gauge: MakeGauge): Pick<Probe, UpkeepEvents> {
  const leader = gauge('leader', 'True (1) if this server leads the task.', ['task'])
  const collected = counter('upkeep_blocks', 'Blocks that upkeep has changed.', ['action'])
  const annexesRemoved = counter('upkeep_annexes_removed', 'Overlay metadata removed because its object is gone.')
  const chargesReturned = counter('upkeep_charges_returned', 'Charges given back to quotas.')
  const rounds = counter('upkeep_rounds', 'Rounds of upkeep, by outcome.', ['outcome'])
  const seconds = gauge('upkeep_round_seconds', 'Time that the last round of upkeep took.')
  const endedAt = gauge('upkeep_last_success_timestamp_seconds', 'When the last round of upkeep ended.')
  return {
    leadershipChanged: ({ task, isLeading }) => {
      leader.set({ task }, isLeading ? 1 : 0)
    },
    blocksCollected: ({ cooled, released }) => {
      collected.inc({ action: 'freed' }, cooled)
      collected.inc({ action: 'released' }, released)
    },
    upkeepEnded: ({ isDone, annexes, charges, durationMs }) => {
      rounds.inc({ outcome: isDone ? 'done' : 'failed' })
      annexesRemoved.inc(annexes)
      chargesReturned.inc(charges)
      seconds.set(durationMs / 1_000)
      if (isDone) endedAt.setToCurrentTime()
    },
  }
}
