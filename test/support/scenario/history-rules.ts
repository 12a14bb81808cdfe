import type { RevisionOfKeys } from '../../faults/history.ts'
import { addressesOf, poolOfBlock, reservedAddresses } from './cluster.ts'
import { blockLimit, type Given, type NaiveWish, poolsFor } from './naive-rules.ts'
import type { NaiveBlock, NaiveState } from './naive-state.ts'

/** A call that was granted. */
export interface GrantedCall {
  readonly wish: NaiveWish
  readonly given: readonly (Given & { readonly sequenceNumber: string })[]
}

/** An address that has a holder from a revision on. */
interface Assigned {
  readonly address: string
  readonly cidr: string
  readonly call: GrantedCall
}

const minuteMs = 60_000
/** Claim times are stored in whole seconds. */
const roundingMs = 1_000
/** Numbers begin at the clock, in nanoseconds, so that a block that is made anew leaps ahead. */
const leap = 100_000n

/**
 * Goes through every revision, and checks what callers were given against the nodes, the configuration and the blocks as they were
 * stored in the revision before, which the server must have decided on. Returns each violation of a rule.
 */
export class HistoryRules {
  readonly violations: string[] = []
  readonly #state: NaiveState
  readonly #calls: ReadonlyMap<string, GrantedCall>
  /** Every assignment that was seen, as `<handle> <address> <number>`. */
  readonly #seen = new Set<string>()

