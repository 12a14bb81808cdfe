import { type Availability, type BlockIndex, type Pool, parseBlockKey, PoolsByRange } from '../../model/index.ts'
import { onceFor, type Pools } from '../surroundings.ts'
import { countInRange, type PoolCounts } from './count-addresses.ts'

/**
 * Counts the addresses of all pools again and again. From one time to the next, it counts only those pools again of which something may
 * have changed: there may be thousands.
 */
class PoolCounter {
  readonly #blocks: BlockIndex
  readonly #counted = new Map<Pool, PoolCounts>()
  /** The pools in which addresses cool down: time alone changes what is available. */
  #cooling = new Set<Pool>()
  #pools: readonly Pool[] | undefined
  #byRange = new PoolsByRange<Pool>([])
  #reserved: Availability['reserved'] | undefined
  #changes = 0

  constructor(blocks: BlockIndex) {
    this.#blocks = blocks
  }

  /** Counts the addresses of each pool. The result stays valid until the next call. */
  count(pools: Pools, terms: Availability): ReadonlyMap<Pool, PoolCounts> {
    this.#forgetOutdated(pools, terms)
    for (const pool of pools.all) {
      if (this.#counted.has(pool)) continue
      this.#counted.set(pool, countInRange(pool.cidr, this.#blocks, terms))
      const [block] = this.#blocks.cooling(pool.cidr)
      if (block === undefined) this.#cooling.delete(pool)
      else this.#cooling.add(pool)
    }
    return this.#counted
  }

  #forgetOutdated({ all }: Pools, { reserved }: Availability): void {
    const changed = this.#blocks.changedSince(this.#changes, Infinity)
    this.#changes = this.#blocks.changes
    if (changed === undefined || reserved !== this.#reserved) this.#counted.clear()
    this.#reserved = reserved
    if (all !== this.#pools) this.#takePools(all)
    for (const pool of this.#cooling) this.#counted.delete(pool)
    for (const key of new Set(changed)) {
      const cidr = parseBlockKey(key)
      const touched = cidr === undefined ? [] : [...this.#byRange.around(cidr), ...this.#byRange.within(cidr)]
      for (const pool of touched) this.#counted.delete(pool)
    }
  }

  #takePools(all: readonly Pool[]): void {
    this.#pools = all
    this.#byRange = new PoolsByRange(all)
    const present = new Set(all)
    for (const pool of this.#counted.keys()) if (!present.has(pool)) this.#counted.delete(pool)
    this.#cooling = new Set(all.filter((pool) => this.#cooling.has(pool)))
  }
}

/** Returns the counter for an index of blocks: the same one each time. */
export const poolCounterOf = onceFor((blocks: BlockIndex) => new PoolCounter(blocks))
