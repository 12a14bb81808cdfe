import { setTimeout as sleep } from 'node:timers/promises'
import { EtcdLeaseInvalidError, type IRequestOp, type IResponseOp, type ITxnResponse } from 'etcd3'
import type { Key, Plan, Revision, View } from '../../../plan/index.ts'
import { expired, queueFull, stopping, tooLarge } from '../../faults.ts'
import type { Outcome, StoreLimits, StoreLogger, SubmitOptions } from '../../store.ts'
import { isAboutContent, isTooLarge, type EtcdClient, type TransactionOutcome } from '../client.ts'
import { asError, outcomeUnknown, refusedByEtcd, unreachable } from '../faults.ts'
import { type Image, storedValue } from '../image/index.ts'
import type { Lease } from '../lease.ts'
import { transactionBytesMax } from '../limits.ts'
import { Batch, sizeOf } from './batch.ts'
import { BusyKeys } from './busy-keys.ts'
import { lock, unlock, type Locked } from './locks.ts'
import { OpenOperations } from './open-operations.ts'
import { Operation } from './operation.ts'
import { Queue } from './queue.ts'
import { Refresher } from './refresher.ts'
import { settle, type Slot } from './slots.ts'

/** What the engine attaches keys to. */
export interface EngineLeases {
  /** Cleans up the slots of a server that died. */
  readonly slots: Lease
  /** Ends what is to expire. */
  readonly expiring: Lease
}

/** What the engine is made of. */
export interface EngineParts {
  readonly client: EtcdClient
  readonly image: Image
  readonly leases: EngineLeases
  /** One for each transaction in flight. */
  readonly slots: readonly Slot[]
  readonly limits: StoreLimits
  readonly logger: StoreLogger
}

/**
 * Group commit over validated reads (docs/decisions/0001). Operations that are waiting are planned one after the other over the
 * image, and committed as one etcd transaction that compares everything they read. What arrives while a key is being
 * written waits for that commit and forms the next batch, so that batches grow with the load and a single caller waits for
 * nobody. An operation is settled exactly once; while the fate of its commit is unknown only by saying just that, and only when its
 * caller has waited long enough.
 */
export class Engine {
  readonly #client: EtcdClient
  readonly #image: Image
  readonly #limits: StoreLimits
  readonly #leases: EngineLeases
  readonly #logger: StoreLogger
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
  /** Operations in the commits that etcd has yet to answer. */
  #committing = 0
  #unsentInRow = 0

  constructor({ client, image, leases, slots, limits, logger }: EngineParts) {
    this.#client = client
    this.#image = image
    this.#leases = leases
    this.#freeSlots = [...slots]
    this.#slotCount = slots.length
    this.#limits = limits
    this.#logger = logger
    this.#refresher = new Refresher(client)
  }

  /**
   * Carries out an operation and gives its answer once that is true in etcd. Throws {@link DatastoreUnavailable} when it
   * was not carried out, or when that is not known some seconds after its deadline; and whatever the plan throws.
   */
  submit<Answer>(plan: (view: View) => Plan<Answer>, options: SubmitOptions = {}): Promise<Outcome<Answer>> {
    if (this.#isClosing) return Promise.reject(stopping())
    if (this.pending >= this.#limits.queueLengthMax) {
      return Promise.reject(queueFull(this.pending))
    }
    return new Promise((resolve, reject) => {
      let answer: { readonly value: Answer } | undefined
      const remember = (view: View): Plan<Answer> => {
        const planned = plan(view)
        answer = { value: planned.answer }
        return planned
      }
      const operation = new Operation(
        this.#sequence++,
        remember,
        {
          isDryRun: options.dryRun ?? false,
          deadline: performance.now() + (options.deadlineMs ?? this.#limits.deadlineMs),
        },
        ({ revision }) => {
          this.#open.delete(operation)
          if (answer === undefined) reject(new Error('An operation was committed without having been planned.'))
          else resolve({ answer: answer.value, revision })
        },
        (fault) => {
          this.#open.delete(operation)
          reject(fault)
        },
      )
      this.#open.add(operation)
      this.#queue.add(operation)
      this.#schedule()
    })
  }

  /** Operations submitted and not yet settled. */
  get pending(): number {
    return this.#open.size
  }

  /** Fails the operations that have waited long enough, see {@link OpenOperations.expire}. To be called now and then. */
  expire(): void {
    if (this.#open.expire(performance.now())) this.#queue.dropSettled()
  }

  /** Leaves those who wait no more than `patienceMs` from now, whatever their deadline. */
  hurry(patienceMs: number): void {
    this.#open.giveUpBy(performance.now() + patienceMs)
  }

  /**
   * Takes no more operations, waits until those under way are settled, at the most for `patienceMs`, and gives up the rest. Of a
   * commit that has been sent, nobody will find out then what became of it.
   */
  async close(patienceMs: number): Promise<void> {
    this.#isClosing = true
    this.hurry(patienceMs)
    await Promise.race([this.#open.untilDrained(), sleep(patienceMs, undefined, { ref: false })])
    this.#isClosed = true
    this.#open.expire(Infinity)
    this.#queue.dropSettled()
  }

  /** Lets everything that arrives in one turn of the event loop into the same batch. */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#pump()
    })
  }

  /**
   * Commits what is waiting. Beside commits under way another one is sent only when at least as many operations are waiting as those
   * commit: so a few callers never wait for each other, while many share few large transactions.
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

  /** Plans what is waiting, until the transaction is full. */
  #form(): { batch: Batch; operations: Operation[] } {
    const batch = new Batch(this.#image, this.#busy)
    const operations: Operation[] = []
    this.#queue.takeWhile((operation) => {
      const isFull = operations.length >= this.#limits.batchOperationsMax
      const isApart = operations.length > 0 && (operation.isAlone || operations[0]?.isAlone === true)
      return !isFull && !isApart && this.#addTo(batch, operation, operations)
    })
    return { batch, operations }
  }

