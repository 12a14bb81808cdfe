import type { Store } from '../datastore/index.ts'
import { countInUse, poolsIn, type PoolTrends } from '../ipam/index.ts'
import { type BlockIndex, type Now, type Pool, pools as poolFamily } from '../model/index.ts'

/** The dependencies of the rounds. */
export interface TrendRoundsOptions {
  readonly blocks: BlockIndex
  readonly trends: PoolTrends
  readonly now: () => Now
  /** The time from one look to the next; a minute unless given. */
  readonly intervalMs?: number
}

/** Notes regularly, on every server, how many addresses of each pool are in use. */
export class TrendRounds {
  readonly #options: TrendRoundsOptions
  #timer: NodeJS.Timeout | undefined

  constructor(options: TrendRoundsOptions) {
    this.#options = options
  }

  /** Looks at once, and then regularly. */
  start(store: Pick<Store, 'peekAll'>): void {
    this.#look(store)
    this.#timer = setInterval(() => this.#look(store), this.#options.intervalMs ?? 60_000).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(store: Pick<Store, 'peekAll'>): void {
    const { blocks, trends, now } = this.#options
    const counts = new Map<Pool, number>()
    for (const pool of poolsIn(store.peekAll(poolFamily, poolFamily.prefix)).all) {
      counts.set(pool, countInUse(pool.cidr, blocks))
    }
    trends.note(counts, Number(now().nanoseconds / 1_000_000n))
  }
}
