import assert from 'node:assert/strict'
import {
  addressesOf,
  blockOfAddress,
  blocksIn,
  poolOfBlock,
  reservedAddresses,
  type ScenarioPool,
  scenarioPools,
} from './cluster.ts'
import type { NaiveState } from './naive-state.ts'

/** A request: counts or named addresses. */
export interface NaiveWish {
  readonly handle: string
  readonly node?: string
  readonly ipv4?: number
  readonly ipv6?: number
  readonly addresses?: readonly string[]
  /** Names. */
  readonly pools?: readonly string[]
  readonly use?: string
  readonly maxBlocksPerNode?: number
  readonly partial?: boolean
  readonly attributes?: Readonly<Record<string, string>>
}

/** One address of an answer. */
export interface Given {
  readonly address: string
  readonly block: string
}

/** An address to give back, on conditions. */
export interface NaiveItem {
  readonly address: string
  readonly handle?: string
  readonly sequenceNumber?: string
}

const takeOverMs = 60_000
/** Claim times are stored in whole seconds. */
const roundingMs = 1_000

/** The pools that a request may use, in order; `use` null: whatever they allow. */
export function poolsFor(
  state: NaiveState,
  wish: NaiveWish,
  family: 4 | 6,
  use: string | null,
): readonly ScenarioPool[] {
  const labels = state.nodes.get(wish.node ?? '') ?? {}
  const { pools: asked = [] } = wish
  const chosen =
    asked.length > 0
      ? asked.flatMap((name) => scenarioPools.find((pool) => pool.name === name) ?? [])
      : scenarioPools.filter((pool) => !pool.isManual && pool.selects(labels))
  return chosen.filter((pool) => pool.family === family && (use === null || pool.uses.includes(use)))
}

/** The limit of blocks of a node in the pools of a request. */
export function blockLimit(state: NaiveState, { maxBlocksPerNode = 0 }: NaiveWish): number {
  const limits = [maxBlocksPerNode, state.config.maxBlocks].filter((limit) => limit > 0)
  return limits.length === 0 ? 20 : Math.min(...limits)
}

/**
 * One automatic assignment, told step by step, on a state that it changes. Where the rules leave a choice, what was given decides,
 * if it is one of the legal choices; of a refused request the poorest choice counts. Throws where a rule is broken.
 */
export class NaiveAssignment {
  readonly #state: NaiveState
  readonly #wish: NaiveWish
  readonly #family: 4 | 6
  readonly #given: readonly Given[] | undefined
  readonly #nowMs: number
  readonly #taken: string[] = []
  #missing: number

  constructor(state: NaiveState, wish: NaiveWish, family: 4 | 6, given: readonly Given[] | undefined, nowMs: number) {
    this.#state = state
    this.#wish = wish
    this.#family = family
    this.#given = given
    this.#nowMs = nowMs
    this.#missing = (family === 4 ? wish.ipv4 : wish.ipv6) ?? 0
  }

