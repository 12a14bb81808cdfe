import { setTimeout as sleep } from 'node:timers/promises'
import { EtcdLeaseInvalidError, GRPCInvalidArgumentError, type IResponseOp, type ITxnResponse } from 'etcd3'
import { Batch } from './batch.ts'
import { BusyKeys } from './busy-keys.ts'
import type { EtcdClient } from './client.ts'
import { DatastoreUnavailable } from './faults.ts'
import type { Image } from './image.ts'
import { transactionBytesMax } from './limits.ts'
import { Operation, type Outcome, type SubmitOptions } from './operation.ts'
import { Refresher } from './refresher.ts'
import { settle, type Slot, type SlotLease } from './slots.ts'
import { storedValue } from './snapshot.ts'
import type { Key, Plan, Revision, View } from './view.ts'

/** Bounds that an operator may set. */
export interface EngineLimits {
  /** Operations in one transaction, at the most; 1 switches group commit off. */
  readonly batchOperationsMax: number
  /** Operations waiting, at the most; beyond it callers are turned away at once. */
  readonly queueLengthMax: number
  /** The deadline of an operation that names none. */
  readonly deadlineMs: number
}

/** What the engine says about itself. */
export interface EngineLogger {
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/**
 * Group commit over validated reads (DESIGN.md section 3). Operations that are waiting are planned one after the other over the
 * image, and committed as one etcd transaction that compares everything they read. What arrives while a key is being
 * written waits for that commit and forms the next batch, so that batches grow with the load and a single caller waits for
 * nobody. An operation is settled exactly once, and never while the fate of its commit is unknown.
 */
export class Engine {
  readonly #client: EtcdClient
  readonly #image: Image
  readonly #limits: EngineLimits
  readonly #lease: SlotLease
  readonly #logger: EngineLogger
  readonly #refresher: Refresher
  readonly #busy = new BusyKeys()
  readonly #freeSlots: Slot[]
  readonly #slotCount: number
  #queue: Operation[] = []
  /** Operations that wait for the commit that is writing a key. */
  readonly #parked = new Map<string, Operation[]>()
  /** Operations submitted and not yet settled. */
  #pending = 0
  #sequence = 0
  #isScheduled = false
  #isClosing = false
  #isClosed = false
  #unsentInRow = 0
  readonly #drained: (() => void)[] = []

  constructor(
    client: EtcdClient,
    image: Image,
    lease: SlotLease,
    slots: readonly Slot[],
    limits: EngineLimits,
    logger: EngineLogger,
  ) {
    this.#client = client
    this.#image = image
    this.#lease = lease
    this.#freeSlots = [...slots]
    this.#slotCount = slots.length
    this.#limits = limits
    this.#logger = logger
    this.#refresher = new Refresher(client)
  }

  /**
   * Carries out an operation and gives its answer once that is true in etcd. Throws {@link DatastoreUnavailable} when it
   * was not carried out, and whatever the plan throws.
   */
  submit<Answer>(plan: (view: View) => Plan<Answer>, options: SubmitOptions = {}): Promise<Outcome<Answer>> {
    if (this.#isClosing)
      return Promise.reject(new DatastoreUnavailable('ServiceUnavailable', 'The server is stopping.'))
    if (this.#pending >= this.#limits.queueLengthMax) {
      return Promise.reject(
        new DatastoreUnavailable(
          'ServiceUnavailable',
          `${String(this.#pending)} calls are waiting, which is all that this server takes; nothing was changed. Try again.`,
        ),
      )
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
          deadline: Date.now() + (options.deadlineMs ?? this.#limits.deadlineMs),
        },
        ({ revision }) => {
          this.#finishOne()
          if (answer === undefined) reject(new Error('An operation was committed without having been planned.'))
          else resolve({ answer: answer.value, revision })
        },
        (fault) => {
          this.#finishOne()
          reject(fault instanceof Error ? fault : new Error(String(fault)))
        },
      )
      this.#pending++
      this.#queue.push(operation)
      this.#schedule()
    })
  }

  /** Operations submitted and not yet settled. */
  get pending(): number {
    return this.#pending
  }

  /** Fails the operations whose deadline has passed while they were waiting. To be called now and then. */
  expire(): void {
    const nowMs = Date.now()
    const isExpired = (operation: Operation): boolean => operation.deadline <= nowMs
    for (const operation of this.#queue.filter(isExpired)) this.#failExpired(operation)
    this.#queue = this.#queue.filter((operation) => !operation.isSettled)
    for (const [key, operations] of this.#parked) {
      for (const operation of operations.filter(isExpired)) this.#failExpired(operation)
      this.#parked.set(
        key,
        operations.filter((operation) => !operation.isSettled),
      )
    }
  }

  /** Takes no more operations, waits until those under way are settled, at the most for `patienceMs`, and gives up the rest. */
  async close(patienceMs: number): Promise<void> {
    this.#isClosing = true
    if (this.#pending > 0) {
      const drained = new Promise<void>((resolve) => {
        this.#drained.push(resolve)
      })
      await Promise.race([drained, sleep(patienceMs, undefined, { ref: false })])
    }
    this.#isClosed = true
  }

