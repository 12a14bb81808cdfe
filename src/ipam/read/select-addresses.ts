import type { Rights } from '../../access/index.ts'
import { type Attribute, type Block, normalizeHandleId, type Pool } from '../../model/index.ts'
import {
  type Address,
  type Cidr,
  addressAt,
  contains,
  firstAddress,
  formatAddress,
  lastAddress,
  type Ordinal,
  ordinal,
} from '../../net/index.ts'
import { type Listed, type Result, success } from '../../plan/index.ts'
import { allocationOf } from '../allocation.ts'
import { isNamed, refuseUnknownPools } from '../eligible-pools.ts'
import { type Reach, reachOf, reading, visiblePools } from '../reach.ts'
import type { Allocation } from '../request.ts'
import { poolOf, type Pools, poolsIn } from '../surroundings.ts'

/** Selects the assigned addresses that match every given condition. */
export interface AddressFilter {
  readonly handle?: string | undefined
  /** The node that uses the address; the block may belong to another one. */
  readonly node?: string | undefined
  /** Attributes stored with the address, with any value if it is undefined; the node is one of them. */
  readonly attributes: readonly (readonly [name: string, value: string | undefined])[]
  /** The range that the address lies in. */
  readonly range?: Cidr | undefined
  /** A part of the address, the handle, the node, or the value of an attribute, in any case. */
  readonly text?: string | undefined
}

/** An assigned address and its place in its block. */
export interface SelectedAddress {
  readonly ordinal: Ordinal
  readonly allocation: Allocation
}

/** Finds the pools of one listing by name, by CIDR, or by block. Knows only those that exist for a caller who lists addresses. */
export class PoolsAtRevision {
  readonly #stored: Pools
  readonly #visible: Pools
  /** The reach of listing addresses. */
  readonly reach: Reach

  constructor(entries: readonly Listed<Pool>[], rights: Rights) {
    this.#stored = poolsIn(entries)
    this.#visible = visiblePools(rights, this.#stored, reading.addresses[1])
    this.reach = reachOf(rights, this.#stored, reading.addresses[1])
  }

  /** The pool with the name or CIDR `reference`. Refused if no readable pool has it. */
  named(reference: string): Result<Pool> {
    const pool = this.#visible.all.find((one) => isNamed(one, reference))
    return pool === undefined ? refuseUnknownPools([{ field: 'pool', reference }]) : success(pool)
  }

  /** The pool that a block counts towards: the first pool, by name, that contains the block's first address. */
  ofBlock(cidr: Cidr): Pool | undefined {
    return poolOf(this.#stored, firstAddress(cidr))
  }

  /** The only pools in which the caller may list addresses; undefined if the addresses may lie anywhere. */
  get listed(): readonly Pool[] | undefined {
    return this.reach.poolsAmong(this.#stored.all)
  }
}

/**
 * The assigned addresses of `block` that match `filter` and belong to a handle that `isListed`, ascending; `pool` is the name of the
 * block's pool.
 */
export function selectAddresses(
  block: Block,
  filter: AddressFilter,
  pool: string | undefined,
  isListed: (handle: string | undefined) => boolean,
): readonly SelectedAddress[] {
  const { range, text = '' } = filter
  const wanted = text.toLowerCase()
  const attributes = block.attributes ?? []
  const isSelected = attributes.map((attribute) => matches(attribute, filter) && isListed(handleIn(attribute)))
  const isFound = attributes.map((attribute) => hasText(attribute, wanted))
  const selected: SelectedAddress[] = []
  for (const [place, index] of block.allocations.entries()) {
    if (index === null || isSelected[index] !== true) continue
    const address = addressAt(block.cidr, ordinal(place))
    if (range !== undefined && !contains(range, address)) continue
    if (isFound[index] !== true && !formatAddress(address).includes(wanted)) continue
    selected.push({ ordinal: ordinal(place), allocation: allocationOf(block, ordinal(place), pool) })
  }
  return selected
}

/** False if the stored text of a block, without being decoded, shows that no address of the block matches the filter. */
export function mayMatch(text: string, { handle, node, attributes, text: part }: AddressFilter): boolean {
  // Only backslashes make JSON spell a string in more than one way.
  if (text.includes('\\')) return true
  const wanted = [handle, node, ...attributes.flat()]
  if (!wanted.every((one) => one === undefined || text.includes(one))) return false
  // The addresses themselves are not in the text.
  return part === undefined || /^[\d.:a-f]*$/i.test(part) || text.toLowerCase().includes(part.toLowerCase())
}

function handleIn({ handle }: Attribute): string | undefined {
  return handle === undefined ? undefined : normalizeHandleId(handle)
}

/** True if the handle or the value of an attribute contains the text, which is in lower case. */
function hasText({ handle, active }: Attribute, text: string): boolean {
  return [handle ?? '', ...Object.values(active ?? {})].some((one) => one.toLowerCase().includes(text))
}

/**
 * The longest known beginning of the key paths of all blocks in `range`. Keys are sorted as text, so only whole octets that the
 * addresses share narrow the prefix. For IPv6 it is the family alone, as one address has many spellings.
 */
function blockPathPrefix(range: Cidr): string {
  const family = `ipv${String(range.family)}/block/`
  if (range.family === 6) return family
  const [first, last] = [octetsOf(firstAddress(range)), octetsOf(lastAddress(range))] as const
  const shared = first.findIndex((octet, index) => octet !== last[index])
  const octets = first.slice(0, shared < 0 ? 3 : shared)
  return `${family}${octets.map((octet) => `${octet}.`).join('')}`
}

/** The longest blocks' prefix: a block that contains a range may begin this far before it, and no further. */
const largestBlock = 20

/**
 * The beginnings of the key paths of all blocks that share an address with `range`, in the order of the keys. A few of them for a range
 * that may lie in a larger block.
 */
export function blockPathPrefixes(range: Cidr): readonly string[] {
  if (range.family === 6 || range.prefixLength < 24) return [blockPathPrefix(range)]
  const bases = Array.from({ length: 24 - largestBlock + 1 }, (_, index) => {
    const bits = BigInt(32 - largestBlock - index)
    return { ...range, base: (range.base >> bits) << bits }
  })
  return [...new Set(bases.map(blockPathPrefix))].sort()
}

function octetsOf(address: Address): readonly string[] {
  return formatAddress(address).split('.')
}

function matches(attribute: Attribute, { handle, node, attributes }: AddressFilter): boolean {
  if (attribute.releasedAt !== undefined) return false
  if (handle !== undefined && normalizeHandleId(attribute.handle ?? '') !== normalizeHandleId(handle)) return false
  const active = attribute.active ?? {}
  if (node !== undefined && active['node'] !== node) return false
  return attributes.every(([name, value]) => Object.hasOwn(active, name) && (value ?? active[name]) === active[name])
}
