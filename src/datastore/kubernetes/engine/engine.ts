import { setTimeout as sleep } from 'node:timers/promises'
import type { Family, Key, Plan, View } from '../../../plan/index.ts'
import { DatastoreUnavailable, expired, outcomeUnknown, queueFull, stopping, tooLarge } from '../../faults.ts'
import type { Image } from '../../image/index.ts'
import {
  BusyKeys,
  lock,
  type Locked,
  OpenOperations,
  Operation,
  Queue,
  Rounds,
  settlingPatienceMs,
  unlock,
} from '../../planning/index.ts'
import type { Probe, RetryReason } from '../../probe.ts'
import type { Outcome, QueueFigures, StoreLimits, SubmitOptions } from '../../store.ts'
import { describeRefusal } from '../api/index.ts'
import { ObjectBatch } from './batch.ts'
import { ObjectCommit, type StageOutcome } from './commit.ts'
import type { StoredKind, StoredKinds } from './kinds.ts'
import { refreshKind, validate, type Validation } from './validation.ts'

/** The parts of an engine. */
export interface EngineParts {
  readonly kinds: StoredKinds
  readonly image: Image
  readonly limits: StoreLimits
  readonly probe: Probe
}

/** Failures in a row, after which operations hear that the API server does not answer. */
const unsentMax = 5

/**
 * Group commit on single objects (docs/decisions/0021). Waiting operations are planned one after the other over the image; those that
 * write the same block share one write of it. Operations that arrive while a key is being written wait for that write, and form the next
 * batch.
 */
export class Engine {
  readonly #kinds: StoredKinds
  readonly #image: Image
  readonly #limits: StoreLimits
  readonly #probe: Probe
  readonly #busy = new BusyKeys()
  readonly #queue = new Queue()
  readonly #open = new OpenOperations()
  readonly #refreshes = new Map<StoredKind, Rounds<void>>()
  #sequence = 0
  #inFlight = 0
  #unsentInRow = 0
  #isScheduled = false
  #isClosing = false
  #isClosed = false

  constructor({ kinds, image, limits, probe }: EngineParts) {
    this.#kinds = kinds
    this.#image = image
    this.#limits = limits
    this.#probe = probe
  }

