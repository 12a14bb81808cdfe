import type { Block } from './block.ts'

/** The affinity of a block: the node that it belongs to (`host`), or a virtual one such as `load-balancer`. */
export interface Owner {
  readonly type: 'host' | 'virtual'
  readonly name: string
}

/** Prints an affinity as blocks store it: `host:node1`. */
export function formatOwner(owner: Owner): string {
  return `${owner.type}:${owner.name}`
}

/**
 * Parses the `affinity` of a block; undefined for any other text: Calico takes such a block to belong to no node.
 * @see docs/calico/formats.md section 2.2
 */
export function parseOwner(text: string): Owner | undefined {
  for (const type of ['host', 'virtual'] as const) {
    const name = text.startsWith(`${type}:`) ? text.slice(type.length + 1) : ''
    if (name !== '') return { type, name }
  }
  return undefined
}

/** True if both are the same affinity. */
export function sameOwner(one: Owner, other: Owner): boolean {
  return one.type === other.type && one.name === other.name
}

/** The affinity of a block; undefined if it has none, or a text that is no affinity. */
export function ownerOf(block: Block): Owner | undefined {
  return block.affinity === null ? undefined : parseOwner(block.affinity)
}

/** The block without its affinity and the time of its claim; its number grows by one. */
export function withoutOwner(block: Block): Block {
  const { affinityClaimTime: _, ...rest } = block
  return { ...rest, affinity: null, sequenceNumber: block.sequenceNumber + 1n }
}
