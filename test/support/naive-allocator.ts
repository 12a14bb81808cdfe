import assert from 'node:assert/strict'
import type { Allocation, AssignAnswer, ReleaseAnswer, ReleaseItem } from '../../src/ipam/index.ts'
import type { Block } from '../../src/model/index.ts'
import {
  type Address,
  addressAt,
  addressCount,
  type Cidr,
  contains,
  type IpFamily,
  firstAddress,
  formatAddress,
  formatCidr,
  mustParseCidr,
  ordinal,
} from '../../src/net/index.ts'
import type { Result } from '../../src/plan/index.ts'
import type { Wish, World } from './ipam-world.ts'

/** A pool as the naive allocator knows it. */
export interface NaivePool {
  readonly name: string
  readonly cidr: string
  readonly blockSize: number
  /** The only node that its selector matches; undefined: all. */
  readonly onlyNode?: string
}

/** The settings of a whole story. */
export interface NaiveRules {
  readonly isStrict: boolean
  readonly cooldownSeconds: number
  /** Others have left claims and counts that fit nothing: only who holds what, and the blocks themselves, are looked at. */
  readonly isMessy?: boolean
}

interface Holding {
  readonly handle: string
  readonly node: string | undefined
  readonly sequenceNumber: bigint
}

const second = 1_000_000_000n
const takeOverSeconds = 60n

/**
 * The rules of assigning and releasing, told the long way: it keeps who holds each address, and knows nothing of queues, indexes and
 * indexes' hints. Which of the addresses that may be given is given is the allocator's choice; whether, to whom, and what is left
 * in the datastore is not. Each check throws when a rule is broken.
 */
export class NaiveAllocator {
  readonly holdings = new Map<string, Holding>()
  /** When addresses were released that have no holder now, in Unix seconds, whether they still cool down or not. */
  readonly released = new Map<string, bigint>()
  readonly disabled = new Set<string>()
  readonly reserved: Cidr[] = []
  /** The numbers under which each address has ever been held. */
  readonly #numbers = new Map<string, Set<bigint>>()
  readonly #world: World
  readonly #pools: readonly NaivePool[]
  readonly #rules: NaiveRules
  #blocks: ReadonlyMap<string, Block> = new Map()

  constructor(world: World, pools: readonly NaivePool[], rules: NaiveRules) {
    this.#world = world
    this.#pools = pools
    this.#rules = rules
  }

  /** To be called before an operation: remembers the stored blocks as they are loaded. */
  look(): void {
    this.#blocks = this.#storedBlocks()
  }

