import { detailsOf, type Store } from '../datastore/index.ts'
import { type BlockIndex, type Now, parseBlockKey, type Pool } from '../model/index.ts'
import { overlaps } from '../net/index.ts'
import { carryOutSteps, type Lookup, type Observer, type Step } from '../plan/index.ts'
import { planTermination, type Termination } from '../resources/index.ts'

/** The log of the upkeep. */
export interface UpkeepLogger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

/** How often pools that are being deleted are looked at without a change: addresses may have cooled down. */
const intervalMs = 2_000

/** How long changes are collected before the pools are looked at. */
const settleMs = 20

/**
 * Carries on the deletion of pools: whenever a pool that is being deleted or one of its blocks has changed, no matter who changed it, and
 * at intervals. Every server does so. Each step is a transaction of its own, so servers cannot disturb each other, and what one of them
 * left half-way is carried on by the next look.
 */
export class PoolTermination {
  readonly #blocks: BlockIndex
  readonly #now: () => Now
  readonly #logger: UpkeepLogger
  /** Pools that are being deleted, by the keys they are stored under. */
  readonly #terminating = new Map<string, Pool>()
  #store: Pick<Store, 'submit'> | undefined
  #timer: NodeJS.Timeout | undefined
  #dueAt = Infinity
  #running: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(blocks: BlockIndex, now: () => Now, logger: UpkeepLogger) {
    this.#blocks = blocks
    this.#now = now
    this.#logger = logger
  }

  /** Watches which pools are being deleted. */
  readonly pools: Observer<Pool> = {
    changed: (key: string, lookup: Lookup<Pool>): void => {
      if (lookup.kind === 'value' && lookup.value.isTerminating) {
        this.#terminating.set(key, lookup.value)
        this.#wake(settleMs)
      } else {
        this.#terminating.delete(key)
      }
    },
  }

  /** To be called for every change of a block, with its key: the last address of a pool may have been released. */
  blockChanged(key: string): void {
    if (this.#terminating.size === 0) return
    const cidr = parseBlockKey(key)
    if (cidr === undefined) return
    for (const pool of this.#terminating.values()) if (overlaps(pool.cidr, cidr)) this.#wake(settleMs)
  }

  /** Begins, with the pools that were observed before. */
  start(store: Pick<Store, 'submit'>): void {
    this.#store = store
    this.#wake(settleMs)
  }

  /** Ends after the step under way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#running
  }

  /** Looks at the pools in `delayMs`, or earlier when that is planned already. */
  #wake(delayMs: number): void {
    const dueAt = Date.now() + delayMs
    if (this.#store === undefined || this.#isStopped || this.#dueAt <= dueAt) return
    clearTimeout(this.#timer)
    this.#dueAt = dueAt
    this.#timer = setTimeout(() => {
      this.#running = this.#running.then(() => this.#carryOn())
    }, delayMs)
  }

  async #carryOn(): Promise<void> {
    // Changes before now are part of this look; the next change asks for another one.
    this.#dueAt = Infinity
    for (const name of new Set([...this.#terminating.values()].map((pool) => pool.name))) await this.#terminate(name)
    if (this.#terminating.size > 0) this.#wake(intervalMs)
  }

  async #terminate(name: string): Promise<void> {
    try {
      const { fault } = await carryOutSteps((position) => this.#step(name, position), {
        isHarmless: () => true,
        isStopped: () => this.#isStopped,
      })
      if (fault !== undefined) throw fault
    } catch (err) {
      // The step changed nothing, or the next look finds what it changed.
      this.#logger.warn({ ...detailsOf(err), pool: name }, 'the deletion of a pool could not be carried on')
    }
  }

  async #step(name: string, position: string): Promise<Step<Termination>> {
    const now = this.#now()
    const outcome = await this.#store?.submit((view) => planTermination(view, name, position, this.#blocks, { now }))
    if (outcome === undefined) return { answer: { isGone: false, blocksLeft: 0 }, next: undefined }
    const { answer, next } = outcome.answer
    const { isGone, blocksLeft } = answer
    if (isGone || next !== undefined) {
      this.#logger.info({ pool: name, blocksLeft, done: isGone }, 'carried on the deletion of a pool')
    }
    return outcome.answer
  }
}
