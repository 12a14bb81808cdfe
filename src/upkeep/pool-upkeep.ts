import { detailsOf, type Store } from '../datastore/index.ts'
import { HolderCount } from '../ipam/index.ts'
import { type BlockIndex, blockKey, blocks as blockFamily, type Now, parseBlockKey, type Pool } from '../model/index.ts'
import { overlaps } from '../net/index.ts'
import { carryOutSteps, type Lookup, type Observer, type Step } from '../plan/index.ts'
import {
  lacksAllocatable,
  planKeepConditions,
  planTellTerminating,
  planTermination,
  type Termination,
} from '../resources/index.ts'

/** The log of the upkeep. */
export interface UpkeepLogger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

/** How often pools that are being deleted are looked at without a change: addresses may have cooled down. */
const intervalMs = 2_000

/** How long changes are collected before the pools are looked at. */
const settleMs = 20

/** The time between two updates of the number of holders in the condition of a pool that is being deleted. */
const tellIntervalMs = 10_000

/** Blocks read at once to count who holds addresses. */
const blocksAtOnce = 100

type PoolStore = Pick<Store, 'submit' | 'page'>

/**
 * Does what pools need: carries on the deletion of those that are being deleted, and gives those that Calico wrote the condition
 * `Allocatable`. It does so whenever such a pool or one of its blocks has changed, no matter who changed it, and at intervals. Every server
 * does it. Each step is a transaction of its own, so servers cannot disturb each other, and what one of them left half-way is carried on
 * by the next look.
 */
export class PoolUpkeep {
  readonly #blocks: BlockIndex
  readonly #now: () => Now
  readonly #logger: UpkeepLogger
  /** Pools that are being deleted, by the keys they are stored under. */
  readonly #terminating = new Map<string, Pool>()
  /** Pools that lack their condition, in the same way. */
  readonly #lacking = new Map<string, Pool>()
  /** By name of each pool that is being deleted: its blocks when its condition was last written, and the time of that. */
  readonly #told = new Map<string, { readonly blocks: bigint; readonly atMs: number }>()
  #store: PoolStore | undefined
  #timer: NodeJS.Timeout | undefined
  #dueAt = Infinity
  #running: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(blocks: BlockIndex, now: () => Now, logger: UpkeepLogger) {
    this.#blocks = blocks
    this.#now = now
    this.#logger = logger
  }

  /** Watches which pools need something. */
  readonly pools: Observer<Pool> = {
    changed: (key: string, lookup: Lookup<Pool>): void => {
      this.#terminating.delete(key)
      this.#lacking.delete(key)
      if (lookup.kind !== 'value') return
      const pool = lookup.value
      if (pool.isTerminating) this.#terminating.set(key, pool)
      else if (lacksAllocatable(pool, this.#now())) this.#lacking.set(key, pool)
      else return
      this.#wake(settleMs)
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
  start(store: PoolStore): void {
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
    const terminating = [...this.#terminating.values()]
    for (const name of this.#told.keys()) if (!terminating.some((pool) => pool.name === name)) this.#told.delete(name)
    for (const pool of terminating) await this.#terminate(pool)
    for (const { name } of [...this.#lacking.values()]) await this.#keepConditions(name)
    if (this.#terminating.size + this.#lacking.size > 0) this.#wake(intervalMs)
  }

  async #keepConditions(name: string): Promise<void> {
    if (this.#isStopped) return
    try {
      const now = this.#now()
      await this.#store?.submit((view) => planKeepConditions(view, name, { now }))
    } catch (err) {
      // The next look tries again.
      this.#logger.warn({ ...detailsOf(err), pool: name }, 'the condition of a pool could not be set')
    }
  }

  async #terminate(pool: Pool): Promise<void> {
    const { name } = pool
    try {
      const { fault } = await carryOutSteps((position) => this.#step(name, position), {
        isHarmless: () => true,
        isStopped: () => this.#isStopped,
      })
      if (fault !== undefined) throw fault
      await this.#tellHolders(pool)
    } catch (err) {
      // The step changed nothing, or the next look finds what it changed.
      this.#logger.warn({ ...detailsOf(err), pool: name }, 'the deletion of a pool could not be carried on')
    }
  }

  /** Stores how many hold addresses of a pool, if its blocks have changed since the last time. */
  async #tellHolders(pool: Pool): Promise<void> {
    const { name } = pool
    const entries = [...this.#blocks.overlapping(pool.cidr)]
    const told = this.#told.get(name)
    // Sequence numbers only grow.
    const blocks = entries.reduce((sum, { sequenceNumber }) => sum + sequenceNumber, 0n)
    if (entries.length === 0 || this.#store === undefined || this.#isStopped) return
    if (told !== undefined && (told.blocks === blocks || Date.now() < told.atMs + tellIntervalMs)) return
    this.#told.set(name, { blocks, atMs: Date.now() })
    const count = new HolderCount()
    const keys = entries.map(({ cidr }) => blockKey(cidr).text).sort()
    const [from = '', to = ''] = [keys[0], keys.at(-1)]
    // The keys are in the order of their texts, so blocks of other pools may lie in between.
    const ofPool = new Set(keys)
    for (let after: string | undefined; ; ) {
      const start = after === undefined ? { from } : { after }
      const page = await this.#store.page(blockFamily, { ...start, to, limit: blocksAtOnce, isDecodedOnce: true })
      for (const entry of page.entries) if (entry.kind === 'value' && ofPool.has(entry.key)) count.add(entry.value)
      after = page.entries.at(-1)?.key
      if (after === undefined || page.remaining <= 0) break
    }
    const now = this.#now()
    await this.#store.submit((view) => planTellTerminating(view, name, count.print(), { now }))
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
