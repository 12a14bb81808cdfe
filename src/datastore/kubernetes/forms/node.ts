import { isJsonObject, type JsonObject, jsonObject, nodes, parseJson, stringifyJson } from '../../../model/index.ts'
import { calicoApiVersions, compact, nameIn, objectAt, type ObjectForm, textAt } from './form.ts'
import { unpackMetadata } from './metadata.ts'
import { objectName } from './names.ts'

/** Labels that Calico's users have given a node, as JSON. */
const labelsAnnotation = 'projectcalico.org/labels'

/** The annotations in which Calico's node agent stores addresses, by the field of Calico's Node. */
const annotations = {
  ipv4Address: 'projectcalico.org/IPv4Address',
  ipv6Address: 'projectcalico.org/IPv6Address',
  ipv4IPIPTunnelAddr: 'projectcalico.org/IPv4IPIPTunnelAddr',
  ipv4VXLANTunnelAddr: 'projectcalico.org/IPv4VXLANTunnelAddr',
  ipv6VXLANTunnelAddr: 'projectcalico.org/IPv6VXLANTunnelAddr',
  interfaceIPv4Address: 'projectcalico.org/IPv4WireguardInterfaceAddr',
  interfaceIPv6Address: 'projectcalico.org/IPv6WireguardInterfaceAddr',
} as const

/** Nodes: those of the cluster, which have what Calico knows of them in annotations. They are only read. */
export const nodeForm: ObjectForm = {
  kind: { apiVersion: 'v1', kind: 'Node', plural: 'nodes' },
  nameOf: (key) => objectName('node', key.slice(nodes.prefix.length)),
  read(object) {
    const metadata = objectAt(object, 'metadata')
    const noted = (name: keyof typeof annotations): string | undefined =>
      textAt(objectAt(metadata, 'annotations'), annotations[name]) || undefined
    const bgp = compact({
      ipv4Address: noted('ipv4Address'),
      ipv6Address: noted('ipv6Address'),
      ipv4IPIPTunnelAddr: noted('ipv4IPIPTunnelAddr'),
    })
    const wireguard = compact({
      interfaceIPv4Address: noted('interfaceIPv4Address'),
      interfaceIPv6Address: noted('interfaceIPv6Address'),
    })
    const spec = compact({
      bgp: notEmpty(bgp),
      ipv4VXLANTunnelAddr: noted('ipv4VXLANTunnelAddr'),
      ipv6VXLANTunnelAddr: noted('ipv6VXLANTunnelAddr'),
      orchRefs: [compact({ nodeName: nameIn(object), orchestrator: 'k8s' })],
      wireguard: notEmpty(wireguard),
    })
    const shown = compact({
      kind: 'Node',
      apiVersion: calicoApiVersions.v3,
      metadata: jsonObject([...Object.entries(unpackMetadata('v3', metadata)), ['labels', labelsOf(metadata)]]),
      spec,
      status: jsonObject([]),
    })
    return { key: `${nodes.prefix}${nameIn(object)}`, text: stringifyJson(shown), isDeleted: false }
  },
}

/** The labels of the node, and over them those that Calico's users have given it. */
function labelsOf(metadata: JsonObject): JsonObject {
  const given = parseJson(textAt(objectAt(metadata, 'annotations'), labelsAnnotation))
  const own = objectAt(metadata, 'labels')
  return given.ok && isJsonObject(given.value)
    ? jsonObject([...Object.entries(own), ...Object.entries(given.value)])
    : own
}

function notEmpty(object: JsonObject): JsonObject | undefined {
  return Object.keys(object).length === 0 ? undefined : object
}
