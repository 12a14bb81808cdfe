import type { Block } from './block.ts'

/** The host that a block's affinity names: a node, or a virtual host such as `load-balancer`. */
export interface AffinityHost {
  readonly type: 'host' | 'virtual'
  readonly name: string
}

/** Prints the affinity to a host, as blocks store it: `host:node1`. */
export function formatAffinity(host: AffinityHost): string {
  return `${host.type}:${host.name}`
}

/**
 * Parses the `affinity` of a block; undefined for any other text: for Calico, such a block belongs to no host.
 * @see docs/calico/formats.md section 2.2
 */
export function parseAffinity(text: string): AffinityHost | undefined {
  for (const type of ['host', 'virtual'] as const) {
    const name = text.startsWith(`${type}:`) ? text.slice(type.length + 1) : ''
    if (name !== '') return { type, name }
  }
  return undefined
}

/** True if both are the same host. */
export function isSameHost(one: AffinityHost, other: AffinityHost): boolean {
  return one.type === other.type && one.name === other.name
}

/** The host that a block belongs to; undefined if it belongs to none, or its `affinity` cannot be parsed. */
export function hostOf(block: Block): AffinityHost | undefined {
  return block.affinity === null ? undefined : parseAffinity(block.affinity)
}

/** The block without its affinity and the time of its claim; its number grows by one. */
export function clearAffinity(block: Block): Block {
  const { affinityClaimTime: _, ...rest } = block
  return { ...rest, affinity: null, sequenceNumber: block.sequenceNumber + 1n }
}
