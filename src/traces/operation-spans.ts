import { SpanStatusCode } from '@opentelemetry/api'
import { type PlanOutcome, type Probe, type ProbedOperation, silentProbe } from '../datastore/index.ts'
import type { RequestSpan } from './request-span.ts'
import type { WallClock } from './wall-clock.ts'

/** An operation of a request that is recorded, on its way. Times are on the clock of `performance.now`. */
interface Course {
  readonly request: RequestSpan
  /** The beginning of what it does now. */
  sinceMs: number
  /** `done`: all that is left is the answer. */
  state: 'waiting' | 'committing' | 'done'
  /** The event that it waits for. */
  awaited: string
}

/** The event that an operation waits for after its plan was run. */
const awaitedAfter: Readonly<Record<PlanOutcome, string>> = {
  added: 'transaction',
  full: 'next_transaction',
  busy: 'commit',
  cold: 'read',
  unproved: 'refresh',
  'too-large': 'end',
}

/** The outcomes of a commit after which the call fails. */
const failures: ReadonlySet<string> = new Set(['refused', 'unknown', 'unanswered'])

/**
 * Makes the spans of operations from what a store tells its probe: `queue` while an operation waits, `plan` when its plan is run, `commit`
 * from then until the transaction is answered. The transaction itself has one span, in the trace of the first operation that it carries,
 * with links to the commits of all; each of these has a link to it.
 */
export class OperationSpans {
  readonly probe: Probe
  readonly #clock: WallClock
  readonly #courses = new Map<ProbedOperation, Course>()
  /** The request whose operations are being submitted. */
  #submitting: RequestSpan | undefined

  constructor(clock: WallClock) {
    this.#clock = clock
    this.probe = {
      ...silentProbe,
      operationSubmitted: ({ operation }) => this.#submitted(operation),
      operationPlanned: ({ operation, outcome, startedMs }) => this.#planned(operation, outcome, startedMs),
      batchPlanned: ({ operations }) => this.#sent(operations),
      batchCommitted: ({ operations, writes }) =>
        this.#answered(operations, writes === 0 ? 'read' : 'committed', { isDone: true, writes }),
      raceLost: ({ operations }) => this.#answered(operations, 'race_lost', { isDone: false }),
      retried: ({ operations, reason }) => this.#answered(operations, reason, { isDone: false }),
      answerSettled: ({ operations, outcome }) =>
        this.#answered(operations, outcome, { isDone: outcome !== 'fenced', isAnswerLost: true }),
      transactionRefused: ({ operations }) => this.#answered(operations, 'refused', { isDone: true }),
      operationEnded: ({ operation }) => this.#ended(operation),
    }
  }

  /** Calls `submit`; what it submits before it returns belongs to `request`. */
  submit<Submitted>(request: RequestSpan | undefined, submit: () => Submitted): Submitted {
    if (request?.isRecorded !== true) return submit()
    this.#submitting = request
    try {
      return submit()
    } finally {
      this.#submitting = undefined
    }
  }

  #submitted(operation: ProbedOperation): void {
    const request = this.#submitting
    if (request === undefined) return
    this.#courses.set(operation, { request, sinceMs: performance.now(), state: 'waiting', awaited: 'turn' })
  }

  #planned(operation: ProbedOperation, outcome: PlanOutcome, startedMs: number): void {
    const course = this.#courses.get(operation)
    if (course === undefined) return
    const now = performance.now()
    this.#waited(course, startedMs)
    course.request.addPart('plan', startedMs, now, { 'ippoold.outcome': outcome })
    course.sinceMs = now
    course.awaited = awaitedAfter[outcome]
  }

  #waited({ request, sinceMs, awaited }: Course, untilMs: number): void {
    request.addPart('queue', sinceMs, untilMs, { 'ippoold.awaited': awaited })
  }

  #sent(operations: readonly ProbedOperation[]): void {
    const now = performance.now()
    for (const operation of operations) {
      const course = this.#courses.get(operation)
      if (course === undefined) continue
      course.state = 'committing'
      course.sinceMs = now
    }
  }

  #answered(
    operations: readonly ProbedOperation[],
    outcome: string,
    { isDone, writes, isAnswerLost = false }: { isDone: boolean; writes?: number; isAnswerLost?: boolean },
  ): void {
    const courses = operations.flatMap((operation) => this.#courses.get(operation) ?? [])
    const [first, ...others] = courses.filter(({ state }) => state === 'committing')
    if (first === undefined) return
    const now = performance.now()
    const endTime = this.#clock.at(now)
    const attributes = {
      'ippoold.outcome': outcome,
      'ippoold.operations': operations.length,
      ...(writes !== undefined && { 'ippoold.writes': writes }),
      ...(isAnswerLost && { 'ippoold.answer_lost': true }),
    }
    const commit = first.request.beginPart('commit', first.sinceMs, { attributes })
    const commits = [
      commit,
      ...others.map(({ request, sinceMs }) => request.beginPart('commit', sinceMs, { attributes })),
    ]
    const links = commits.map((span) => ({ context: span.spanContext() }))
    const transaction = first.request.beginPart('transaction', first.sinceMs, { attributes, links, within: commit })
    for (const span of commits) span.addLink({ context: transaction.spanContext() })
    for (const span of [transaction, ...commits]) {
      if (failures.has(outcome)) span.setStatus({ code: SpanStatusCode.ERROR })
      span.end(endTime)
    }
    for (const course of [first, ...others]) {
      course.state = isDone ? 'done' : 'waiting'
      course.awaited = 'retry'
      course.sinceMs = now
    }
  }

  /** An operation may also end at its deadline, wherever it is. */
  #ended(operation: ProbedOperation): void {
    const course = this.#courses.get(operation)
    if (course === undefined) return
    this.#courses.delete(operation)
    const now = performance.now()
    if (course.state === 'waiting') this.#waited(course, now)
    if (course.state === 'committing') {
      const span = course.request.beginPart('commit', course.sinceMs, {
        attributes: { 'ippoold.outcome': 'unanswered' },
      })
      span.setStatus({ code: SpanStatusCode.ERROR }).end(this.#clock.at(now))
    }
  }
}
