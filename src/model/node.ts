import { type JsonObject, jsonObject } from './json.ts'
import { type ResourceFamily, resourceFamily, resourceKey, resourceOf } from './resource.ts'
import type { Decoded, StoredKey } from './stored.ts'

/** A node, as far as IPAM looks at it. @see calico-formats.md section 4.3 */
export interface Node {
  /** Everything that is stored. */
  readonly object: JsonObject
  readonly name: string
  /** What node selectors of pools are evaluated against. */
  readonly labels: Readonly<Record<string, string>>
}

/** The nodes. */
export const nodes: ResourceFamily<Node> = resourceFamily({
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
  // Go writes both, empty or not.
  trim: (object) => jsonObject([['spec', {}], ['status', {}], ...Object.entries(object)]),
})

/** The node that `object` becomes once it is stored. Refuses as decoding does. */
export function nodeOf(object: JsonObject): Decoded<Node> {
  return resourceOf(nodes, object)
}

/** The key of a node. */
export function nodeKey(name: string): StoredKey<Node> {
  return resourceKey(nodes, name)
}