  /** The addresses taken, in their order. */
  run(): readonly string[] {
    const { config } = this.#state
    const { node, use = 'Workload' } = this.#wish
    const pools = poolsFor(this.#state, this.#wish, this.#family, use)
    if (this.#missing === 0 || (node === undefined && config.isStrict)) return []
    const own = node === undefined ? null : `host:${node}`
    let claimed = 0
    if (node === undefined) {
      for (const pool of pools) this.#takeFromAny(pool, (cidr) => this.#state.blocks.get(cidr)?.affinity === null)
    } else {
      giveUpOutside(this.#state, node, poolsFor(this.#state, this.#wish, this.#family, null), this.#family)
      const mine = this.#state.claimsOf(node).filter((cidr) => pools.includes(poolOfBlock(cidr)))
      claimed = mine.length
      for (const cidr of mine) this.#takeFrom(cidr)
    }
    while (this.#missing > 0) {
      if (node !== undefined && claimed >= blockLimit(this.#state, this.#wish)) return this.#taken
      if (!config.isAutomatic) return this.#taken
      const cidr = this.#vacant(pools) ?? this.#abandoned(pools, own)
      if (cidr === undefined) break
      this.#make(cidr, own)
      this.#takeFrom(cidr)
      claimed++
    }
    if (!config.isStrict) for (const pool of pools) this.#takeFromAny(pool, () => true)
    return this.#taken
  }

  #usable(cidr: string): readonly number[] {
    const block = this.#state.blocks.get(cidr)
    const addresses = addressesOf(cidr)
    const queue = block === undefined ? addresses.map((_, place) => place) : block.queue
    return queue.filter((place) => !reservedAddresses.has(addresses[place] ?? ''))
  }

  /** Of blocks that are equally good, the one that was used; or the poorest. */
  #choose(cidrs: readonly string[]): string | undefined {
    if (cidrs.length === 0) return undefined
    if (this.#given === undefined) {
      return cidrs.toSorted((one, other) => this.#usable(one).length - this.#usable(other).length)[0]
    }
    const next = this.#given[this.#taken.length]
    assert(next !== undefined, `${cidrs.join(' ')} could give more`)
    assert(cidrs.includes(next.block), `${next.address} was given, but it was the turn of ${cidrs.join(' ')}`)
    return next.block
  }

  #vacant(pools: readonly ScenarioPool[]): string | undefined {
    const vacant = pools.map((pool) => {
      return blocksIn(pool).filter((cidr) => !this.#state.blocks.has(cidr) && this.#usable(cidr).length > 0)
    })
    return this.#choose(vacant.find((cidrs) => cidrs.length > 0) ?? [])
  }

  /** Empty blocks of others that may be taken over. At the very edge of the minute, what was given decides. */
  #abandoned(pools: readonly ScenarioPool[], own: string | null): string | undefined {
    for (const pool of pools) {
      const abandoned = blocksIn(pool).filter((cidr) => {
        const block = this.#state.blocks.get(cidr)
        const isEmpty = block?.holders.every((holder) => holder === undefined) === true
        const isOthers = block?.affinity !== null && block?.affinity !== own
        const isEdge = Math.abs(this.#nowMs - (block?.claimedAt ?? 0) - takeOverMs) <= 2 * roundingMs
        const isChosen = this.#given?.[this.#taken.length]?.block === cidr
        const isOld = isEdge ? isChosen : this.#nowMs - (block?.claimedAt ?? 0) > takeOverMs
        return isEmpty && isOthers && isOld && this.#usable(cidr).length > 0
      })
      if (abandoned.length > 0) return this.#choose(abandoned)
    }
    return undefined
  }

  #make(cidr: string, affinity: string | null): void {
    const before = this.#state.blocks.get(cidr)?.affinity
    if (before !== undefined && before !== null) this.#state.claims.delete(`${before.slice('host:'.length)} ${cidr}`)
    makeBlock(this.#state, cidr, affinity)
  }

  /** Takes from blocks of a pool, one after the other, as long as there are any. */
  #takeFromAny(pool: ScenarioPool, accepts: (cidr: string) => boolean): void {
    for (;;) {
      if (this.#missing === 0) return
      const open = blocksIn(pool).filter((cidr) => {
        return this.#state.blocks.has(cidr) && accepts(cidr) && this.#usable(cidr).length > 0
      })
      const cidr = this.#choose(open)
      if (cidr === undefined) return
      this.#takeFrom(cidr)
    }
  }

  #takeFrom(cidr: string): void {
    const places = this.#usable(cidr).slice(0, this.#missing)
    if (places.length === 0) return
    hold(this.#state, cidr, places, this.#wish)
    this.#missing -= places.length
    for (const place of places) this.#taken.push(addressesOf(cidr)[place] ?? '')
  }
}

/** Takes named addresses, on a state that it changes; gives the reason of a refusal instead, or the addresses. */
export function assignNaively(state: NaiveState, wish: NaiveWish): string | readonly string[] {
  const { node, addresses = [], partial = false } = wish
  const own = node === undefined ? null : `host:${node}`
  const placed = addresses.flatMap((address) => {
    const cidr = blockOfAddress(address)
    return cidr === undefined ? [] : [{ address, cidr }]
  })
  if (placed.length < addresses.length) return 'Invalid'
  const isOthers = placed.some(
    ({ cidr }) => (state.blocks.get(cidr)?.affinity ?? own) !== own || state.blocks.get(cidr)?.affinity === null,
  )
  if (state.config.isStrict && (own === null || isOthers)) return 'Conflict'
  const taken: string[] = []
  for (const { address, cidr } of placed) {
    const place = addressesOf(cidr).indexOf(address)
    if (state.blocks.get(cidr)?.holders[place] !== undefined) continue
    if (!state.blocks.has(cidr)) makeBlock(state, cidr, own)
    hold(state, cidr, [place], wish)
    taken.push(address)
  }
  return taken.length === addresses.length || (partial && taken.length > 0) ? taken : 'AddressInUse'
}

/** Releases addresses, on a state that it changes; returns what happened to each. */
export function releaseNaively(
  state: NaiveState,
  items: readonly NaiveItem[],
): {
  readonly released: readonly string[]
  readonly unallocated: readonly string[]
  readonly failed: readonly string[]
} {
  const answer = { released: [] as string[], unallocated: [] as string[], failed: [] as string[] }
  for (const { address, handle, sequenceNumber } of items) {
    const cidr = blockOfAddress(address)
    const block = state.blocks.get(cidr ?? '')
    const place = cidr === undefined ? -1 : addressesOf(cidr).indexOf(address)
    const isOtherNumber = sequenceNumber !== undefined && BigInt(sequenceNumber) !== (block?.numbers.get(place) ?? 0n)
    if (block !== undefined && isOtherNumber) answer.failed.push(address)
    else if (block?.holders[place] === undefined) answer.unallocated.push(address)
    else if (handle !== undefined && block.holders[place].handle !== handle) answer.failed.push(address)
    else answer.released.push(address)
  }
  free(state, answer.released)
  return answer
}

/** Frees addresses that are held: each block once, ascending. */
export function free(state: NaiveState, addresses: readonly string[]): void {
  for (const cidr of new Set(addresses.map((address) => blockOfAddress(address) ?? ''))) {
    const block = state.blocks.get(cidr)
    assert(block !== undefined)
    const handles = new Set<string>()
    for (const [place, address] of addressesOf(cidr).entries()) {
      const holder = block.holders[place]
      if (!addresses.includes(address) || holder === undefined) continue
      handles.add(holder.handle)
      block.holders[place] = undefined
      block.queue.push(place)
      block.numbers.delete(place)
    }
    block.number += 1n
    for (const handle of handles) count(state, handle, cidr)
    if (!block.holders.every((holder) => holder === undefined)) continue
    if (block.affinity === null) state.blocks.delete(cidr)
    else giveUpIfDeselected(state, cidr)
  }
}

/** Gives up empty blocks of a node that lie in none of the pools chosen for it, and whose pools do not select it any more. */
function giveUpOutside(state: NaiveState, node: string, chosen: readonly ScenarioPool[], family: 4 | 6): void {
  const empty = state.claimsOf(node).filter((cidr) => {
    const block = state.blocks.get(cidr)
    const isEmpty = block?.holders.every((holder) => holder === undefined) === true
    const pool = poolOfBlock(cidr)
    return pool.family === family && isEmpty && block.affinity === `host:${node}` && !chosen.includes(pool)
  })
  for (const cidr of empty.slice(0, 8)) giveUpIfDeselected(state, cidr)
}

function giveUpIfDeselected(state: NaiveState, cidr: string): void {
  const node = (state.blocks.get(cidr)?.affinity ?? '').slice('host:'.length)
  const labels = state.nodes.get(node)
  if (labels === undefined || poolOfBlock(cidr).selects(labels)) return
  state.blocks.delete(cidr)
  state.claims.delete(`${node} ${cidr}`)
}

function makeBlock(state: NaiveState, cidr: string, affinity: string | null): void {
  const places = addressesOf(cidr).map((_, place) => place)
  const holders = places.map(() => undefined)
  const claimedAt = affinity === null ? undefined : 0
  // The number comes from the clock: the comparison takes over what was stored.
  state.blocks.set(cidr, { affinity, claimedAt, holders, queue: places, number: 0n, numbers: new Map() })
  if (affinity !== null)
    state.claims.set(`${affinity.slice('host:'.length)} ${cidr}`, '{"state":"confirmed","deleted":false}')
}

function hold(state: NaiveState, cidr: string, places: readonly number[], wish: NaiveWish): void {
  const block = state.blocks.get(cidr)
  assert(block !== undefined)
  const { handle, node, attributes = {} } = wish
  for (const place of places) {
    block.holders[place] = { handle, attributes: node === undefined ? attributes : { ...attributes, node } }
    block.queue.splice(block.queue.indexOf(place), 1)
    block.numbers.set(place, block.number)
  }
  block.number += 1n
  count(state, handle, cidr)
}

/** Lets a handle count what it holds in a block. */
function count(state: NaiveState, handle: string, cidr: string): void {
  const held = state.blocks.get(cidr)?.holders.filter((holder) => holder?.handle === handle).length ?? 0
  const counts = new Map(state.handles.get(handle))
  if (held > 0) counts.set(cidr, held)
  else counts.delete(cidr)
  if (counts.size > 0) state.handles.set(handle, counts)
  else state.handles.delete(handle)
}
