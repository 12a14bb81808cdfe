import { setTimeout as sleep } from 'node:timers/promises'
import { EtcdLeaseInvalidError, type IRequestOp, type IResponseOp, type ITxnResponse } from 'etcd3'
import type { Key, Plan, Revision, View } from '../../../plan/index.ts'
import { expired, outcomeUnknown, queueFull, stopping, tooLarge } from '../../faults.ts'
import type { Image } from '../../image/index.ts'
import { BusyKeys, lock, type Locked, OpenOperations, Operation, Queue, unlock } from '../../planning/index.ts'
import type { Probe, RetryReason } from '../../probe.ts'
import type { Outcome, QueueFigures, StoreLimits, SubmitOptions } from '../../store.ts'
import type { ChangeCheck } from '../change-check.ts'
import { isAboutContent, isTooLarge, type EtcdClient, type TransactionOutcome } from '../client.ts'
import { asError, refusedByEtcd, unreachable } from '../faults.ts'
import type { Lease } from '../lease.ts'
import { transactionBytesMax } from '../limits.ts'
import { storedValue } from '../snapshot.ts'
import { Batch, sizeOf } from './batch.ts'
import type { Refresher } from './refresher.ts'
import { settle, type Slot } from './slots.ts'

/** The leases that the engine attaches keys to. */
export interface EngineLeases {
  /** Removes the slots of a server that died. */
  readonly slots: Lease
  /** Removes expiring keys. */
  readonly expiring: Lease
}

/** The parts of an engine. */
export interface EngineParts {
  readonly client: EtcdClient
  readonly image: Image
  readonly leases: EngineLeases
  /** One for each transaction in flight. */
  readonly slots: readonly Slot[]
  /** Brings memory up to the present. */
  readonly refresher: Refresher
  readonly limits: StoreLimits
  /** Hears when changes fail. */
  readonly changes: Pick<ChangeCheck, 'doubt'>
  readonly probe: Probe
}

/**
 * Group commit over validated reads (docs/decisions/0001). Waiting operations are planned one after the other over the image, and
 * committed as one etcd transaction that compares everything they read. Operations that arrive while a key is being written wait for that
 * commit, and form the next batch: batches grow with the load, and a single caller does not wait. An operation is settled exactly
 * once. If the answer to its commit is lost, its caller waits until etcd tells the outcome, and hears that it is unknown only some
 * seconds after the deadline.
 */
export class Engine {
  readonly #client: EtcdClient
  readonly #image: Image
  readonly #limits: StoreLimits
  readonly #leases: EngineLeases
  readonly #changes: Pick<ChangeCheck, 'doubt'>
  readonly #probe: Probe
  readonly #refresher: Refresher
  readonly #busy = new BusyKeys()
  readonly #freeSlots: Slot[]
  readonly #slotCount: number
  readonly #queue = new Queue()
  readonly #open = new OpenOperations()
  #sequence = 0
  #isScheduled = false
  #isClosing = false
  #isClosed = false
  /** Operations in commits that etcd has yet to answer. */
  #committing = 0
  /** Calls to etcd that failed unsent, one after the other. */
  #unsentInRow = 0

