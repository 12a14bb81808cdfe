/** Who a block is affine to: a host (a node), or a virtual owner such as `load-balancer`. */
export interface Owner {
  readonly type: 'host' | 'virtual'
  readonly name: string
}

/** The owner as a block's `affinity` has it: `host:node1`. */
export function formatOwner(owner: Owner): string {
  return `${owner.type}:${owner.name}`
}

/**
 * The owner that a block's `affinity` names; undefined for any other text, as Calico takes such a block to have no
 * host.
 * @see docs/calico/formats.md section 2.2
 */
export function parseOwner(text: string): Owner | undefined {
  for (const type of ['host', 'virtual'] as const) {
    const name = text.startsWith(`${type}:`) ? text.slice(type.length + 1) : ''
    if (name !== '') return { type, name }
  }
  return undefined
}

/** Whether both are the same owner. */
export function sameOwner(one: Owner, other: Owner): boolean {
  return one.type === other.type && one.name === other.name
}
