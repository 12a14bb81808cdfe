import t from 'tap'
import { BlockIndex, type JsonObject } from '../../../src/model/index.ts'
import { planDelete, planCreate, planReplace } from '../../../src/resources/index.ts'
import { nodeKind } from '../../../src/resources/kinds/node.ts'
import { FakeView } from '../../support/fake-view.ts'
import { causesOf, context, granted, strict, written } from '../fixtures.ts'

const key = '/calico/resources/v3/projectcalico.org/nodes/node1'
const head =
  '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"node1","uid":"7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10","creationTimestamp":"2026-11-23T03:59:00Z"'

const kind = nodeKind(new BlockIndex())

function body(spec: JsonObject, metadata: JsonObject = {}): JsonObject {
  return { metadata: { name: 'node1', ...metadata }, spec }
}

t.test('a node is stored byte for byte as Calico stores it', (t) => {
  const bare = planCreate(new FakeView(), kind, { metadata: { name: 'node1', labels: { zone: 'a', b: '' } } }, strict)
  t.strictSame(written(bare), { [key]: `${head},"labels":{"b":"","zone":"a"}},"spec":{},"status":{}}` })

  const spec = {
    interfaces: [{ addresses: ['10.0.0.1'], name: 'eth0' }],
    addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
    wireguard: { interfaceIPv6Address: 'fd00::3', interfaceIPv4Address: '10.10.0.3' },
    orchRefs: [{ orchestrator: 'k8s', nodeName: 'node1' }],
    vxlanTunnelMACAddrV6: '66-9f-c4-00-00-02',
    ipv6VXLANTunnelAddr: 'fd00::2',
    vxlanTunnelMACAddr: '66:9F:c4:00:00:01',
    ipv4VXLANTunnelAddr: '10.10.0.2',
    bgp: {
      routeReflectorClusterID: '1.0.0.1',
      ipv4IPIPTunnelAddr: '10.10.0.12',
      ipv6Address: 'fd00::1/64',
      ipv4Address: '192.0.2.11/24',
      asNumber: 64512,
    },
  }
  t.strictSame(written(planCreate(new FakeView(), kind, body(spec), strict)), {
    [key]:
      `${head}},"spec":{"bgp":{"asNumber":64512,"ipv4Address":"192.0.2.11/24","ipv6Address":"fd00::1/64","ipv4IPIPTunnelAddr":"10.10.0.12","routeReflectorClusterID":"1.0.0.1"},` +
      '"ipv4VXLANTunnelAddr":"10.10.0.2","vxlanTunnelMACAddr":"66:9F:c4:00:00:01","ipv6VXLANTunnelAddr":"fd00::2","vxlanTunnelMACAddrV6":"66-9f-c4-00-00-02",' +
      '"orchRefs":[{"nodeName":"node1","orchestrator":"k8s"}],"wireguard":{"interfaceIPv4Address":"10.10.0.3","interfaceIPv6Address":"fd00::3"},' +
      '"addresses":[{"address":"10.0.0.1","type":"InternalIP"}],"interfaces":[{"name":"eth0","addresses":["10.0.0.1"]}]},"status":{}}',
  })
  t.end()
})

t.test('what Calico keeps of a node stays when its labels are changed', (t) => {
  const view = new FakeView()
  const status = '"status":{"wireguardPublicKey":"abc="}'
  view.putText(
    key,
    `${head},"labels":{"zone":"a"}},"spec":{"bgp":{"ipv4Address":"192.0.2.11/24"},"newer":[1]},${status}}`,
  )
  const changed = planReplace(
    view,
    kind,
    'node1',
    body({ bgp: { ipv4Address: '192.0.2.11/24' } }, { labels: { zone: 'b' } }),
    context,
  )
  t.strictSame(written(changed), {
    [key]: `${head},"labels":{"zone":"b"}},"spec":{"bgp":{"ipv4Address":"192.0.2.11/24"},"newer":[1]},${status}}`,
  })
  t.end()
})

