import type { Store } from '../datastore/index.ts'
import { type Now, parseBlockKey, type Pool } from '../model/index.ts'
import { overlaps } from '../net/index.ts'
import type { Lookup, Observer } from '../plan/index.ts'
import { planTermination, type PoolDependencies } from '../resources/index.ts'

/** What the upkeep needs to say. */
export interface UpkeepLogger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

/** How often pools that are being deleted are looked at although nothing seems to have happened: addresses may have cooled down. */
const intervalMs = 2_000

/** How long changes are collected before the pools are looked at. */
const settleMs = 20

/**
 * Carries the deletion of pools to its end: whenever a pool that is being deleted, or a block, has changed, by whomever, and now and
 * then. Every server does so; each step is a transaction of its own, so that they cannot hurt each other, and a server that
 * stops in the middle is simply replaced by the next look.
 */
export class PoolTermination {
  readonly #dependencies: PoolDependencies
  readonly #now: () => Now
  readonly #logger: UpkeepLogger
  /** Pools that are being deleted, by the keys they are stored under. */
  readonly #terminating = new Map<string, Pool>()
  #store: Pick<Store, 'submit'> | undefined
  #timer: NodeJS.Timeout | undefined
  #dueAt = Infinity
  #running: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(dependencies: PoolDependencies, now: () => Now, logger: UpkeepLogger) {
    this.#dependencies = dependencies
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

  /** To be told of every change of a block, by its key: the last address of a pool may have been released. */
  blockChanged(key: string): void {
    if (this.#terminating.size === 0) return
    const cidr = parseBlockKey(key)
    if (cidr === undefined) return
    for (const pool of this.#terminating.values()) if (overlaps(pool.cidr, cidr)) this.#wake(settleMs)
  }

  /** Begins; what was observed before is caught up with. */
  start(store: Pick<Store, 'submit'>): void {
    this.#store = store
    this.#wake(settleMs)
  }

  /** Ends, after the step under way. */
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
    // Only from now on is another look due: while this one waited for the last to end, it stood for all changes.
    this.#dueAt = Infinity
    for (const name of new Set([...this.#terminating.values()].map((pool) => pool.name))) await this.#terminate(name)
    if (this.#terminating.size > 0) this.#wake(intervalMs)
  }

  async #terminate(name: string): Promise<void> {
    try {
      for (let progressed = true; progressed && !this.#isStopped; ) {
        progressed = await this.#step(name)
      }
    } catch (err) {
      // Nothing was changed; the next look tries again.
      this.#logger.warn({ err, pool: name }, 'the deletion of a pool could not be carried on')
    }
  }

  async #step(name: string): Promise<boolean> {
    const now = this.#now()
    const outcome = await this.#store?.submit((view) => planTermination(view, name, this.#dependencies, { now }))
    if (outcome === undefined) return false
    const { done, progressed, blocksLeft } = outcome.answer
    if (progressed) this.#logger.info({ pool: name, blocksLeft, done }, 'carried on the deletion of a pool')
    return progressed && !done
  }
}
