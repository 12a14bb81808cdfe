import { type BlockIndex, formatTime, nanosecondsPerSecond, type Pool, type Terms } from '../../model/index.ts'
import { blockCount } from '../../net/index.ts'
import type { Cause, CauseReason, Refusal } from '../../plan/index.ts'
import { type PoolUsage, usageOfRange } from '../read/index.ts'

/** Why pools give nothing to a request: with counts, and with the nearest thing that would help. */
export class Shortage {
  readonly #blocks: BlockIndex
  readonly #terms: Terms
  readonly #cooldownSeconds: number

  constructor(blocks: BlockIndex, terms: Terms, cooldownSeconds: number) {
    this.#blocks = blocks
    this.#terms = terms
    this.#cooldownSeconds = cooldownSeconds
  }

  /** Why a pool that serves the request gives no more to it than the `found` addresses that it has for it. */
  ofPool(pool: Pool, found: number): Cause {
    const usage = this.#usage(pool)
    const blocks = blockCount(pool.cidr, pool.blockSize)
    const counts = [
      `${String(usage.capacity)} addresses`,
      `${String(usage.inUse)} in use`,
      `${String(usage.cooling)} cooling down`,
      `${String(usage.reserved)} reserved`,
      `${String(usage.available)} available`,
      `${String(usage.blocksInUse)} of ${String(blocks)} blocks claimed`,
    ]
    const help = this.#helpWhenFull(pool, usage, usage.available - BigInt(found))
    return {
      field: `pools[${pool.name}]`,
      reason: 'PoolFull',
      message: `pool ${pool.name} gives no more to this request: ${counts.join(', ')}; ${help}`,
    }
  }

  /** A refusal because of pools that were asked for, with what the request would gain if they served it. */
  explainRefusal(refusal: Refusal, pools: readonly Pool[]): Refusal {
    return { ...refusal, causes: this.explain(refusal.causes, pools) }
  }

  /** Causes why pools do not serve the request, with what the request would gain if they did. */
  explain(causes: readonly Cause[], pools: readonly Pool[]): readonly Cause[] {
    return causes.map((cause) => {
      const pool = pools.find(({ name }) => cause.field === `pools[${name}]`)
      const help = helps[cause.reason]
      if (pool === undefined || help === undefined) return cause
      const { available, capacity } = this.#usage(pool)
      return {
        ...cause,
        message: `${cause.message}; ${String(available)} of its ${String(capacity)} addresses are available: ${help}`,
      }
    })
  }

  #usage(pool: Pool): PoolUsage {
    return usageOfRange(pool.cidr, this.#blocks.overlapping(pool.cidr), this.#terms)
  }

  #helpWhenFull(pool: Pool, usage: PoolUsage, left: bigint): string {
    if (left > 0n) {
      return BigInt(usage.blocksInUse) < blockCount(pool.cidr, pool.blockSize)
        ? 'there is room in it for more blocks, or in blocks of others'
        : 'what is available lies in blocks of others'
    }
    if (usage.cooling > 0n) return `the next one has cooled down at ${this.#nextCooled(pool)}`
    const idle = usage.capacity - usage.inUse - usage.available
    if (idle > 0n)
      return `${String(idle)} are held by nobody and reserved: ask for them by name, or change the reservation`
    return 'release addresses, or create another pool'
  }

  /** When the next address of the pool has cooled down, RFC 3339. */
  #nextCooled(pool: Pool): string {
    const { cooledBefore } = this.#terms
    // A release is stored in whole seconds, and the cooldown is over when more than its length has passed.
    const length = BigInt(this.#cooldownSeconds + 1) * nanosecondsPerSecond
    let first = cooledBefore + length
    for (const { cooling } of this.#blocks.overlapping(pool.cidr)) {
      for (const { releasedAt } of cooling) {
        if (releasedAt !== undefined && releasedAt >= cooledBefore && releasedAt < first) first = releasedAt
      }
    }
    return formatTime({ nanoseconds: first + length })
  }
}

/** What makes a pool serve a request that it does not serve, by the reason why not. */
const helps: Readonly<Partial<Record<CauseReason, string>>> = {
  PoolDisabled: 'enable it',
  PoolNotAutomatic: 'ask for it by name',
  PoolNotForUse: 'allow the use in its spec.allowedUses, or ask for another use',
  PoolNotForNode: 'change its nodeSelector or the labels of the node, or ask for it by name',
  PoolNotForNamespace: 'change its namespaceSelector or the labels of the namespace, or ask for it by name',
}
