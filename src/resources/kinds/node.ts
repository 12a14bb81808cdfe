import { type TSchema, Type } from '@sinclair/typebox'
import { type IpamContext, planRemoveNode } from '../../ipam/index.ts'
import {
  type BlockIndex,
  isJsonObject,
  type Json,
  type JsonObject,
  type Node,
  nodeKey,
  nodeOf,
  nodes,
} from '../../model/index.ts'
import { type IpFamily, parseAddress, parseInterface } from '../../net/index.ts'
import { type Cause, remove, type View } from '../../plan/index.ts'
import { textColumn } from '../columns.ts'
import { calicoGroup, type Candidate, type Removal, type ResourceKind } from '../kind.ts'
import { invalid, required, goForm, objectIn } from '../object/index.ts'
import { declareStorage } from '../storage.ts'

const text = (description: string) => Type.Optional(Type.String({ description }))

/** A struct of Calico's: its fields, and no others. */
const part = <Fields extends Readonly<Record<string, TSchema>>>(title: string, fields: Fields, description: string) =>
  Type.Object(fields, { title, additionalProperties: false, description })

const NodeBGPSpec = part(
  'NodeBGPSpec',
  {
    asNumber: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 4_294_967_295, format: 'int64', description: 'Its autonomous system.' }),
    ),
    ipv4Address: text('The IPv4 address of the node, alone or with the prefix length of its network.'),
    ipv6Address: text('The IPv6 address of the node, alone or with the prefix length of its network.'),
    ipv4IPIPTunnelAddr: text('The IPv4 address of its IP in IP tunnel.'),
    routeReflectorClusterID: text('An IPv4 address, on a node that reflects routes.'),
  },
  'The node in BGP.',
)

/** The spec of a node, in the order in which Calico stores it. */
const NodeSpec = Type.Object(
  {
    bgp: Type.Optional(NodeBGPSpec),
    ipv4VXLANTunnelAddr: text('The IPv4 address of its VXLAN tunnel.'),
    vxlanTunnelMACAddr: text('The MAC address of its IPv4 VXLAN tunnel.'),
    ipv6VXLANTunnelAddr: text('The IPv6 address of its VXLAN tunnel.'),
    vxlanTunnelMACAddrV6: text('The MAC address of its IPv6 VXLAN tunnel.'),
    orchRefs: Type.Optional(
      Type.Array(
        part('OrchRef', { nodeName: text('Its name there.'), orchestrator: Type.String() }, 'The node elsewhere.'),
        { description: 'What orchestrators call the node.' },
      ),
    ),
    wireguard: Type.Optional(
      part(
        'NodeWireguardSpec',
        { interfaceIPv4Address: text('Its IPv4 address.'), interfaceIPv6Address: text('Its IPv6 address.') },
        'WireGuard.',
      ),
    ),
    addresses: Type.Optional(
      Type.Array(part('NodeAddress', { address: Type.String(), type: text('What for.') }, 'An address.'), {
        description: 'Its addresses.',
      }),
    ),
    interfaces: Type.Optional(
      Type.Array(
        part(
          'NodeInterface',
          { name: text('Its name.'), addresses: Type.Optional(Type.Array(Type.String())) },
          'An interface.',
        ),
        { description: 'Its interfaces, with their addresses.' },
      ),
    ),
  },
  {
    $id: 'NodeSpec',
    additionalProperties: false,
    description:
      'What Calico knows of a node. The labels of the node decide which addresses it gets; those of its tunnels are released with it.',
  },
)

const NodeStatus = Type.Object(
  {
    wireguardPublicKey: Type.Optional(Type.String()),
    wireguardPublicKeyV6: Type.Optional(Type.String()),
    podCIDRs: Type.Optional(Type.Array(Type.String())),
  },
  { $id: 'NodeStatus', additionalProperties: true, description: 'What Calico has found out about a node.' },
)

/**
 * Node, as `/apis/projectcalico.org/v3/nodes` serves it: the labels that node selectors of pools are evaluated against, stored with
 * all that Calico keeps of a node.
 * @see docs/calico/formats.md section 4.3
 */