t.test('each address must be one of its family', (t) => {
  const cases: readonly (readonly [spec: JsonObject, ...causes: string[]])[] = [
    [{ bgp: { ipv4Address: '192.0.2.1' } }],
    [{ bgp: { ipv4Address: '192.0.2.1/33' } }, 'spec.bgp.ipv4Address: FieldValueInvalid'],
    [{ bgp: { ipv4Address: 'fd00::1' } }, 'spec.bgp.ipv4Address: FieldValueInvalid'],
    [{ bgp: { ipv6Address: '192.0.2.1/24' } }, 'spec.bgp.ipv6Address: FieldValueInvalid'],
    [{ bgp: { ipv4IPIPTunnelAddr: '192.0.2.1/32' } }, 'spec.bgp.ipv4IPIPTunnelAddr: FieldValueInvalid'],
    [{ bgp: { routeReflectorClusterID: '7' } }, 'spec.bgp.routeReflectorClusterID: FieldValueInvalid'],
    [{ bgp: { asNumber: 4_294_967_295 } }],
    [{ bgp: { asNumber: 4_294_967_296 } }, 'spec.bgp.asNumber: FieldValueInvalid'],
    [{ bgp: { asNumber: -1 } }, 'spec.bgp.asNumber: FieldValueInvalid'],
    [{ bgp: {} }, 'spec.bgp: FieldValueRequired'],
    [{ bgp: { asNumber: 0, ipv4Address: '' } }, 'spec.bgp: FieldValueRequired'],
    [{ bgp: 'x' }, 'spec.bgp: FieldValueTypeInvalid'],
    [{ ipv4VXLANTunnelAddr: 'fd00::1' }, 'spec.ipv4VXLANTunnelAddr: FieldValueInvalid'],
    [{ ipv6VXLANTunnelAddr: '10.0.0.1' }, 'spec.ipv6VXLANTunnelAddr: FieldValueInvalid'],
    [{ wireguard: { interfaceIPv4Address: 'x' } }, 'spec.wireguard.interfaceIPv4Address: FieldValueInvalid'],
    [{ wireguard: { interfaceIPv6Address: 'x' } }, 'spec.wireguard.interfaceIPv6Address: FieldValueInvalid'],
    [{ wireguard: {} }],
    [{ vxlanTunnelMACAddr: '0011.2233.4455' }],
    [{ vxlanTunnelMACAddr: '00:11:22:33:44:55:66:77' }],
    [{ vxlanTunnelMACAddr: '00:11:22:33:44' }, 'spec.vxlanTunnelMACAddr: FieldValueInvalid'],
    [{ vxlanTunnelMACAddrV6: '00:11-22:33:44:55' }, 'spec.vxlanTunnelMACAddrV6: FieldValueInvalid'],
  ]
  for (const [spec, ...causes] of cases) {
    const plan = planCreate(new FakeView(), kind, body(spec), strict)
    if (causes.length === 0) t.ok(plan.answer.ok, JSON.stringify(spec))
    else t.strictSame(causesOf(plan), causes, JSON.stringify(spec))
  }
  t.end()
})

t.test('the names of nodes and labels follow the rules of all objects', (t) => {
  t.strictSame(causesOf(planCreate(new FakeView(), kind, { metadata: { name: 'Node1' } }, strict)), [
    'metadata.name: FieldValueInvalid',
  ])
  t.strictSame(causesOf(planCreate(new FakeView(), kind, body({}, { labels: { zone: 'a b' } }), strict)), [
    'metadata.labels: FieldValueInvalid',
  ])
  t.ok(granted(planCreate(new FakeView(), kind, kind.example, strict)))
  t.end()
})

t.test('deleting a node that has claimed nothing removes its key', (t) => {
  const view = new FakeView()
  view.apply(planCreate(view, kind, body({}), strict))
  t.strictSame(written(planDelete(view, kind, 'node1', {}, context)), { [key]: undefined })
  t.end()
})

t.test('a node with more blocks than one transaction can release is deleted in steps, or refused', (t) => {
  const view = new FakeView()
  view.apply(planCreate(view, kind, body({}), strict))
  for (let third = 0; third < 100; third++) {
    view.putText(`/calico/ipam/v2/host/node1/ipv4/block/10.0.${third}.0-26`, '{"state":"confirmed"}')
  }
  view.reads.clear()
  const first = planDelete(view, kind, 'node1', {}, context)
  const { answer, next } = granted(first)
  t.notOk(answer.isGone)
  t.type(next, 'string')
  view.apply(first)
  t.ok(granted(planDelete(view, kind, 'node1', {}, context, next)).answer.isGone)
  view.putText('/calico/ipam/v2/config', '{')
  t.match(planDelete(view, kind, 'node1', {}, context, next).answer, { refusal: { reason: 'Conflict' } })
  t.end()
})
