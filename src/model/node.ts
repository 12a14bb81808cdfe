import type { JsonObject } from './json.ts'
import { resourceFamily, resourceKey } from './resource.ts'
import type { StoredFamily, StoredKey } from './stored.ts'

/** A node, as far as IPAM looks at it. @see calico-formats.md section 4.3 */
export interface Node {
  /** Everything that is stored. */
  readonly object: JsonObject
  readonly name: string
  /** What node selectors of pools are evaluated against. */
  readonly labels: Readonly<Record<string, string>>
}

/** The nodes. */
export const nodes: StoredFamily<Node> = resourceFamily({
  name: 'nodes',
  plural: 'nodes',
  specFields: [
    'bgp',
    'ipv4VXLANTunnelAddr',
    'vxlanTunnelMACAddr',
    'ipv6VXLANTunnelAddr',
    'vxlanTunnelMACAddrV6',
    'orchRefs',
    'wireguard',
    'addresses',
    'interfaces',
  ],
  read: ({ object, name, labels }) => ({ object, name, labels }),
})

/** The key of a node. */
export function nodeKey(name: string): StoredKey<Node> {
  return resourceKey(nodes, name)
}
