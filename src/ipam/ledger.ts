import assert from 'node:assert/strict'
import { type Block, type Charges, chargesKey, isHeld, quotaKey, sequenceNumberOf } from '../model/index.ts'
import { type Cidr, formatCidr, type Ordinal, ordinal } from '../net/index.ts'
import { put, remove, type View, type Write } from '../plan/index.ts'

/** The charges of a block while they are changed. */
interface BlockAccount {
  readonly cidr: Cidr
  readonly charges: Map<string, Map<number, bigint>>
  isChanged: boolean
}

/** The use of a quota while it is changed; undefined if the stored number cannot be read. */
interface QuotaAccount {
  readonly stored: number | undefined
  used: number | undefined
}

/**
 * The charges that a plan makes and gives back. Each address that is assigned under a quota is charged in the transaction that assigns it.
 * The charge is given back in the transaction that releases the address, or by upkeep if another program has released it.
 */
export class Ledger {
  readonly #view: View
  readonly #quotas = new Map<string, QuotaAccount>()
  readonly #blocks = new Map<string, BlockAccount | undefined>()

  constructor(view: View) {
    this.#view = view
  }

  /** The number of addresses held under a quota; Infinity if the stored number cannot be read, so that nothing is assigned on a guess. */
  used(quota: string): number {
    return this.#quota(quota).used ?? Infinity
  }

  /** The number that was stored before this plan. */
  usedBefore(quota: string): number {
    return this.#quota(quota).stored ?? Infinity
  }

  /** True if addresses of this block can be charged: its charges can be read. */
  canCharge(cidr: Cidr): boolean {
    return this.#block(cidr) !== undefined
  }

  /** Charges addresses of `block`, as they are assigned in it. */
  charge(quota: string, block: Block, ordinals: readonly Ordinal[]): void {
    const account = this.#block(block.cidr)
    const use = this.#quota(quota)
    assert(account, 'charges that cannot be read are not changed')
    assert(use.used !== undefined, 'nothing is charged to a quota whose use cannot be read')
    const charged = account.charges.get(quota) ?? new Map<number, bigint>()
    for (const place of ordinals) {
      // An earlier charge of the address was never given back, because something else released it.
      if (!charged.has(place)) use.used++
      charged.set(place, sequenceNumberOf(block, place))
    }
    account.charges.set(quota, charged)
    account.isChanged = true
  }

  /**
   * Gives back the charges for assignments that the block no longer has; `block` is undefined if it does not exist. Leaves to upkeep those
   * that there is no room for, and those that cannot be read.
   */
  giveBack(cidr: Cidr, block: Block | undefined, hasRoom: (keys: number) => boolean): number {
    if (!this.#blocks.has(formatCidr(cidr)) && !hasRoom(1)) return 0
    const account = this.#block(cidr)
    let count = 0
    for (const [quota, charged] of account?.charges ?? []) {
      const gone = [...charged].filter(([place, number]) => !hasAssignment(block, ordinal(place), number))
      if (account === undefined || gone.length === 0) continue
      if (!this.#quotas.has(quota) && !hasRoom(1)) continue
      const use = this.#quota(quota)
      if (use.used === undefined) continue
      for (const [place] of gone) charged.delete(place)
      if (charged.size === 0) account.charges.delete(quota)
      account.isChanged = true
      use.used = Math.max(0, use.used - gone.length)
      count += gone.length
    }
    return count
  }

  /** Every change, one write per key. */
  writes(): readonly Write[] {
    const writes: Write[] = []
    for (const [name, { stored, used }] of this.#quotas) {
      if (used === stored || used === undefined) continue
      writes.push(used === 0 ? remove(quotaKey(name)) : put(quotaKey(name), { used }))
    }
    for (const account of this.#blocks.values()) {
      if (account?.isChanged !== true) continue
      const key = chargesKey(account.cidr)
      writes.push(account.charges.size === 0 ? remove(key) : put<Charges>(key, account.charges))
    }
    return writes
  }

  #quota(name: string): QuotaAccount {
    const known = this.#quotas.get(name)
    if (known !== undefined) return known
    const lookup = this.#view.get(quotaKey(name))
    const stored = lookup.kind === 'unreadable' ? undefined : lookup.kind === 'value' ? lookup.value.used : 0
    const account = { stored, used: stored }
    this.#quotas.set(name, account)
    return account
  }

  #block(cidr: Cidr): BlockAccount | undefined {
    const name = formatCidr(cidr)
    if (this.#blocks.has(name)) return this.#blocks.get(name)
    const lookup = this.#view.get(chargesKey(cidr))
    const stored: Charges = lookup.kind === 'value' ? lookup.value : new Map()
    const charges = new Map([...stored].map(([quota, charged]) => [quota, new Map(charged)]))
    const account = lookup.kind === 'unreadable' ? undefined : { cidr, charges, isChanged: false }
    this.#blocks.set(name, account)
    return account
  }
}

/** Counts the charged assignments that the block no longer has. */
export function countStale(charged: ReadonlyMap<number, bigint>, block: Block | undefined): number {
  let count = 0
  for (const [place, number] of charged) if (!hasAssignment(block, ordinal(place), number)) count++
  return count
}

/** True if the block has this assignment of the ordinal. That the ordinal is held is not enough: it may have been assigned anew. */
function hasAssignment(block: Block | undefined, place: Ordinal, number: bigint): boolean {
  return block !== undefined && isHeld(block, place) && sequenceNumberOf(block, place) === number
}