  #finishOne(): void {
    this.#pending--
    if (this.#pending === 0) for (const resolve of this.#drained.splice(0)) resolve()
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

  #pump(): void {
    while (this.#queue.length > 0) {
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
    const waiting = this.#queue
    let next = 0
    for (; next < waiting.length && operations.length < this.#limits.batchOperationsMax; next++) {
      const operation = waiting[next]
      if (operation === undefined || operation.isSettled) continue
      if (operation.isAlone && operations.length > 0) break
      if (!this.#addTo(batch, operation, operations)) break
      if (operation.isAlone && operations.length > 0) {
        next++
        break
      }
    }
    this.#queue = waiting.slice(next)
    return { batch, operations }
  }

  /** Plans one operation and puts it where it belongs; false when the batch is full. */
  #addTo(batch: Batch, operation: Operation, operations: Operation[]): boolean {
    if (operation.deadline <= Date.now()) {
      this.#failExpired(operation)
      return true
    }
    let planned
    try {
      planned = batch.add(operation)
    } catch (bug) {
      operation.fail(bug instanceof Error ? bug : new Error(String(bug)))
      return true
    }
    switch (planned.kind) {
      case 'added':
        operations.push(operation)
        return true
      case 'full':
        return false
      case 'too-large':
        operation.fail(tooLarge(`${String(planned.operations)} keys in one transaction`))
        return true
      case 'busy':
        this.#park(planned.key, operation)
        return true
      case 'cold':
        void this.#fetch(planned.keys, operation)
        return true
      case 'unproved':
        void this.#refresh(planned.families, operation)
        return true
    }
  }

  #failExpired(operation: Operation): void {
    operation.fail(new DatastoreUnavailable('Timeout', 'The deadline passed before anything was changed. Try again.'))
  }