  /** Plans one operation and puts it where it belongs; false when the batch is full. */
  #addTo(batch: Batch, operation: Operation, operations: Operation[]): boolean {
    if (operation.deadline <= performance.now()) {
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
    switch (planned.kind) {
      case 'added':
        operations.push(operation)
        return true
      case 'full':
        return false
      case 'too-large':
        operation.fail(tooLarge(`${String(planned.operations)} keys or more in one transaction`))
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
      await this.#fetched(keys, operation, outcome)
    } catch (bug) {
      operation.fail(asError(bug))
    }
    this.#schedule()
  }

  async #fetched(keys: readonly Key<unknown>[], operation: Operation, outcome: TransactionOutcome): Promise<void> {
    switch (outcome.kind) {
      case 'answered':
        this.#unsentInRow = 0
        this.#takeReads(keys, outcome.response.responses, outcome.response)
        this.#tryAgain([operation])
        break
      case 'refused':
        operation.fail(refusedByEtcd(outcome.error))
        break
      case 'unsent':
      case 'lost':
        await this.#unsent([operation], outcome.error)
        break
    }
  }

  async #refresh(families: Iterable<Key<unknown>['family']>, operation: Operation): Promise<void> {
    try {
      await Promise.all(
        [...families].map(async (family) => {
          await this.#refresher.refresh(this.#image.of(family))
          operation.markFresh(family)
        }),
      )
    } catch (fault) {
      operation.fail(asError(fault))
      return
    }
    this.#tryAgain([operation])
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
    const changes = batch.changes(this.#leases.expiring.current())
    if (operations.length > 1 && sizeOf(changes) > transactionBytesMax) {
      this.#halve(operations)
      return
    }
    const isReadOnly = changes.length === 0
    for (const operation of operations) operation.isCommitting = !isReadOnly
    this.#committing += operations.length
    const outcome = await this.#send(batch, changes, slot).finally(() => {
      this.#committing -= operations.length
    })
    if (outcome.kind === 'lost' && !isReadOnly) {
      await this.#settle(batch, operations, slot, outcome.error)
      return
    }
    for (const operation of operations) operation.isCommitting = false
    switch (outcome.kind) {
      case 'answered':
        this.#unsentInRow = 0
        if (outcome.response.succeeded) this.#applied(batch, operations, BigInt(outcome.response.header.revision), slot)
        else this.#lost(batch, operations, outcome.response, slot)
        break
      case 'refused':
        await this.#refused(operations, outcome.error)
        break
      case 'unsent':
      case 'lost':
        await this.#unsent(operations, outcome.error)
        break
    }
  }

  /** Sends the transaction of a batch. */
  async #send(batch: Batch, changes: readonly IRequestOp[], slot: Slot): Promise<TransactionOutcome> {
    const compare = batch.compares()
    // Reading the slot also keeps etcd from answering a transaction without reads and writes by a member that is behind.
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

  /** Every compare held: the writes are in etcd, all of them at `revision`. */
  #applied(batch: Batch, operations: readonly Operation[], revision: Revision, slot: Slot): void {
    if (batch.writes.size > 0) slot.revision = revision
    for (const operation of operations) operation.settle({ answer: undefined, revision } satisfies Outcome<unknown>)
    for (const write of batch.writes.values()) {
      const held = this.#image.of(write.key.family)
      if (write.kind === 'put') held.storeCommitted(write.key.text, write.value, revision)
      else held.storeAbsent(write.key.text, revision)
    }
    for (const { family, guard, prefix } of batch.guards) this.#image.of(family).prove(guard, prefix, revision)
  }

  /** A compare failed, and the present values came along: plan again on those. */
  #lost(batch: Batch, operations: readonly Operation[], response: ITxnResponse, slot: Slot): void {
    const reads = [...batch.reads]
    const outdated = this.#takeReads(
      reads.map(({ key }) => key),
      response.responses,
      response,
      reads.map(({ revision }) => revision),
    )
    for (const key of outdated) if (batch.writes.has(key)) this.#busy.lost(key)
    slot.take(response.responses[reads.length])
    if (outdated.length > 0 || [...batch.guards].length === 0) {
      this.#tryAgain(operations)
      return
    }
    // No key that was read had changed, so a listing had: it must be read afresh before planning again.
    const families = new Set([...batch.guards].map(({ family }) => family))
    for (const operation of operations) {
      if (this.#mayTryAgain(operation)) void this.#refresh(families, operation)
    }
  }

  /** Takes over values read; gives the keys that were not at the revision expected of them. */
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

  /** The encoded writes are too long for one request. What cannot be halved any more, etcd judges by itself. */
  #halve(operations: readonly Operation[]): void {
    for (const operation of operations.slice(Math.ceil(operations.length / 2))) operation.isAlone = true
    this.#tryAgain(operations)
  }

  /** One of the operations is to blame for `fault`; apart, the others go through. */
  #separate(operations: readonly Operation[], fault: Error): void {
    for (const operation of operations) {
      if (operations.length === 1) operation.fail(fault)
      else operation.isAlone = true
    }
    this.#tryAgain(operations)
  }

  async #refused(operations: readonly Operation[], error: Error): Promise<void> {
    if (error instanceof EtcdLeaseInvalidError) {
      try {
        await Promise.all([this.#leases.slots.renew(), this.#leases.expiring.renew()])
        this.#tryAgain(operations)
      } catch (fault) {
        for (const operation of operations) operation.fail(asError(fault))
      }
      return
    }
    if (isAboutContent(error)) {
      this.#separate(
        operations,
        isTooLarge(error) ? tooLarge('more than one transaction takes', error) : refusedByEtcd(error),
      )
      return
    }
    this.#logger.error({ err: error }, 'etcd refused a transaction')
    for (const operation of operations) operation.fail(refusedByEtcd(error))
  }

  async #unsent(operations: readonly Operation[], error: Error): Promise<void> {
    this.#unsentInRow++
    if (this.#unsentInRow > this.#slotCount * 2) {
      for (const operation of operations) operation.fail(unreachable(error))
      return
    }
    await sleep(50)
    this.#tryAgain(operations)
  }

  async #settle(batch: Batch, operations: readonly Operation[], slot: Slot, error: Error): Promise<void> {
    this.#logger.warn({ err: error, slot: slot.key }, 'the answer to a commit was lost; settling it')
    // Nobody else has to wait for that.
    this.#schedule()
    const settlement = await settle(
      this.#client,
      slot,
      this.#leases.slots,
      () => this.#isClosed,
      () => sleep(100),
    )
    for (const operation of operations) operation.isCommitting = false
    switch (settlement.kind) {
      case 'applied':
        this.#applied(batch, operations, settlement.revision, slot)
        return
      case 'fenced':
        this.#tryAgain(operations)
        return
      case 'unknown':
        for (const operation of operations) operation.fail(outcomeUnknown())
    }
  }

  #tryAgain(operations: readonly Operation[]): void {
    this.#queue.putBack(operations.filter((operation) => this.#mayTryAgain(operation)))
  }

  /** Fails the operation when its deadline has passed, or the server has given up. */
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
