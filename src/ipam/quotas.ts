import {
  type AccessPolicy,
  accessPolicies,
  type Block,
  blockKey,
  type Charges,
  parseQuotaName,
  type Quota,
  quotaKey,
  quotaName,
  quotas,
} from '../model/index.ts'
import type { Cidr } from '../net/index.ts'
import { answerOnly, Budget, type Plan, type View } from '../plan/index.ts'
import { countStale, Ledger } from './ledger.ts'
import { assigning } from './reach.ts'
import type { IpamContext } from './request.ts'

/** A quota, its use, and its limit. */
export interface QuotaUsage extends Quota {
  readonly used: number
  /** The limit; undefined if no rule in this place sets one now. */
  readonly limit: number | undefined
}

/**
 * Reads the quotas that limit the caller, and their use. For a caller with all rights, reads all quotas that are in use.
 */
export function planReadQuotas(view: View, { rights }: Pick<IpamContext, 'rights'>): Plan<readonly QuotaUsage[]> {
  if (rights.isUnlimited) return answerOnly(readAll(view))
  const limits = new Map(rights.grantsFor(assigning).map((grant) => [quotaName(grant), grant]))
  return answerOnly(
    [...limits].flatMap(([name, { policy, position, subject, rule }]) => {
      if (rule.maxAddresses === undefined) return []
      const stored = view.get(quotaKey(name))
      const used = stored.kind === 'value' ? stored.value.used : 0
      return [{ policy, position, subject, used, limit: rule.maxAddresses }]
    }),
  )
}

function readAll(view: View): readonly QuotaUsage[] {
  const policies = new Map<string, AccessPolicy>()
  for (const entry of view.list(accessPolicies, 'hint'))
    if (entry.kind === 'value') policies.set(entry.value.name, entry.value)
  return view.list(quotas, 'hint').flatMap((entry) => {
    const quota = parseQuotaName(entry.key.slice(quotas.prefix.length))
    if (quota === undefined || entry.kind === 'unreadable') return []
    const limit = policies.get(quota.policy)?.rules[quota.position]?.maxAddresses
    return [{ ...quota, used: entry.value.used, limit }]
  })
}

/** True if an assignment is charged that the block no longer has; `block` is undefined if it does not exist. */
export function isAnyStale(charges: Charges, block: Block | undefined): boolean {
  return [...charges.values()].some((charged) => countStale(charged, block) > 0)
}

/** Gives back the charges for assignments that the block no longer has. Returns the number of addresses. */
export function planGiveBackCharges(view: View, cidr: Cidr): Plan<number> {
  const budget = new Budget(view)
  const stored = budget.view.get(blockKey(cidr))
  if (stored.kind === 'unreadable') return answerOnly(0)
  const ledger = new Ledger(budget.view)
  const count = ledger.giveBack(cidr, stored.kind === 'value' ? stored.value : undefined, (keys) =>
    budget.hasRoom(keys),
  )
  return { answer: count, writes: ledger.writes() }
}
