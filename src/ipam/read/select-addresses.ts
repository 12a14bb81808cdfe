import { type Attribute, type Block, normalizeHandleId, type Pool } from '../../model/index.ts'
import {
  type Address,
  type Cidr,
  firstAddress,
  formatAddress,
  lastAddress,
  type Ordinal,
  ordinal,
} from '../../net/index.ts'
import { type Listed, type Result, success } from '../../plan/index.ts'
import { allocationOf } from '../allocation.ts'
import { isNamed, refuseUnknownPools } from '../eligible-pools.ts'
import type { Allocation } from '../request.ts'
import { poolOf, poolsIn } from '../surroundings.ts'

/** Selects the assigned addresses that match every given condition. */
export interface AddressFilter {
  readonly handle?: string | undefined
  /** The node that uses the address; the block may belong to another one. */
  readonly node?: string | undefined
  /** Attributes stored with the address; the node is one of them. */
  readonly attributes: readonly (readonly [name: string, value: string])[]
}

/** An assigned address and its place in its block. */
export interface SelectedAddress {
  readonly ordinal: Ordinal
  readonly allocation: Allocation
}

/** Finds the pools of one listing by name, by CIDR, or by block. */
export class PoolsAtRevision {
  readonly #stored: ReturnType<typeof poolsIn>

  constructor(entries: readonly Listed<Pool>[]) {
    this.#stored = poolsIn(entries)
  }

  /** The pool with the name or CIDR `reference`. Refused if no readable pool has it. */
  named(reference: string): Result<Pool> {
    const pool = this.#stored.all.find((one) => isNamed(one, reference))
    return pool === undefined ? refuseUnknownPools([{ field: 'pool', reference }]) : success(pool)
  }

  /** The pool that a block counts towards: the first pool, by name, that contains the block's first address. */
  ofBlock(cidr: Cidr): Pool | undefined {
    return poolOf(this.#stored, firstAddress(cidr))
  }
}

/** The assigned addresses of `block` that match `filter`, ascending; `pool` is the name of the block's pool. */
export function selectAddresses(
  block: Block,
  filter: AddressFilter,
  pool: string | undefined,
): readonly SelectedAddress[] {
  const isSelected = (block.attributes ?? []).map((attribute) => matches(attribute, filter))
  const selected: SelectedAddress[] = []
  for (const [place, index] of block.allocations.entries()) {
    if (index === null || isSelected[index] !== true) continue
    selected.push({ ordinal: ordinal(place), allocation: allocationOf(block, ordinal(place), pool) })
  }
  return selected
}

/** False if the stored text of a block, without being decoded, shows that no address of the block matches the filter. */
export function mayMatch(text: string, { handle, node, attributes }: AddressFilter): boolean {
  // Only backslashes make JSON spell a string in more than one way.
  if (text.includes('\\')) return true
  const wanted = [handle, node, ...attributes.flat()]
  return wanted.every((part) => part === undefined || text.includes(part))
}

/**
 * The longest known beginning of the key paths of all blocks in `range`. Keys are sorted as text, so only whole octets that the
 * addresses share narrow the prefix. For IPv6 it is the family alone, as one address has many spellings.
 */
export function blockPathPrefix(range: Cidr): string {
  const family = `ipv${String(range.family)}/block/`
  if (range.family === 6) return family
  const [first, last] = [octetsOf(firstAddress(range)), octetsOf(lastAddress(range))] as const
  const shared = first.findIndex((octet, index) => octet !== last[index])
  const octets = first.slice(0, shared < 0 ? 3 : shared)
  return `${family}${octets.map((octet) => `${octet}.`).join('')}`
}

function octetsOf(address: Address): readonly string[] {
  return formatAddress(address).split('.')
}

function matches(attribute: Attribute, { handle, node, attributes }: AddressFilter): boolean {
  if (attribute.releasedAt !== undefined) return false
  if (handle !== undefined && normalizeHandleId(attribute.handle ?? '') !== normalizeHandleId(handle)) return false
  const active = attribute.active ?? {}
  if (node !== undefined && active['node'] !== node) return false
  return attributes.every(([name, value]) => Object.hasOwn(active, name) && active[name] === value)
}