  #park(key: string, operation: Operation): void {
    const parked = this.#parked.get(key)
    if (parked === undefined) this.#parked.set(key, [operation])
    else parked.push(operation)
  }

  /** Puts operations back before everything that was submitted after them. */
  #requeue(operations: readonly Operation[]): void {
    const returning = operations.filter((operation) => !operation.isSettled)
    if (returning.length === 0) return
    this.#queue = [...returning, ...this.#queue].sort((left, right) => left.sequence - right.sequence)
  }

  async #fetch(keys: readonly Key<unknown>[], operation: Operation): Promise<void> {
    const outcome = await this.#client.transact({
      success: keys.map((key) => ({ request_range: { key: Buffer.from(key.text) } })),
    })
    if (outcome.kind === 'answered') this.#takeReads(keys, outcome.response.responses, outcome.response)
    else if (this.#mayTryAgain(operation)) await sleep(50)
    else return
    this.#requeue([operation])
    this.#schedule()
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
      if (!operation.isSettled) operation.fail(fault instanceof Error ? fault : new Error(String(fault)))
      return
    }
    this.#requeue([operation])
    this.#schedule()
  }

  async #commit(batch: Batch, operations: readonly Operation[], slot: Slot): Promise<void> {
    const isReadOnly = batch.writes.size === 0
    const changes = batch.changes()
    if (operations.length > 1 && sizeOf(changes) > transactionBytesMax) {
      this.#freeSlots.push(slot)
      this.#commitInHalves(operations)
      return
    }
    for (const { key, revision } of batch.reads)
      if (batch.writes.has(key.text)) this.#busy.add(key.text, revision === 0n)
    const compares = batch.compares()
    const outcome = await this.#client.transact(
      isReadOnly
        ? { compare: compares, failure: batch.rereads() }
        : {
            compare: [...compares, slot.compare()],
            success: [...changes, slot.write(this.#lease.current())],
            failure: [...batch.rereads(), slot.read()],
          },
    )
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
        await this.#unsent(operations, outcome.error)
        break
      case 'lost':
        if (isReadOnly) this.#tryAgain(operations)
        else await this.#settle(batch, operations, slot, outcome.error)
        break
    }
    this.#release(batch, slot)
  }

  /** Every compare held: the writes are in etcd, all of them at `revision`. */
  #applied(batch: Batch, operations: readonly Operation[], revision: Revision, slot: Slot): void {
    for (const write of batch.writes.values()) {
      const held = this.#image.of(write.key.family)
      if (write.kind === 'put') held.storeCommitted(write.key.text, write.value, revision)
      else held.storeAbsent(write.key.text, revision)
    }
    for (const { family, guard, prefix } of batch.guards) this.#image.of(family).prove(guard, prefix, revision)
    if (batch.writes.size > 0) slot.revision = revision
    for (const operation of operations) operation.settle({ answer: undefined, revision } satisfies Outcome<unknown>)
  }

  /** A compare failed, and the present values came along: plan again on those. */
  #lost(batch: Batch, operations: readonly Operation[], response: ITxnResponse, slot: Slot): void {
    const reads = [...batch.reads]
    const wasOutdated = this.#takeReads(
      reads.map(({ key }) => key),
      response.responses,
      response,
      reads.map(({ revision }) => revision),
    )
    const slotResponse = response.responses[reads.length]
    if (slotResponse !== undefined) slot.take(slotResponse)
    if (wasOutdated || [...batch.guards].length === 0) {
      this.#tryAgain(operations)
      return
    }
    // No key that was read had changed, so a listing had: it must be read afresh before planning again.
    const families = new Set([...batch.guards].map(({ family }) => family))
    for (const operation of operations) {
      if (this.#mayTryAgain(operation)) void this.#refresh(families, operation)
    }
  }

  /** Takes over values read; true when one of them was not at the revision expected of it. */
  #takeReads(
    keys: readonly Key<unknown>[],
    responses: readonly IResponseOp[],
    response: ITxnResponse,
    expected?: readonly Revision[],
  ): boolean {
    const readAt = BigInt(response.header.revision)
    let isAnyOutdated = false
    for (const [index, key] of keys.entries()) {
      const pair = responses[index]?.response_range.kvs[0]
      const held = this.#image.of(key.family)
      if (pair === undefined) held.storeAbsent(key.text, readAt)
      else held.store(key.text, storedValue(pair))
      if ((pair === undefined ? 0n : BigInt(pair.mod_revision)) !== expected?.[index]) isAnyOutdated = true
    }
    return isAnyOutdated
  }

  #commitInHalves(operations: readonly Operation[]): void {
    // The encoded writes are too long for one request. Halving ends at one operation, which etcd then judges by itself.
    for (const operation of operations.slice(Math.ceil(operations.length / 2))) operation.isAlone = true
    this.#requeue(operations)
    this.#schedule()
  }

  async #refused(operations: readonly Operation[], error: Error): Promise<void> {
    if (error instanceof EtcdLeaseInvalidError) {
      await this.#lease.renew().catch(() => undefined)
      this.#tryAgain(operations)
      return
    }
    if (operations.length > 1) {
      // One of them is to blame; apart, the others go through.
      for (const operation of operations) operation.isAlone = true
      this.#requeue(operations)
      return
    }
    this.#logger.error({ err: error }, 'etcd refused a transaction')
    for (const operation of operations) {
      operation.fail(
        error instanceof GRPCInvalidArgumentError
          ? tooLarge('more than one transaction takes')
          : new DatastoreUnavailable('ServiceUnavailable', 'etcd refused the change; nothing was changed.', {
              cause: error,
            }),
      )
    }
  }

  async #unsent(operations: readonly Operation[], error: Error): Promise<void> {
    this.#unsentInRow++
    if (this.#unsentInRow > this.#slotCount * 2) {
      for (const operation of operations) {
        operation.fail(
          new DatastoreUnavailable('ServiceUnavailable', 'etcd cannot be reached; nothing was changed. Try again.', {
            cause: error,
          }),
        )
      }
      return
    }
    await sleep(50)
    this.#tryAgain(operations)
  }

  async #settle(batch: Batch, operations: readonly Operation[], slot: Slot, error: Error): Promise<void> {
    this.#logger.warn({ err: error, slot: slot.key }, 'the answer to a commit was lost; settling it')
    const settlement = await settle(
      this.#client,
      slot,
      this.#lease.current(),
      () => this.#isClosed,
      () => sleep(100),
    )
    switch (settlement.kind) {
      case 'applied':
        this.#applied(batch, operations, settlement.revision, slot)
        return
      case 'fenced':
        this.#tryAgain(operations)
        return
      case 'unknown':
        for (const operation of operations) {
          operation.fail(new DatastoreUnavailable('OutcomeUnknown', 'The fate of a commit could not be found out.'))
        }
    }
  }

  #tryAgain(operations: readonly Operation[]): void {
    this.#requeue(operations.filter((operation) => this.#mayTryAgain(operation)))
  }

  /** Fails the operation when its deadline has passed. */
  #mayTryAgain(operation: Operation): boolean {
    if (operation.isSettled) return false
    if (operation.deadline > Date.now()) return true
    this.#failExpired(operation)
    return false
  }

  #release(batch: Batch, slot: Slot): void {
    const woken: Operation[] = []
    for (const key of batch.writes.keys()) {
      this.#busy.delete(key)
      const parked = this.#parked.get(key)
      if (parked === undefined) continue
      woken.push(...parked)
      this.#parked.delete(key)
    }
    this.#requeue(woken)
    this.#freeSlots.push(slot)
    this.#pump()
  }
}

function tooLarge(what: string): DatastoreUnavailable {
  return new DatastoreUnavailable(
    'RequestEntityTooLarge',
    `The call needs ${what}; nothing was changed. Ask for fewer addresses in one call.`,
  )
}

function sizeOf(changes: readonly { request_put?: { value?: Buffer; key?: Buffer } }[]): number {
  return changes.reduce((sum, { request_put: put }) => sum + (put?.value?.length ?? 0) + (put?.key?.length ?? 0), 0)
}
