import { type BlockIndex, formatTime, nanosecondsPerSecond, type Pool, type Availability } from '../../model/index.ts'
import { blockCount } from '../../net/index.ts'
import type { Cause, CauseReason, Refusal } from '../../plan/index.ts'
import { countInRange, type PoolCounts } from '../read/index.ts'
import type { Allocation } from '../request.ts'

/** Explains why pools have no address for a request: with counts, and with the smallest change that would help. */
export class Shortage {
  readonly #blocks: BlockIndex
  readonly #terms: Availability
  readonly #cooldownSeconds: number

  constructor(blocks: BlockIndex, terms: Availability, cooldownSeconds: number) {
    this.#blocks = blocks
    this.#terms = terms
    this.#cooldownSeconds = cooldownSeconds
  }

  /** Explains why an eligible pool has nothing beyond `found`, the addresses that the request would take. */
  explainFullPool(pool: Pool, found: readonly Allocation[]): Cause {
    const counted = this.#count(pool)
    const counts = [
      `${counted.capacity} addresses`,
      `${counted.inUse} in use`,
      `${counted.cooling} cooling down`,
      `${counted.reserved} reserved`,
      `${counted.available} available`,
      `${counted.blocksInUse} of ${blockCount(pool.cidr, pool.blockSize)} blocks claimed`,
    ]
    const taken = found.filter((allocation) => allocation.pool === pool.name).length
    const help = this.#helpWhenFull(pool, counted, counted.available - BigInt(taken))
    return {
      field: `pools[${pool.name}]`,
      reason: 'PoolFull',
      message: `pool ${pool.name} has no more addresses for this request: ${counts.join(', ')}; ${help}`,
    }
  }

  /** Adds to a refusal because of requested pools what the request would gain if they served it. */
  explainRefusal(refusal: Refusal, pools: readonly Pool[]): Refusal {
    return { ...refusal, causes: this.explain(refusal.causes, pools) }
  }

  /** Adds to causes why pools do not serve the request what the request would gain if they did. */
  explain(causes: readonly Cause[], pools: readonly Pool[]): readonly Cause[] {
    return causes.map((cause) => {
      const pool = pools.find(({ name }) => cause.field === `pools[${name}]`)
      const help = helps[cause.reason]
      if (pool === undefined || help === undefined) return cause
      const { available, capacity } = this.#count(pool)
      const message = `${cause.message}; ${available} of its ${capacity} addresses are available: ${help}`
      return { ...cause, message }
    })
  }

  #count(pool: Pool): PoolCounts {
    return countInRange(pool.cidr, this.#blocks, this.#terms)
  }

  #helpWhenFull(pool: Pool, counted: PoolCounts, left: bigint): string {
    if (left > 0n) {
      return BigInt(counted.blocksInUse) < blockCount(pool.cidr, pool.blockSize)
        ? 'it has room for more blocks, or addresses in blocks of other nodes'
        : 'the available addresses lie in blocks of other nodes'
    }
    if (counted.cooling > 0n) return `the next address has cooled down at ${this.#nextCooled(pool)}`
    const idle = counted.capacity - counted.inUse - counted.available
    if (idle > 0n) return `${idle} are free but reserved: request them by name, or change the reservation`
    return 'release addresses, or create another pool'
  }

  /** The time at which the next address of the pool has cooled down, RFC 3339. */
  #nextCooled(pool: Pool): string {
    const { cooledBefore } = this.#terms
    // Releases are stored in whole seconds, and an address is free only after more than the cooldown has passed.
    const length = BigInt(this.#cooldownSeconds + 1) * nanosecondsPerSecond
    let first = cooledBefore + length
    for (const { cooling } of this.#blocks.cooling(pool.cidr)) {
      for (const { releasedAt } of cooling) {
        if (releasedAt !== undefined && releasedAt >= cooledBefore && releasedAt < first) first = releasedAt
      }
    }
    return formatTime({ nanoseconds: first + length })
  }
}

/** The change that would make a pool serve a request, by the reason why it does not. */
const helps: Readonly<Partial<Record<CauseReason, string>>> = {
  PoolDisabled: 'enable it',
  PoolNotAutomatic: 'request it by name',
  PoolNotForUse: 'allow the use in its spec.allowedUses, or request another use',
  PoolNotForNode: 'change its nodeSelector or the labels of the node, or request it by name',
  PoolNotForNamespace: 'change its namespaceSelector or the labels of the namespace, or request it by name',
}
