import { attributeOf, type Block, handleOf, type Holder, sequenceNumberOf } from '../model/index.ts'
import { addressAt, type Ordinal } from '../net/index.ts'
import type { Allocation, AssignRequest } from './request.ts'

/** The attribute in which Calico looks for the host that uses an address. */
const nodeAttribute = 'node'

/** Who uses an address: the node, and what else was said of it. */
export interface Usage {
  readonly node: string | undefined
  readonly attributes: Readonly<Record<string, string>>
}

/** What a stored map says of who uses an address. */
export function usageIn(map: Readonly<Record<string, string>> | undefined): Usage {
  const { [nodeAttribute]: node, ...attributes } = map ?? {}
  return { node, attributes }
}

/** The map to store for who uses an address: the node is among the attributes. */
export function mapOf({ node, attributes }: Usage): Readonly<Record<string, string>> {
  return node === undefined ? attributes : { ...attributes, [nodeAttribute]: node }
}

/** What is stored of the holder that a request names: its handle, its attributes, and the node among them. */
export function holderOf({ handle, attributes, node }: AssignRequest): Holder {
  return { handle, secondary: mapOf({ node, attributes }) }
}

/** One held address of `block`, as callers see it. */
export function allocationOf(block: Block, ordinal: Ordinal, pool: string | undefined): Allocation {
  return allocationBy(usageIn(attributeOf(block, ordinal)?.secondary), block, ordinal, pool)
}

/** Addresses of `block` that one holder has, as callers see them. */
export function allocationsOf(
  block: Block,
  ordinals: readonly Ordinal[],
  pool: string | undefined,
  { secondary }: Holder,
): readonly Allocation[] {
  const usage = usageIn(secondary)
  return ordinals.map((ordinal) => allocationBy(usage, block, ordinal, pool))
}

function allocationBy(
  { node, attributes }: Usage,
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