  /** Takes over what is stored already. */
  adopt(): void {
    for (const [address, holding] of this.#storedHoldings(this.#storedBlocks()).held)
      this.holdings.set(address, holding)
  }

  /** Compares the outcome of an automatic assignment with the rules, and takes it over. */
  assigned(
    wish: Wish & { readonly handle: string; readonly pools: readonly string[] },
    outcome: Result<AssignAnswer>,
  ): void {
    const wanted: Record<IpFamily, number> = { 4: wish.ipv4 ?? 0, 6: wish.ipv6 ?? 0 }
    const families = ([4, 6] as const).filter((family) => wanted[family] > 0)
    const named = this.#pools.filter(({ name }) => wish.pools.includes(name))
    const isWellAsked =
      wish.pools.length === 0 || families.every((family) => named.some((pool) => familyOf(pool) === family))
    if (!isWellAsked) {
      this.#refused(outcome, 'Invalid', 'InsufficientAddresses')
      return
    }
    if (named.some((pool) => this.disabled.has(pool.name) && families.includes(familyOf(pool)))) {
      this.#refused(outcome, 'InsufficientAddresses', 'Invalid')
      return
    }
    const available = families.map((family) => this.#available(family, wish, named))
    const isEnough = families.every((family, index) => (available[index] ?? 0) >= wanted[family])
    const hasSome = available.some((count) => count > 0)
    if (!isEnough && !(wish.partial === true && hasSome)) {
      this.#refused(outcome, 'InsufficientAddresses')
      return
    }
    assert(outcome.ok, 'refused, although there were enough')
    const { addresses } = outcome.value
    for (const [index, family] of families.entries()) {
      const count = addresses.filter(({ address }) => address.family === family).length
      const possible = Math.min(wanted[family], available[index] ?? 0)
      // With `partial`, a request may miss addresses that others of the same batch have just freed, or blocks that they have just made.
      const isFewerFine = wish.partial === true && this.#world.isInBatch && count < possible
      if (!isFewerFine) assert.equal(count, possible, `how many of IPv${family}`)
    }
    for (const { address, pool } of addresses) {
      assert(this.#isFree(address), `${formatAddress(address)} was not free`)
      assert(!this.reserved.some((cidr) => contains(cidr, address)), `${formatAddress(address)} is reserved`)
      assert(
        this.#eligible(address.family, wish, named).some(({ name }) => name === pool),
        `pool ${String(pool)}`,
      )
    }
    this.#areFirstInQueue(addresses)
    this.#hold(wish, addresses)
  }

  /** Compares the outcome of an assignment of named addresses with the rules, and takes it over. */
  assignedNamed(
    wish: Wish & { readonly handle: string },
    addresses: readonly Address[],
    outcome: Result<AssignAnswer>,
  ): void {
    const isPlaced = addresses.every((address) => {
      const pool = this.#poolOf(address)
      return pool !== undefined && !this.disabled.has(pool.name)
    })
    if (!isPlaced) {
      this.#refused(outcome, 'Invalid')
      return
    }
    if (this.#rules.isStrict) {
      const isOthers = addresses.some((address) => {
        const block = this.#blockOf(address)
        return block !== undefined && block.affinity !== affinityOf(wish.node)
      })
      if (wish.node === undefined || isOthers) {
        this.#refused(outcome, 'Conflict')
        return
      }
    }
    const free = addresses.filter((address) => this.#isFree(address))
    if (free.length < addresses.length && !(wish.partial === true && free.length > 0)) {
      this.#refused(outcome, 'AddressInUse')
      return
    }
    assert(outcome.ok, 'refused, although all were free')
    assert.deepEqual(
      outcome.value.addresses.map(({ address }) => address),
      free,
    )
    this.#hold(wish, outcome.value.addresses)
  }

  /** Compares the outcome of a release with the rules, and takes it over. */
  gaveBack(items: readonly ReleaseItem[], outcome: Result<ReleaseAnswer>): void {
    assert(outcome.ok, 'a release is answered, not refused')
    const last = new Map(items.map((item) => [formatAddress(item.address), item]))
    const want = { released: [] as string[], unallocated: [] as string[], failed: [] as string[] }
    for (const [text, { handle, sequenceNumber }] of last) {
      const holding = this.holdings.get(text)
      if (holding === undefined) want.unallocated.push(text)
      else if (sequenceNumber !== undefined && sequenceNumber !== holding.sequenceNumber) want.failed.push(text)
      else if (handle !== undefined && handle !== holding.handle) want.failed.push(text)
      else want.released.push(text)
    }
    const { released, unallocated, failed } = outcome.value
    assert.deepEqual(released.map(formatAddress).sort(), want.released.sort())
    assert.deepEqual(unallocated.map(formatAddress).sort(), want.unallocated.sort())
    assert.deepEqual(failed.map(({ address }) => formatAddress(address)).sort(), want.failed.sort())
    for (const text of want.released) this.#letGo(text)
  }

  /** Compares the outcome of the release of a handle with the rules, and takes it over. */
  gaveBackAll(handle: string, outcome: Result<ReleaseAnswer>): void {
    const held = [...this.holdings].flatMap(([text, holding]) => (holding.handle === handle ? [text] : []))
    if (held.length === 0) {
      this.#refused(outcome, 'NotFound')
      return
    }
    assert(outcome.ok, 'the handle holds addresses')
    assert.deepEqual(outcome.value.released.map(formatAddress).sort(), held.sort())
    for (const text of held) this.#letGo(text)
  }

  /** Compares all that is stored with what is known. To be called after each operation. */
  check(): void {
    const stored = this.#storedBlocks({ isRaw: true })
    const { held, counts, resting } = this.#storedHoldings(stored)
    assert.deepEqual(new Map([...held].sort()), new Map([...this.holdings].sort()), 'who holds what')
    for (const address of resting) assert(this.released.has(address), `${address} rests, but was never released`)
    for (const [text, block] of stored) {
      const { allocations, unallocated } = block
      const pool = this.#pools.find(({ cidr }) => contains(mustParseCidr(cidr), firstAddress(block.cidr)))
      assert.equal(block.cidr.prefixLength, pool?.blockSize, `${text} is a block of its pool`)
      assert.equal(unallocated.length + allocations.filter((index) => index !== null).length, allocations.length)
      assert.equal(new Set(unallocated).size, unallocated.length)
      this.#checkQueue(text, block)
    }
    for (const [text, before] of this.#blocks) if (!stored.has(text)) this.#mayBeGone(text, before)
    if (this.#rules.isMessy === true) return
    for (const [text, { affinity, allocations, unallocated }] of stored) {
      assert(affinity !== null || unallocated.length < allocations.length, `${text} is empty and nobody’s`)
    }
    this.#checkHandles(counts)
    this.#checkClaims(stored)
  }

  /** The holder of each address, the count of each handle in each block, and the addresses that are released and not free yet. */
  #storedHoldings(stored: ReadonlyMap<string, Block>): {
    readonly held: ReadonlyMap<string, Holding>
    readonly counts: ReadonlyMap<string, ReadonlyMap<string, number>>
    readonly resting: readonly string[]
  } {
    const held = new Map<string, Holding>()
    const counts = new Map<string, Map<string, number>>()
    const resting: string[] = []
    for (const [text, block] of stored) {
      for (const [place, index] of block.allocations.entries()) {
        const address = formatAddress(addressAt(block.cidr, ordinal(place)))
        const attribute = index === null ? undefined : block.attributes?.[index]
        if (attribute === undefined) continue
        if (attribute.releasedAt !== undefined) {
          resting.push(address)
          continue
        }
        const { handle = '', active } = attribute
        assert(!held.has(address), `${address} is in two blocks`)
        const sequenceNumber = block.sequenceNumberForAllocation[place] ?? 0n
        held.set(address, { handle, node: active?.['node'], sequenceNumber })
        const ofHandle = counts.get(handle) ?? new Map<string, number>()
        counts.set(handle, ofHandle.set(text, (ofHandle.get(text) ?? 0) + 1))
      }
    }
    return { held, counts, resting }
  }

  #checkHandles(counts: ReadonlyMap<string, ReadonlyMap<string, number>>): void {
    const prefix = '/calico/ipam/v2/handle/'
    const stored = this.#world.dump(prefix).map(([key]) => {
      const name = key.slice(prefix.length)
      return [name, JSON.parse(this.#world.counts(name) ?? '')] as const
    })
    const want = [...counts].map(([name, ofHandle]) => [name, Object.fromEntries(ofHandle)] as const)
    assert.deepEqual(Object.fromEntries(stored), Object.fromEntries(want), 'handles count what is held')
  }

  #checkClaims(stored: ReadonlyMap<string, Block>): void {
    const claims = this.#world.view.keys('/calico/ipam/v2/host/')
    const owned = [...stored].flatMap(([text, { affinity }]) => {
      return affinity === null ? [] : [this.#world.claimKey(affinity.slice('host:'.length), text)]
    })
    assert.deepEqual([...claims].sort(), owned.sort(), 'each block of a node has a claim, and each claim a block')
    for (const key of claims) assert.equal(this.#world.view.text(key), '{"state":"confirmed","deleted":false}')
  }

  /** Freed addresses are behind those that were free before, which keep their order. */
  #checkQueue(text: string, block: Block): void {
    const before = this.#blocks.get(text)
    // A number from the clock says that the block was deleted or taken over, and made anew.
    if (before === undefined || block.sequenceNumber > before.sequenceNumber + 1_000n) return
    assert(block.sequenceNumber >= before.sequenceNumber, `the number of ${text} went back`)
    if (block.sequenceNumber === before.sequenceNumber) return
    const stillFree = before.unallocated.filter((place) => block.unallocated.includes(place))
    assert.deepEqual(block.unallocated.slice(0, stillFree.length), stillFree, `the queue of ${text}`)
    const freed = block.unallocated.slice(stillFree.length)
    assert.deepEqual(
      freed,
      [...freed].sort((one, other) => one - other),
      `what was freed in ${text}`,
    )
  }

  /** Of the blocks that were there, an automatic assignment takes the first of the queue that are not reserved. */
  #areFirstInQueue(allocations: readonly Allocation[]): void {
    for (const [text, before] of this.#blocks) {
      const taken = allocations.filter(({ block }) => formatCidr(block) === text).map(({ address }) => address)
      const isAnew = allocations.some(
        ({ block, sequenceNumber }) => formatCidr(block) === text && sequenceNumber !== before.sequenceNumber,
      )
      if (isAnew) {
        assert(this.#isTakeable(before, undefined), `${text} was taken over`)
        continue
      }
      const free = before.unallocated.map((place) => addressAt(before.cidr, place))
      const queue = free.filter((address) => !this.reserved.some((cidr) => contains(cidr, address)))
      assert.deepEqual(taken, queue.slice(0, taken.length), `taken from ${text}`)
    }
  }

  /** A block vanishes only empty: nobody's at once, a node's when it is taken over or its pool does not select the node any more. */
  #mayBeGone(text: string, before: Block): void {
    const isHeld = [...this.holdings.keys()].some((address) => this.#blockTextOf(address) === text)
    assert(!isHeld, `${text} is gone with addresses in use`)
    if (before.affinity === null) return
    const pool = this.#pools.find(({ cidr }) =>
      contains(mustParseCidr(cidr), { ...before.cidr, value: before.cidr.base }),
    )
    const isDeselected = pool?.onlyNode !== undefined && before.affinity !== affinityOf(pool.onlyNode)
    assert(isDeselected && !this.disabled.has(pool.name), `${text} of ${before.affinity} is gone`)
  }

  #refused(outcome: Result<unknown>, ...reasons: readonly string[]): void {
    assert(!outcome.ok, `granted, although it should be refused with ${reasons.join(' or ')}`)
    assert(
      reasons.includes(outcome.refusal.reason),
      `refused with ${outcome.refusal.reason}, not with ${reasons.join(' or ')}`,
    )
  }

  #hold(
    { handle, node }: { readonly handle: string; readonly node?: string | undefined },
    taken: readonly Allocation[],
  ): void {
    for (const { address, sequenceNumber } of taken) {
      const text = formatAddress(address)
      assert(!this.holdings.has(text), `${text} is given twice`)
      const numbers = this.#numbers.get(text) ?? new Set()
      assert(!numbers.has(sequenceNumber), `${text} had the number ${sequenceNumber} before`)
      this.#numbers.set(text, numbers.add(sequenceNumber))
      this.holdings.set(text, { handle, node, sequenceNumber })
      this.released.delete(text)
    }
  }

  #letGo(text: string): void {
    this.holdings.delete(text)
    this.released.set(text, this.#world.nanoseconds / second)
  }

  #isFree(address: Address): boolean {
    const text = formatAddress(address)
    return !this.holdings.has(text) && !this.#isResting(text)
  }

