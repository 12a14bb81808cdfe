import { type Attribute, type Block, comparableHandle, type Pool } from '../../model/index.ts'
import {
  type Address,
  type Cidr,
  firstAddress,
  formatAddress,
  lastAddress,
  type Ordinal,
  ordinal,
} from '../../net/index.ts'
import type { Listed } from '../../plan/index.ts'
import { allocationOf } from '../allocation.ts'
import { isNamed } from '../eligible-pools.ts'
import type { Allocation } from '../request.ts'
import { poolOf, poolsIn } from '../surroundings.ts'

/** Which held addresses are asked for: all that fulfil every condition given. */
export interface AddressFilter {
  readonly handle?: string | undefined
  /** The node that uses the address, whoever the block belongs to. */
  readonly node?: string | undefined
  /** Attributes that were kept with the address, the node among them. */
  readonly attributes: readonly (readonly [name: string, value: string])[]
}

/** An address that is held, and its place in its block. */
export interface SelectedAddress {
  readonly ordinal: Ordinal
  readonly allocation: Allocation
}

/** The pools of a listing as they are asked for: by name or CIDR. */
export class PoolsAtRevision {
  readonly #stored: ReturnType<typeof poolsIn>

  constructor(entries: readonly Listed<Pool>[]) {
    this.#stored = poolsIn(entries)
  }

  /** The pool that `reference`, a name or a CIDR, means; undefined when there is none that can be read. */
  named(reference: string): Pool | undefined {
    return this.#stored.all.find((pool) => isNamed(pool, reference))
  }

  /** The pool that a block counts to: the first one, by name, that contains its first address. */
  ofBlock(cidr: Cidr): Pool | undefined {
    return poolOf(this.#stored, firstAddress(cidr))
  }
}

/** The addresses of `block` that are held and asked for, ascending; `pool` is the name of the pool that they count to. */
export function selectAddresses(
  block: Block,
  filter: AddressFilter,
  pool: string | undefined,
): readonly SelectedAddress[] {
  const isSelected = (block.attributes ?? []).map((attribute) => fulfils(attribute, filter))
  const selected: SelectedAddress[] = []
  for (const [place, index] of block.allocations.entries()) {
    if (index === null || isSelected[index] !== true) continue
    selected.push({ ordinal: ordinal(place), allocation: allocationOf(block, ordinal(place), pool) })
  }
  return selected
}

/** False when it is certain, without decoding it, that the stored text of a block has no address that is asked for. */
export function mayFulfil(text: string, { handle, node, attributes }: AddressFilter): boolean {
  // Without a backslash anywhere, every text of the JSON stands there as it is.
  if (text.includes('\\')) return true
  const wanted = [handle, node, ...attributes.flat()]
  return wanted.every((part) => part === undefined || text.includes(part))
}

/**
 * How the path of the key of every block in `range` begins: as far as that can be told. Keys are sorted as text, so that only whole
 * octets help, and nothing of IPv6 with its many spellings.
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

function fulfils(attribute: Attribute, { handle, node, attributes }: AddressFilter): boolean {
  if (attribute.releasedAt !== undefined) return false
  if (handle !== undefined && comparableHandle(attribute.handle ?? '') !== comparableHandle(handle)) return false
  const secondary = attribute.secondary ?? {}
  if (node !== undefined && secondary['node'] !== node) return false
  return attributes.every(([name, value]) => Object.hasOwn(secondary, name) && secondary[name] === value)
}