  /** Carries out a plan, see {@link Store.submit}. */
  submit<Answer>(plan: (view: View) => Plan<Answer>, options: SubmitOptions = {}): Promise<Outcome<Answer>> {
    if (this.#isClosing) return Promise.reject(stopping())
    if (this.pending >= this.#limits.queueLengthMax) return Promise.reject(queueFull(this.pending))
    const submittedMs = performance.now()
    const operation = new Operation({
      sequence: this.#sequence++,
      plan,
      isDryRun: options.dryRun ?? false,
      submittedMs,
      deadline: submittedMs + (options.deadlineMs ?? this.#limits.deadlineMs),
      ended: (isSettled, plannedMs) => {
        const endedMs = performance.now()
        const waitedMs = (plannedMs ?? endedMs) - submittedMs
        this.#probe.operationEnded({ operation, isSettled, waitedMs, durationMs: endedMs - submittedMs })
      },
    })
    this.#open.add(operation)
    this.#queue.add(operation)
    this.#probe.operationSubmitted({ operation })
    this.#schedule()
    return operation.outcome
  }

  /** The number of operations submitted and not yet settled. */
  get pending(): number {
    return this.#open.size
  }

  /** See {@link OpenOperations.waitedMs}. */
  get waitedMs(): number {
    return this.#open.waitedMs
  }

  /** The number of operations that wait to be planned, and of batches on their way. */
  get load(): QueueFigures {
    return { waiting: this.#queue.length, inFlight: this.#inFlight }
  }

  /** Fails the operations that have waited long enough, see {@link OpenOperations.expire}. To be called regularly. */
  expire(): void {
    if (this.#open.expire(performance.now())) this.#queue.dropSettled()
  }

  /** Lets operations wait no longer than `patienceMs` from now, whatever their deadlines. */
  hurry(patienceMs: number): void {
    this.#open.giveUpBy(performance.now() + patienceMs)
  }

  /** Takes no more operations, waits until the open ones are settled, for at most `patienceMs`, and gives up the rest. */
  async close(patienceMs: number): Promise<void> {
    this.#isClosing = true
    this.hurry(patienceMs)
    await Promise.race([this.#open.untilDrained(), sleep(patienceMs, undefined, { ref: false })])
    this.#isClosed = true
    this.#open.expire(Infinity)
    this.#queue.dropSettled()
  }

  /** Lets operations that arrive in one turn of the event loop share a batch. */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    while (this.#queue.length > 0 && this.#inFlight < this.#limits.batchesInFlight) {
      const { batch, operations } = this.#form()
      if (operations.length === 0) return
      this.#inFlight++
      void this.#commit(batch, operations)
    }
  }

  /** Plans waiting operations, until one may not share the batch. */
  #form(): { batch: ObjectBatch; operations: Operation[] } {
    const startedMs = performance.now()
    const batch = new ObjectBatch(this.#image, this.#busy)
    const operations: Operation[] = []
    this.#queue.takeWhile((operation) => {
      const isFull = operations.length >= this.#limits.batchOperationsMax
      const isApart = operations.length > 0 && (operation.isAlone || operations[0]?.isAlone === true)
      return !isFull && !isApart && this.#addTo(batch, operation, operations)
    })
    const durationMs = performance.now() - startedMs
    this.#probe.batchPlanned({ operations, waiting: this.#queue.length, durationMs })
    return { batch, operations }
  }

  /** Plans one operation, and puts it into the batch or lets it wait. False when it may not share the batch. */
  #addTo(batch: ObjectBatch, operation: Operation, operations: Operation[]): boolean {
    const startedMs = performance.now()
    if (operation.deadline <= startedMs) {
      operation.fail(expired())
      return true
    }
    let planned
    try {
      planned = batch.add(operation)
    } catch (bug) {
      operation.fail(asError(bug))
      return true
    }
    this.#probe.operationPlanned({ operation, outcome: planned.kind, startedMs })
    switch (planned.kind) {
      case 'added':
        operations.push(operation)
        return true
      case 'full':
        return false
      case 'too-large':
        operation.fail(tooLarge(`${planned.operations} keys or more in one call`))
        return true
      case 'busy':
        this.#queue.park(planned.key, operation)
        return true
      case 'cold':
        void this.#fetch(planned.keys, operation)
        return true
      case 'unproved':
        void this.#refresh(planned.families, [operation])
        return true
    }
  }

  async #fetch(keys: readonly Key<unknown>[], operation: Operation): Promise<void> {
    try {
      await Promise.all(keys.map((key) => this.#kinds.fetch(key)))
      this.#unsentInRow = 0
      this.#putBack([operation])
    } catch (fault) {
      await this.#retryUnsent([operation], asError(fault))
    }
    this.#schedule()
  }

  /** Brings families up to the present before `operations` are planned again. */
  async #refresh(families: readonly Family<unknown>[], operations: readonly Operation[]): Promise<void> {
    try {
      const kinds = new Set(families.map((family) => this.#kinds.of(family)))
      await Promise.all([...kinds].map((kind) => this.#roundsOf(kind).join()))
      for (const operation of operations) for (const family of families) operation.markFresh(family)
      this.#putBack(operations)
    } catch (fault) {
      await this.#retryUnsent(operations, asError(fault))
    }
    this.#schedule()
  }

  #roundsOf(kind: StoredKind): Rounds<void> {
    const rounds = this.#refreshes.get(kind) ?? new Rounds(() => refreshKind(kind))
    this.#refreshes.set(kind, rounds)
    return rounds
  }

  async #commit(batch: ObjectBatch, operations: readonly Operation[]): Promise<void> {
    let locked: readonly Locked[] = []
    try {
      locked = lock(batch, this.#image, this.#busy)
      const deadline = Math.max(...operations.map((operation) => operation.deadline))
      const patience = { deadline, settlingMs: settlingPatienceMs }
      await this.#carryOut(batch, operations, new ObjectCommit(this.#kinds, this.#image, batch, patience))
    } catch (bug) {
      for (const operation of operations) operation.fail(asError(bug))
    }
    unlock(locked, this.#busy)
    this.#inFlight--
    this.#queue.wake(locked.map(({ key }) => key))
    this.#pump()
  }

  async #carryOut(batch: ObjectBatch, operations: readonly Operation[], commit: ObjectCommit): Promise<void> {
    const startedMs = performance.now()
    const learned = new Map(Array.from(this.#kinds.all(), (kind) => [kind, kind.feed.learned]))
    const writesAny = batch.writes.size > 0
    if (writesAny) {
      for (const operation of operations) operation.isCommitting = true
      for (const stage of [() => commit.lead(), () => commit.commit(), () => commit.conclude()]) {
        const outcome = await stage()
        if (outcome.kind !== 'done') {
          await this.#giveUp(operations, commit, outcome)
          return
        }
      }
    }
    const validation = await this.#validate(batch, learned)
    if (validation instanceof Error) {
      await this.#giveUp(operations, commit, { kind: 'unsent', error: validation })
      return
    }
    if (validation.outdated.length > 0 || validation.families.length > 0) {
      await this.#planAgain(operations, commit, validation)
      return
    }
    this.#unsentInRow = 0
    const durationMs = performance.now() - startedMs
    this.#probe.batchCommitted({ operations, writes: batch.writes.size, durationMs })
    // Whoever hears that an address was released finds its handle gone.
    await commit.follow()
    this.#settle(batch, operations, writesAny ? commit : validation)
  }

  async #validate(batch: ObjectBatch, learned: ReadonlyMap<StoredKind, number>): Promise<Validation | Error> {
    try {
      return await validate(this.#kinds, this.#image, batch, learned)
    } catch (fault) {
      return asError(fault)
    }
  }

  #settle(
    batch: ObjectBatch,
    operations: readonly Operation[],
    { revision, uids }: Pick<Outcome<unknown>, 'revision' | 'uids'>,
  ): void {
    for (const key of batch.writes.keys()) this.#busy.noteWin(key)
    for (const operation of operations) {
      operation.isCommitting = false
      operation.settle(revision, uids)
    }
  }

  /** Something that was only read has changed: the plans stood on what was true no more. */
  async #planAgain(
    operations: readonly Operation[],
    commit: ObjectCommit,
    { outdated, families }: Validation,
  ): Promise<void> {
    if (!(await this.#takeBack(operations, commit))) return
    this.#probe.raceLost({ operations, keys: outdated })
    if (families.length > 0) void this.#refresh(families, operations)
    else this.#putBack(operations)
  }

  async #giveUp(
    operations: readonly Operation[],
    commit: ObjectCommit,
    outcome: Exclude<StageOutcome, { kind: 'done' }>,
  ): Promise<void> {
    if (outcome.kind === 'unknown') {
      // What may be stored must not be contradicted: leads stay, and are mended as those of a server that stopped.
      for (const operation of operations) operation.fail(outcomeUnknown())
      return
    }
    if (!(await this.#takeBack(operations, commit))) return
    switch (outcome.kind) {
      case 'conflict':
        for (const key of outcome.keys) this.#busy.noteLoss(key)
        this.#probe.raceLost({ operations, keys: outcome.keys })
        this.#putBack(operations)
        break
      case 'refused': {
        const error = new Error(describeRefusal(outcome.refusal))
        this.#probe.transactionRefused({ operations, error })
        const [single] = operations
        if (operations.length > 1) {
          for (const operation of operations) operation.isAlone = true
          this.#tryAgain(operations, 'split')
        } else single?.fail(refusedByServer(error))
        break
      }
      case 'unsent':
        await this.#retryUnsent(operations, outcome.error)
    }
  }

  /** False if something of the batch may stay; then its operations have failed. */
  async #takeBack(operations: readonly Operation[], commit: ObjectCommit): Promise<boolean> {
    const isUndone = await commit.takeBack()
    for (const operation of operations) {
      if (isUndone) operation.isCommitting = false
      else operation.fail(outcomeUnknown())
    }
    return isUndone
  }

  async #retryUnsent(operations: readonly Operation[], error: Error): Promise<void> {
    this.#unsentInRow++
    if (this.#unsentInRow > unsentMax) {
      for (const operation of operations) operation.fail(unreachable(error))
      return
    }
    await sleep(50)
    this.#tryAgain(operations, 'unsent')
  }

  #tryAgain(operations: readonly Operation[], reason: RetryReason): void {
    this.#probe.retried({ operations, reason })
    this.#putBack(operations)
    this.#schedule()
  }

  /** Puts operations back into the queue, to be planned again. */
  #putBack(operations: readonly Operation[]): void {
    this.#queue.putBack(operations.filter((operation) => this.#mayTryAgain(operation)))
  }

  /** False when the operation is settled. Fails it when its deadline has passed, or the engine is closed. */
  #mayTryAgain(operation: Operation): boolean {
    if (operation.isSettled) return false
    if (this.#isClosed) operation.fail(stopping())
    else if (operation.deadline <= performance.now()) operation.fail(expired())
    return !operation.isSettled
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

function refusedByServer(cause: Error): DatastoreUnavailable {
  return new DatastoreUnavailable('ServiceUnavailable', `Nothing was changed: ${cause.message}`, { cause })
}

function unreachable(cause: Error): DatastoreUnavailable {
  return new DatastoreUnavailable(
    'ServiceUnavailable',
    `The API server does not answer; nothing was changed: ${cause.message}`,
    { cause },
  )
}
