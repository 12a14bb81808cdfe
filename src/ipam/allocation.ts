import { attributeOf, type Block, handleOf, type Holder, sequenceNumberOf } from '../model/index.ts'
import { addressAt, type Ordinal } from '../net/index.ts'
import type { Allocation, AssignRequest } from './request.ts'

/** The attribute in which Calico looks for the host that uses an address. */
const nodeAttribute = 'node'

/** What is stored of the holder that a request names: its handle, its attributes, and the node among them. */
export function holderOf({ handle, attributes, node }: AssignRequest): Holder {
  const secondary = node === undefined ? attributes : { ...attributes, [nodeAttribute]: node }
  return { handle, secondary }
}

/** One held address of `block`, as callers see it. */
export function allocationOf(block: Block, ordinal: Ordinal, pool: string | undefined): Allocation {
  const { [nodeAttribute]: node, ...attributes } = attributeOf(block, ordinal)?.secondary ?? {}
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
