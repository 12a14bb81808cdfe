import { type Address, parseAddress } from '../net/index.ts'
import type { Decoded, Key } from '../plan/index.ts'
import { isJsonObject, type Json, type JsonObject, jsonObject } from './json/index.ts'
import { type ResourceFamily, resourceFamily, resourceKey, resourceOf } from './resource.ts'

/** A node, as far as IPAM looks at it. @see docs/calico/formats.md section 4.3 */
export interface Node {
  /** Everything that is stored. */
  readonly object: JsonObject
  readonly name: string
  /** What node selectors of pools are evaluated against. */
  readonly labels: Readonly<Record<string, string>>
  /** The addresses of its tunnels, of both families. */
  readonly tunnelAddresses: readonly Address[]
}

/** Where a node names the address of a tunnel. */
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
  // Go writes both, empty or not.
  trim: (object) => jsonObject([['spec', {}], ['status', {}], ...Object.entries(object)]),
})

/** The node that `object` becomes once it is stored. Refuses as decoding does. */
export function nodeOf(object: JsonObject): Decoded<Node> {
  return resourceOf(nodes, object)
}

/** The key of a node. */
export function nodeKey(name: string): Key<Node> {
  return resourceKey(nodes, name)
}

/** What is no address is nothing that a tunnel could use. */
function tunnelAddressesIn(spec: JsonObject): readonly Address[] {
  return tunnelFields.flatMap((path) => {
    const text = path.reduce<Json | undefined>((json, name) => (isJsonObject(json) ? json[name] : undefined), spec)
    return (typeof text === 'string' ? parseAddress(text) : undefined) ?? []
  })
}
