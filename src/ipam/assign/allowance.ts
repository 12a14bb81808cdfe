import { coversHandle, type Grant, type Rights } from '../../access/index.ts'
import { type Block, type Pool, quotaName } from '../../model/index.ts'
import type { Ordinal } from '../../net/index.ts'
import { type Cause, listSome, type Refusal, type View } from '../../plan/index.ts'
import type { Ledger } from '../ledger.ts'
import { assigning, reachOf } from '../reach.ts'
import { readPools } from '../surroundings.ts'

/** A rule that allows an assignment up to a number of addresses. */
interface Limit {
  readonly grant: Grant
  readonly quota: string
  readonly max: number
}

/**
 * The number of addresses that a caller may still assign to a handle, pool by pool. A rule without a limit allows any number. Otherwise
 * the rules with a limit that apply are used one after the other, in the order of the policies.
 */
export class Allowance {
  readonly #limitsIn: (pool: Pool) => readonly Limit[] | undefined
  readonly #ledger: Ledger
  readonly #known = new Map<Pool, readonly Limit[] | undefined>()
  readonly #isUnlimited: boolean

  /** Begins an assignment to `handle`. Its charges are kept in `ledger`. */
  constructor(rights: Rights, view: View, handle: string, ledger: Ledger) {
    this.#isUnlimited = rights.isUnlimited
    this.#ledger = ledger
    this.#limitsIn = (pool) => {
      const reach = reachOf(rights, readPools(view), assigning)
      const grants = reach.grantsIn(pool).filter(({ rule }) => coversHandle(rule, handle))
      // By name, because a policy may name a subject twice.
      const limits = new Map<string, Limit>()
      for (const grant of grants) {
        const max = grant.rule.maxAddresses
        if (max === undefined) return undefined
        const quota = quotaName(grant)
        limits.set(quota, { grant, quota, max })
      }
      return [...limits.values()]
    }
  }

  /** The number of addresses that may still be assigned in the pool; Infinity unless rules limit it. */
  roomIn(pool: Pool): number {
    const limits = this.#limits(pool)
    return limits === undefined ? Infinity : limits.reduce((sum, limit) => sum + this.#roomOf(limit), 0)
  }

  /** The pools in which something may still be assigned. */
  open(pools: readonly Pool[]): readonly Pool[] {
    return this.#isUnlimited ? pools : pools.filter((pool) => this.roomIn(pool) > 0)
  }

  /** True if addresses of this block of the pool can be charged to the quotas that they need. */
  canCharge(pool: Pool, { cidr }: Pick<Block, 'cidr'>): boolean {
    return this.#limits(pool) === undefined || this.#ledger.canCharge(cidr)
  }

  /** Charges addresses as they are assigned in `block`: no more than there is room for. */
  charge(pool: Pool, block: Block, ordinals: readonly Ordinal[]): void {
    let first = 0
    for (const limit of this.#limits(pool) ?? []) {
      const share = ordinals.slice(first, first + this.#roomOf(limit))
      if (share.length > 0) this.#ledger.charge(limit.quota, block, share)
      first += share.length
    }
  }

  /** Returns a refusal of `requested` addresses in these pools if the quotas in one of them are exhausted; otherwise undefined. */
  refusal(pools: readonly Pool[], requested: number): Refusal | undefined {
    const exhausted = new Map<string, Limit>()
    for (const pool of pools) {
      const limits = this.#limits(pool)
      if (limits === undefined || this.roomIn(pool) > 0) continue
      for (const limit of limits) exhausted.set(limit.quota, limit)
    }
    if (exhausted.size === 0) return undefined
    const causes = [...exhausted.values()].map((limit) => this.#describe(limit, requested))
    const message = `Exceeded quota: ${listSome(causes.map((cause) => cause.message))}; nothing was assigned.`
    return { reason: 'Forbidden', message, causes }
  }

  #describe({ grant, quota, max }: Limit, requested: number): Cause {
    const { policy, position, subject } = grant
    const used = this.#ledger.usedBefore(quota)
    const state = used === Infinity ? 'the stored number in use cannot be read' : `used: ${used}`
    const message = `AccessPolicy ${policy}, spec.rules[${position}], for the ${subject.kind} ${JSON.stringify(subject.name)}: requested: ${requested}, ${state}, limited: ${max}`
    return { field: 'maxAddresses', reason: 'QuotaExceeded', message }
  }

  #roomOf({ quota, max }: Limit): number {
    return Math.max(0, max - this.#ledger.used(quota))
  }

  #limits(pool: Pool): readonly Limit[] | undefined {
    if (this.#isUnlimited) return undefined
    if (this.#known.has(pool)) return this.#known.get(pool)
    const limits = this.#limitsIn(pool)
    this.#known.set(pool, limits)
    return limits
  }
}