export function nodeKind(blocks: BlockIndex): ResourceKind<Node> {
  return {
    group: calicoGroup,
    kind: 'Node',
    plural: 'nodes',
    singular: 'node',
    shortNames: ['no', 'nos'],
    description:
      'A node that addresses are assigned on. Node selectors of pools are evaluated against its labels; a node that does not exist has none. Deleting a node removes its workload endpoints and tunnels with their addresses, and releases its blocks; other addresses stay with their handles.',
    example: {
      apiVersion: 'projectcalico.org/v3',
      kind: 'Node',
      metadata: { name: 'node-1', labels: { zone: 'a' } },
      spec: { orchRefs: [{ nodeName: 'node-1', orchestrator: 'k8s' }] },
    },
    specSchema: NodeSpec,
    statusSchema: NodeStatus,
    columns: [
      textColumn('ASN', 'spec.bgp.asNumber', 'Its autonomous system.', { isWide: true }),
      textColumn('IPv4', 'spec.bgp.ipv4Address', 'Its IPv4 address.'),
      textColumn('IPv6', 'spec.bgp.ipv6Address', 'Its IPv6 address.'),
    ],
    isReadOnly: false,
    names: 'subdomain',
    isDeletedInSteps: true,
    storage: declareStorage('nodes', nodes, nodeKey),
    finalizer: undefined,
    immutableFields: [],
    isStatusWritable: true,
    keepStatus: undefined,
    parse: nodeOf,
    withDefaults: (spec) => objectIn({ spec: goForm(NodeSpec, spec) }, 'spec'),
    validate,
    admit: () => [],
    planRemoval: (view, { value }, { now, rights }, position) =>
      planNodeRemoval(view, value.name, position, { now, blocks, rights }),
  }
}

/** One step of deleting a node. The object goes with the last of its blocks, so that a deletion which fails half-way can be repeated. */
function planNodeRemoval(view: View, node: string, position: string, context: IpamContext): Removal<Node> {
  const { answer, writes } = planRemoveNode(view, node, position, context)
  if (!answer.ok) return { kind: 'refused', refusal: answer.refusal }
  const { next } = answer.value
  return next === undefined
    ? { kind: 'gone', writes: [...writes, remove(nodeKey(node))] }
    : { kind: 'partly', writes, next }
}

const isAddress =
  (family: IpFamily) =>
  (value: string): boolean =>
    parseAddress(value)?.family === family

const isInterface =
  (family: IpFamily) =>
  (value: string): boolean =>
    isAddress(family)(value) || parseInterface(value)?.cidr.family === family

/** As Go's `net.ParseMAC`: 6, 8 or 20 bytes, in pairs of digits or, with dots, in fours. */
function isMac(value: string): boolean {
  const digits = value.replace(/[-:.]/g, '').length
  const isSpelt = [/^[0-9a-f]{2}(:[0-9a-f]{2})+$/i, /^[0-9a-f]{2}(-[0-9a-f]{2})+$/i, /^[0-9a-f]{4}(\.[0-9a-f]{4})+$/i]
  return [12, 16, 40].includes(digits) && isSpelt.some((pattern) => pattern.test(value))
}

interface Rule {
  readonly path: readonly string[]
  readonly holds: (value: string) => boolean
  readonly wanted: string
}

const rules: readonly Rule[] = [
  { path: ['bgp', 'ipv4Address'], holds: isInterface(4), wanted: 'an IPv4 address or CIDR' },
  { path: ['bgp', 'ipv6Address'], holds: isInterface(6), wanted: 'an IPv6 address or CIDR' },
  { path: ['bgp', 'ipv4IPIPTunnelAddr'], holds: isAddress(4), wanted: 'an IPv4 address' },
  { path: ['bgp', 'routeReflectorClusterID'], holds: isAddress(4), wanted: 'written as an IPv4 address' },
  { path: ['ipv4VXLANTunnelAddr'], holds: isAddress(4), wanted: 'an IPv4 address' },
  { path: ['ipv6VXLANTunnelAddr'], holds: isAddress(6), wanted: 'an IPv6 address' },
  { path: ['vxlanTunnelMACAddr'], holds: isMac, wanted: 'a MAC address' },
  { path: ['vxlanTunnelMACAddrV6'], holds: isMac, wanted: 'a MAC address' },
  { path: ['wireguard', 'interfaceIPv4Address'], holds: isAddress(4), wanted: 'an IPv4 address' },
  { path: ['wireguard', 'interfaceIPv6Address'], holds: isAddress(6), wanted: 'an IPv6 address' },
]

const asNumberMax = 4_294_967_295

function validate({ spec }: Candidate<Node>): readonly Cause[] {
  const causes = rules.flatMap(({ path, holds, wanted }) => {
    const value = valueAt(spec, path)
    return typeof value !== 'string' || holds(value)
      ? []
      : [invalid(`spec.${path.join('.')}`, value, `must be ${wanted}`)]
  })
  const { bgp } = spec
  if (!isJsonObject(bgp)) return causes
  const { asNumber } = bgp
  if (typeof asNumber === 'number' && (asNumber < 0 || asNumber > asNumberMax)) {
    causes.push(invalid('spec.bgp.asNumber', asNumber, `must be 1 to ${String(asNumberMax)}`))
  }
  if (Object.keys(bgp).length === 0) causes.push(required('spec.bgp', 'at least one of its fields, or leave it out'))
  return causes
}

function valueAt(spec: JsonObject, path: readonly string[]): Json | undefined {
  return path.reduce<Json | undefined>((json, name) => (isJsonObject(json) ? json[name] : undefined), spec)
}
