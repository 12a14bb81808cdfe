import {
  type Attribute,
  attributeOf,
  type Block,
  handleOf,
  type Holder,
  isWindowsReserved,
  hostOf,
  type Now,
  parseGoTime,
  parseTime,
  sequenceNumberOf,
} from '../model/index.ts'
import { addressAt, type Ordinal, ordinal } from '../net/index.ts'
import type { Allocation, AssignRequest } from './request.ts'

/** The attribute that names the node which uses an address, as in Calico. */
const nodeAttribute = 'node'

/** The attributes of one holder of an address: the node that uses it, and the others. */
export interface HolderAttributes {
  readonly node: string | undefined
  readonly attributes: Readonly<Record<string, string>>
}

/** The attribute in which Calico's CNI plugin and load balancer controller note when they assigned an address. */
const timeAttribute = 'timestamp'

/**
 * When an address was assigned, as its attributes say; undefined if they do not. A block has no such time of its own, and this server adds
 * no attribute that nobody asked for: it would take the shared entries of a block apart. Callers may set the attribute.
 */
export function assignedAtOf({ [timeAttribute]: text }: Readonly<Record<string, string>>): Now | undefined {
  return text === undefined ? undefined : (parseGoTime(text) ?? parseTime(text))
}

/** Reads the attributes of a holder from the stored map. */
export function readHolderAttributes(map: Readonly<Record<string, string>> | undefined): HolderAttributes {
  const { [nodeAttribute]: node, ...attributes } = map ?? {}
  return { node, attributes }
}

/** The map to store for a holder; the node is one of the attributes. */
export function printHolderAttributes({ node, attributes }: HolderAttributes): Readonly<Record<string, string>> {
  return node === undefined ? attributes : { ...attributes, [nodeAttribute]: node }
}

/** The holder that a request names, as it is stored: its handle, and its attributes with the node among them. */
export function holderOf({ handle, attributes, node }: AssignRequest): Holder {
  return { handle, attributes: printHolderAttributes({ node, attributes }) }
}

/** One held address of `block`, as callers see it. */
export function allocationOf(block: Block, ordinal: Ordinal, pool: string | undefined): Allocation {
  return allocationBy(readHolderAttributes(attributeOf(block, ordinal)?.active), block, ordinal, pool)
}

/** Addresses of `block` that one holder was assigned, as callers see them. */
export function allocationsOf(
  block: Block,
  ordinals: readonly Ordinal[],
  pool: string | undefined,
  { attributes }: Holder,
): readonly Allocation[] {
  const usage = readHolderAttributes(attributes)
  return ordinals.map((ordinal) => allocationBy(usage, block, ordinal, pool))
}

function allocationBy(
  { node, attributes }: HolderAttributes,
  block: Block,
  ordinal: Ordinal,
  pool: string | undefined,
): Allocation {
  return {
    address: addressAt(block.cidr, ordinal),
    block: block.cidr,
    pool,
    node,
    handle: handleOf(block, ordinal),
    sequenceNumber: sequenceNumberOf(block, ordinal),
    attributes,
  }
}

/** The ordinals that `node` uses; none that cool down, that Windows keeps, or that lie in a block of a virtual host. */
export function ordinalsOfNode(block: Block, node: string): readonly Ordinal[] {
  return ordinalsWhere(block, (attribute) => nodeUsing(block, attribute) === node)
}

/** The node that uses the addresses with this attribute; undefined if no node does. */
export function nodeUsing(block: Block, { handle, active, releasedAt }: Attribute): string | undefined {
  if (releasedAt !== undefined || hostOf(block)?.type === 'virtual' || isWindowsReserved(handle)) return undefined
  return active?.[nodeAttribute]
}

/** The ordinals whose attribute `matches`, ascending. */
export function ordinalsWhere(block: Block, matches: (attribute: Attribute) => boolean): readonly Ordinal[] {
  const ofAttribute = (block.attributes ?? []).map(matches)
  return block.allocations.flatMap((index, place) =>
    index !== null && ofAttribute[index] === true ? [ordinal(place)] : [],
  )
}
