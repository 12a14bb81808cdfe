import { type Address, parseAddress } from '../net/index.ts'
import type { Decoded, Key } from '../plan/index.ts'
import { isJsonObject, type Json, type JsonObject, jsonObject } from './json/index.ts'
import { type ResourceFamily, resourceFamily, resourceKey, resourceOf } from './resource.ts'

/** A node, with the fields that IPAM looks at. @see docs/calico/formats.md section 4.3 */
export interface Node {
  /** The complete stored object. */
  readonly object: JsonObject
  readonly name: string
  /** The node selectors of pools select by these. */
  readonly labels: Readonly<Record<string, string>>
  /** The addresses of the node's tunnels, of both IP versions. */
  readonly tunnelAddresses: readonly Address[]
}

/** The fields of the spec that contain a tunnel's address. */
const tunnelFields = [
  ['bgp', 'ipv4IPIPTunnelAddr'],
  ['ipv4VXLANTunnelAddr'],
  ['ipv6VXLANTunnelAddr'],
  ['wireguard', 'interfaceIPv4Address'],
  ['wireguard', 'interfaceIPv6Address'],
] as const

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
  read: ({ object, name, labels, spec }) => ({ object, name, labels, tunnelAddresses: tunnelAddressesIn(spec) }),
  // Go writes both, even if they are empty.
  trim: (object) => jsonObject([['spec', {}], ['status', {}], ...Object.entries(object)]),
})

/** The node that reading returns after `object` is stored; a problem if it cannot be read. */
export function nodeOf(object: JsonObject): Decoded<Node> {
  return resourceOf(nodes, object)
}

/** The key of a node. */
export function nodeKey(name: string): Key<Node> {
  return resourceKey(nodes, name)
}

/** Leaves out texts that are no addresses: no tunnel can use them. */
function tunnelAddressesIn(spec: JsonObject): readonly Address[] {
  return tunnelFields.flatMap((path) => {
    const text = path.reduce<Json | undefined>((json, name) => (isJsonObject(json) ? json[name] : undefined), spec)
    return (typeof text === 'string' ? parseAddress(text) : undefined) ?? []
  })
}