  constructor(before: NaiveState, revisions: readonly RevisionOfKeys[], calls: ReadonlyMap<string, GrantedCall>) {
    this.#state = before.copy()
    this.#calls = calls
    for (const revision of revisions) this.#apply(revision)
    for (const [handle, { given }] of calls) {
      for (const { address, sequenceNumber } of given) {
        if (!this.#seen.has(`${handle} ${address} ${sequenceNumber}`))
          this.violations.push(`${handle} was given ${address}, which etcd does not know`)
      }
    }
  }

  /** The number of assignments seen. */
  get count(): number {
    return this.#seen.size
  }

  #apply({ revision, changes }: RevisionOfKeys): void {
    const before = new Map(this.#state.blocks)
    const claimsBefore = new Set(this.#state.claims.keys())
    const config = this.#state.config
    const nodes = new Map(this.#state.nodes)
    for (const { key, text } of changes) this.#state.apply(key, text)
    const at = (problem: string): void => {
      this.violations.push(`revision ${revision}: ${problem}`)
    }
    // The decision was made with the nodes and the configuration of the revision before.
    const decided = this.#state.copy()
    decided.config = config
    decided.nodes.clear()
    for (const [node, labels] of nodes) decided.nodes.set(node, labels)
    const assigned: Assigned[] = []
    for (const [cidr, block] of this.#state.blocks) {
      const old = before.get(cidr)
      if (old === block) continue
      assigned.push(...this.#assignedIn(cidr, block, old, at))
      if (old !== undefined && old.affinity !== block.affinity) this.#checkAffinity(cidr, old, block, decided, at)
    }
    for (const [cidr, { affinity }] of before) {
      if (this.#state.blocks.has(cidr) || affinity === null) continue
      if (!isDeselected(decided, cidr, affinity)) at(`the block ${cidr} of ${affinity} is gone`)
    }
    for (const one of assigned) checkAssigned(one, decided, at)
    this.#checkLimits(claimsBefore, assigned, decided, at)
  }

  /**
   * A claim that is new must fit into the limit of a call that took from its block; named addresses know no limit. Calls of one transaction
   * may have had different limits: a node's new claims count one after the other, those with the smallest limits first.
   */
  #checkLimits(
    claimsBefore: ReadonlySet<string>,
    assigned: readonly Assigned[],
    decided: NaiveState,
    at: (problem: string) => void,
  ): void {
    const made = [...this.#state.claims.keys()]
      .filter((claim) => !claimsBefore.has(claim))
      .map((claim) => limitOf(claim, assigned, decided))
      .toSorted((left, right) => left.most - right.most)
    const later = new Set(made.map(({ claim }) => claim))
    for (const { claim, node, cidr, most, isWithin } of made) {
      later.delete(claim)
      const others = decided.claimsOf(node).filter((other) => other !== cidr && !later.has(`${node} ${other}`))
      if (!isWithin(others)) at(`${node} claims ${cidr} beyond its limit of ${most}, beside ${others.join(', ')}`)
    }
  }

  #assignedIn(cidr: string, block: NaiveBlock, old: NaiveBlock | undefined, at: (problem: string) => void): Assigned[] {
    return block.holders.flatMap((holder, place) => {
      const number = block.numbers.get(place)
      const isOld = old?.holders[place]?.handle === holder?.handle && old?.numbers.get(place) === number
      if (holder === undefined || isOld) return []
      const address = addressesOf(cidr)[place] ?? ''
      const call = this.#calls.get(holder.handle)
      const isGiven = call?.given.some((given) => given.address === address && given.sequenceNumber === String(number))
      if (call === undefined || isGiven !== true) {
        at(`${address} belongs to ${holder.handle}, who was not given it`)
        return []
      }
      if (holder.attributes['node'] !== call.wish.node) at(`${address} is used on ${String(holder.attributes['node'])}`)
      this.#seen.add(`${holder.handle} ${address} ${String(number)}`)
      return [{ address, cidr, call }]
    })
  }

  /** A block changes hands when it is taken over, which takes a minute; or it was given up and made anew in one revision. */
  #checkAffinity(
    cidr: string,
    old: NaiveBlock,
    block: NaiveBlock,
    decided: NaiveState,
    at: (problem: string) => void,
  ): void {
    const isAnew = block.number > old.number + leap
    if (!isAnew) at(`${cidr} goes from ${String(old.affinity)} to ${String(block.affinity)} with addresses in it`)
    if (old.affinity === null || isDeselected(decided, cidr, old.affinity)) return
    const claimedAt = block.claimedAt ?? Number(block.number / 1_000_000n)
    const age = claimedAt - (old.claimedAt ?? 0)
    if (age < minuteMs - roundingMs) at(`${cidr} of ${old.affinity} was taken over after ${age} ms`)
  }
}

function checkAssigned(
  { address, cidr, call: { wish } }: Assigned,
  decided: NaiveState,
  at: (problem: string) => void,
): void {
  const { handle, node, use = 'Workload' } = wish
  const own = node === undefined ? null : `host:${node}`
  if (decided.config.isStrict && (own === null || decided.blocks.get(cidr)?.affinity !== own)) {
    at(
      `strict affinity: ${address} was given to ${String(node)} from a block of ${String(decided.blocks.get(cidr)?.affinity)}`,
    )
  }
  if (wish.addresses !== undefined) return
  if (reservedAddresses.has(address)) at(`${address} was given to ${handle}, and is reserved`)
  const pool = poolOfBlock(cidr)
  if (!poolsFor(decided, wish, pool.family, use).includes(pool))
    at(`${address} was given to ${handle}, for whom ${pool.name} is not`)
}

/** The limit of a new claim. */
interface ClaimLimit {
  readonly claim: string
  readonly node: string
  readonly cidr: string
  /** The largest limit of the calls that may have made it; Infinity if a call named its addresses. */
  readonly most: number
  /** True if one of these calls could make it beside these blocks of the node. */
  isWithin(others: readonly string[]): boolean
}

function limitOf(claim: string, assigned: readonly Assigned[], decided: NaiveState): ClaimLimit {
  const [node = '', cidr = ''] = claim.split(' ')
  const ofNode = assigned.filter(({ call: { wish } }) => wish.node === node)
  if (ofNode.some(({ call: { wish } }) => wish.addresses !== undefined))
    return { claim, node, cidr, most: Infinity, isWithin: () => true }
  const calls = ofNode
    .filter((one) => one.cidr === cidr)
    .map(({ call: { wish } }) => ({
      limit: blockLimit(decided, wish),
      pools: poolsFor(decided, wish, poolOfBlock(cidr).family, wish.use ?? 'Workload'),
    }))
  return {
    ...{ claim, node, cidr },
    most: Math.max(0, ...calls.map(({ limit }) => limit)),
    isWithin: (others) =>
      calls.some(({ limit, pools }) => others.filter((other) => pools.includes(poolOfBlock(other))).length < limit),
  }
}

function isDeselected(state: NaiveState, cidr: string, affinity: string): boolean {
  const labels = state.nodes.get(affinity.slice('host:'.length))
  return labels !== undefined && !poolOfBlock(cidr).selects(labels)
}