  #isResting(text: string): boolean {
    const { cooldownSeconds } = this.#rules
    const since = this.released.get(text)
    if (cooldownSeconds === 0 || since === undefined) return false
    return since * second >= this.#world.nanoseconds - BigInt(cooldownSeconds) * second
  }

  #eligible(family: IpFamily, { node }: Wish, named: readonly NaivePool[]): readonly NaivePool[] {
    if (named.length > 0) return named.filter((pool) => familyOf(pool) === family)
    return this.#pools.filter((pool) => {
      const isSelected = pool.onlyNode === undefined || pool.onlyNode === node
      return familyOf(pool) === family && !this.disabled.has(pool.name) && isSelected
    })
  }

  /** The number of addresses that the request can get: all free ones, or with strict affinity those in blocks that can be the node's. */
  #available(family: IpFamily, wish: Wish, named: readonly NaivePool[]): number {
    const { isStrict } = this.#rules
    if (isStrict && wish.node === undefined) return 0
    const addresses = this.#eligible(family, wish, named).flatMap(({ cidr }) => addressesOf(mustParseCidr(cidr)))
    return addresses.filter((address) => {
      if (!this.#isFree(address) || this.reserved.some((cidr) => contains(cidr, address))) return false
      const block = this.#blockOf(address)
      return (
        !isStrict ||
        block === undefined ||
        block.affinity === affinityOf(wish.node) ||
        this.#isTakeable(block, wish.node)
      )
    }).length
  }

  #isTakeable(block: Block, node: string | undefined): boolean {
    const isEmpty = addressesOf(block.cidr).every((address) => this.#isFree(address))
    const claimed =
      block.affinityClaimTime === undefined ? 0n : BigInt(Date.parse(block.affinityClaimTime)) * 1_000_000n
    const isOld = this.#world.nanoseconds - claimed >= takeOverSeconds * second
    return isEmpty && isOld && block.affinity !== null && block.affinity !== affinityOf(node)
  }

  #poolOf(address: Address): NaivePool | undefined {
    return this.#pools.find(({ cidr }) => contains(mustParseCidr(cidr), address))
  }

  #blockOf(address: Address): Block | undefined {
    return [...this.#blocks.values()].find(({ cidr }) => contains(cidr, address))
  }

  #blockTextOf(text: string): string | undefined {
    for (const [cidr, block] of this.#blocks) {
      if (addressesOf(block.cidr).some((address) => formatAddress(address) === text)) return cidr
    }
    return undefined
  }

  /** The stored blocks; as an operation loads them, with rested addresses at the ends of the queues, unless they are wanted raw. */
  #storedBlocks({ isRaw = false } = {}): ReadonlyMap<string, Block> {
    const prefix = '/calico/ipam/v2/assignment/'
    const blocks = new Map<string, Block>()
    for (const key of this.#world.view.keys(prefix)) {
      const text = key.slice(key.lastIndexOf('/') + 1).replace('-', '/')
      const block = this.#world.stored(text)
      assert(block !== undefined, `${key} can be read`)
      blocks.set(text, isRaw ? block : this.#loaded(block))
    }
    return blocks
  }

  #loaded(block: Block): Block {
    const rested = [...block.allocations.entries()].flatMap(([place, index]) => {
      const isReleased = index !== null && block.attributes?.[index]?.releasedAt !== undefined
      return isReleased && !this.#isResting(formatAddress(addressAt(block.cidr, ordinal(place))))
        ? [ordinal(place)]
        : []
    })
    return { ...block, unallocated: [...block.unallocated, ...rested] }
  }
}

function affinityOf(node: string | undefined): string | null {
  return node === undefined ? null : `host:${node}`
}

function familyOf({ cidr }: NaivePool): IpFamily {
  return cidr.includes(':') ? 6 : 4
}

function addressesOf(cidr: Cidr): readonly Address[] {
  return Array.from({ length: Number(addressCount(cidr)) }, (_, place) => addressAt(cidr, ordinal(place)))
}