  constructor({ client, image, leases, slots, refresher, limits, changes, probe }: EngineParts) {
    this.#client = client
    this.#image = image
    this.#leases = leases
    this.#freeSlots = [...slots]
    this.#slotCount = slots.length
    this.#limits = limits
    this.#changes = changes
    this.#probe = probe
    this.#refresher = refresher
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

  /** The number of operations that wait to be planned, and of transactions in flight. */
  get load(): QueueFigures {
    return { waiting: this.#queue.length, inFlight: this.#slotCount - this.#freeSlots.length }
  }

  /** Fails the operations that have waited long enough, see {@link OpenOperations.expire}. To be called regularly. */
  expire(): void {
    if (this.#open.expire(performance.now())) this.#queue.dropSettled()
  }

  /** Lets operations wait no longer than `patienceMs` from now, whatever their deadlines. */
  hurry(patienceMs: number): void {
    this.#open.giveUpBy(performance.now() + patienceMs)
  }

  /**
   * Takes no more operations, waits until the open ones are settled, for at most `patienceMs`, and gives up the rest. Nobody will learn
   * the outcome of commits that are still unanswered then.
   */
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

  /**
   * Commits waiting operations. While commits are in flight, another one is sent only when at least as many operations wait as those
   * commits have: so few callers never wait for each other, and many share few large transactions.
   */
  #pump(): void {
    while (this.#queue.length > 0 && this.#queue.length >= this.#committing) {
      const slot = this.#freeSlots.pop()
      if (slot === undefined) return
      const { batch, operations } = this.#form()
      if (operations.length === 0) {
        this.#freeSlots.push(slot)
        return
      }
      void this.#commit(batch, operations, slot)
    }
  }

  /** Plans waiting operations until the transaction is full. */
  #form(): { batch: Batch; operations: Operation[] } {
    const startedMs = performance.now()
    const batch = new Batch(this.#image, this.#busy)
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

  /** Plans one operation, and puts it into the batch or lets it wait. False when the batch is full. */
  #addTo(batch: Batch, operation: Operation, operations: Operation[]): boolean {
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
        operation.fail(tooLarge(`${planned.operations} keys or more in one transaction`))
        return true
      case 'busy':
        this.#queue.park(planned.key, operation)
        return true
      case 'cold':
        void this.#fetch(planned.keys, operation)
        return true
      case 'unproved':
        void this.#refresh(planned.families, operation)
        return true
    }
  }

  async #fetch(keys: readonly Key<unknown>[], operation: Operation): Promise<void> {
    const outcome = await this.#client.transact({
      success: keys.map((key) => ({ request_range: { key: Buffer.from(key.text) } })),
    })
    try {
      await this.#takeFetched(keys, operation, outcome)
    } catch (bug) {
      operation.fail(asError(bug))
    }
    this.#schedule()
  }

  async #takeFetched(keys: readonly Key<unknown>[], operation: Operation, outcome: TransactionOutcome): Promise<void> {
    switch (outcome.kind) {
      case 'answered':
        this.#unsentInRow = 0
        this.#takeReads(keys, outcome.response.responses, outcome.response)
        this.#putBack([operation])
        break
      case 'refused':
        operation.fail(refusedByEtcd(outcome.error))
        break
      case 'unsent':
      case 'lost':
        await this.#retryUnsent([operation], outcome.error)
        break
    }
  }

  async #refresh(families: Iterable<Key<unknown>['family']>, operation: Operation): Promise<void> {
    const held = [...families].map((family) => this.#image.of(family))
    try {
      if (await this.#refresher.refresh(held)) operation.markAllFresh()
      else for (const { family } of held) operation.markFresh(family)
    } catch (fault) {
      operation.fail(asError(fault))
      return
    }
    this.#putBack([operation])
    this.#schedule()
  }

  async #commit(batch: Batch, operations: readonly Operation[], slot: Slot): Promise<void> {
    let locked: readonly Locked[] = []
    try {
      locked = lock(batch, this.#image, this.#busy)
      await this.#carryOut(batch, operations, slot)
    } catch (bug) {
      this.#separate(operations, asError(bug))
    }
    this.#release(locked, slot)
  }

  async #carryOut(batch: Batch, operations: readonly Operation[], slot: Slot): Promise<void> {
    const isReadOnly = batch.writes.size === 0
    if (!isReadOnly && !(this.#leases.slots.isGranted && this.#leases.expiring.isGranted)) {
      await this.#renewLeases(operations)
      return
    }
    const changes = isReadOnly ? [] : batch.changes(this.#leases.expiring.current())
    if (operations.length > 1 && sizeOf(changes) > transactionBytesMax) {
      this.#halve(operations)
      return
    }
    for (const operation of operations) operation.isCommitting = !isReadOnly
    this.#committing += operations.length
    const startedMs = performance.now()
    const outcome = await this.#send(batch, changes, slot).finally(() => {
      this.#committing -= operations.length
    })
    if (outcome.kind === 'lost' && !isReadOnly) {
      await this.#settleLostAnswer(batch, operations, slot, outcome.error)
      return
    }
    for (const operation of operations) operation.isCommitting = false
    switch (outcome.kind) {
      case 'answered':
        this.#unsentInRow = 0
        if (outcome.response.succeeded) {
          const durationMs = performance.now() - startedMs
          this.#probe.batchCommitted({ operations, writes: batch.writes.size, durationMs })
          this.#acceptCommit(batch, operations, BigInt(outcome.response.header.revision), slot)
        } else this.#replanAfterRace(batch, operations, outcome.response, slot)
        break
      case 'refused':
        await this.#handleRefusal(operations, outcome.error)
        break
      case 'unsent':
      case 'lost':
        await this.#retryUnsent(operations, outcome.error)
        break
    }
  }

  async #send(batch: Batch, changes: readonly IRequestOp[], slot: Slot): Promise<TransactionOutcome> {
    const compare = batch.compares()
    // Reading the slot also makes the transaction linearizable: without reads and writes, a member that is behind may answer it.
    const failure = [...batch.rereads(), slot.read()]
    if (changes.length === 0) return this.#client.transact({ compare, failure })
    const lease = this.#leases.slots.current()
    if (slot.revision === 0n) {
      const opening = await slot.open(this.#client, lease)
      // Nothing of the commit itself has been sent.
      if (opening.kind !== 'answered') return opening.kind === 'lost' ? { ...opening, kind: 'unsent' } : opening
    }
    const success = [...changes, slot.write(lease)]
    return this.#client.transact({ compare: [...compare, slot.compare()], success, failure })
  }

  /** All compares held: the writes are in etcd, at `revision`. */
  #acceptCommit(batch: Batch, operations: readonly Operation[], revision: Revision, slot: Slot): void {
    if (batch.writes.size > 0) slot.revision = revision
    for (const operation of operations) operation.settle(revision)
    for (const write of batch.writes.values()) {
      const held = this.#image.of(write.key.family)
      this.#busy.noteWin(write.key.text)
      if (write.kind === 'put') {
        held.storeCommitted(write.key.text, write.value, revision, batch.encodedBytes(write.key))
      } else held.storeAbsent(write.key.text, revision)
    }
    for (const { family, guard, prefix } of batch.guards) this.#image.of(family).prove(guard, prefix, revision)
  }

  /** A compare failed: plan again on the values that came with the answer. */
  #replanAfterRace(batch: Batch, operations: readonly Operation[], response: ITxnResponse, slot: Slot): void {
    const reads = [...batch.reads]
    const outdated = this.#takeReads(
      reads.map(({ key }) => key),
      response.responses,
      response,
      reads.map(({ revision }) => revision),
    )
    for (const key of outdated) if (batch.writes.has(key)) this.#busy.noteLoss(key)
    this.#probe.raceLost({ operations, keys: outdated })
    slot.take(response.responses[reads.length])
    if (outdated.length > 0 || [...batch.guards].length === 0) {
      this.#putBack(operations)
      return
    }
    // No key that was read has changed, so a listing has: read it afresh before planning again.
    const families = new Set([...batch.guards].map(({ family }) => family))
    for (const operation of operations) {
      if (this.#mayTryAgain(operation)) void this.#refresh(families, operation)
    }
  }

  /** Puts values read into the image. Returns the keys whose revision is not the expected one. */
  #takeReads(
    keys: readonly Key<unknown>[],
    responses: readonly IResponseOp[],
    response: ITxnResponse,
    expected?: readonly Revision[],
  ): readonly string[] {
    const readAt = BigInt(response.header.revision)
    const outdated: string[] = []
    for (const [index, key] of keys.entries()) {
      const pair = responses[index]?.response_range.kvs[0]
      const held = this.#image.of(key.family)
      if (pair === undefined) held.storeAbsent(key.text, readAt)
      else held.store(key.text, storedValue(pair, readAt))
      if ((pair === undefined ? 0n : BigInt(pair.mod_revision)) !== expected?.[index]) outdated.push(key.text)
    }
    return outdated
  }

  /** The encoded writes are too long for one request. A single operation is sent all the same: etcd decides. */
  #halve(operations: readonly Operation[]): void {
    for (const operation of operations.slice(Math.ceil(operations.length / 2))) operation.isAlone = true
    this.#tryAgain(operations, 'split')
  }

  /** One of the operations caused `fault`. In transactions of their own, the others go through. */
  #separate(operations: readonly Operation[], fault: Error): void {
    for (const operation of operations) {
      if (operations.length === 1) operation.fail(fault)
      else operation.isAlone = true
    }
    this.#tryAgain(operations, 'split')
  }

  async #handleRefusal(operations: readonly Operation[], error: Error): Promise<void> {
    if (error instanceof EtcdLeaseInvalidError) {
      await this.#renewLeases(operations)
      return
    }
    this.#changes.doubt()
    if (isAboutContent(error)) {
      this.#separate(
        operations,
        isTooLarge(error) ? tooLarge('more than one transaction takes', error) : refusedByEtcd(error),
      )
      return
    }
    this.#probe.transactionRefused({ operations, error })
    for (const operation of operations) operation.fail(refusedByEtcd(error))
  }

  /** Asks for leases before `operations` are tried again. */
  async #renewLeases(operations: readonly Operation[]): Promise<void> {
    try {
      await Promise.all([this.#leases.slots.renew(), this.#leases.expiring.renew()])
      this.#tryAgain(operations, 'refused')
    } catch (fault) {
      this.#changes.doubt()
      for (const operation of operations) operation.fail(asError(fault))
    }
  }

  async #retryUnsent(operations: readonly Operation[], error: Error): Promise<void> {
    this.#unsentInRow++
    if (this.#unsentInRow > this.#slotCount * 2) {
      for (const operation of operations) operation.fail(unreachable(error))
      return
    }
    await sleep(50)
    this.#tryAgain(operations, 'unsent')
  }

  async #settleLostAnswer(batch: Batch, operations: readonly Operation[], slot: Slot, error: Error): Promise<void> {
    const startedMs = performance.now()
    this.#changes.doubt()
    this.#probe.answerLost({ operations, transaction: slot.key, error })
    // Other operations do not wait for the outcome.
    this.#schedule()
    const settlement = await settle({
      client: this.#client,
      slot,
      lease: this.#leases.slots,
      isClosed: () => this.#isClosed,
      pause: () => sleep(100),
    })
    const durationMs = performance.now() - startedMs
    this.#probe.answerSettled({ operations, outcome: settlement.kind, durationMs })
    for (const operation of operations) operation.isCommitting = false
    switch (settlement.kind) {
      case 'applied':
        this.#acceptCommit(batch, operations, settlement.revision, slot)
        return
      case 'fenced':
        this.#tryAgain(operations, 'fenced')
        return
      case 'unknown':
        for (const operation of operations) operation.fail(outcomeUnknown())
    }
  }

  #tryAgain(operations: readonly Operation[], reason: RetryReason): void {
    this.#probe.retried({ operations, reason })
    this.#putBack(operations)
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

  #release(locked: readonly Locked[], slot: Slot): void {
    unlock(locked, this.#busy)
    this.#queue.wake(locked.map(({ key }) => key))
    this.#freeSlots.push(slot)
    this.#pump()
  }
}
