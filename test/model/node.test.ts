import t from 'tap'
import { nodeKey, nodeOf, nodes } from '../../src/model/index.ts'
import { formatAddress } from '../../src/net/index.ts'

t.test('a node comes back byte for byte, with its labels', (t) => {
  const texts = [
    '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"node1","uid":"u","creationTimestamp":"2026-11-23T03:58:30Z","labels":{"kubernetes.io/hostname":"node1","zone":"a"},"annotations":{"projectcalico.org/kube-labels":"{\\"kubernetes.io/hostname\\":\\"node1\\"}"}},"spec":{"bgp":{"ipv4Address":"192.0.2.11/24","ipv4IPIPTunnelAddr":"10.10.0.12"},"orchRefs":[{"nodeName":"node1","orchestrator":"k8s"}]},"status":{}}',
    '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"node1","uid":"c2a4e8de-52b7-4c0e-9d4a-3f4f0a1b2c3d","creationTimestamp":"2026-11-23T03:58:30Z","labels":{"zone":"a"}},"spec":{"bgp":{"ipv4Address":"192.0.2.11/24"},"orchRefs":[{"nodeName":"node1","orchestrator":"k8s"}]},"status":{}}',
  ]
  for (const text of texts) {
    const decoded = nodes.decode(nodeKey('node1').text, text)
    t.match(decoded, { ok: true, value: { name: 'node1', labels: { zone: 'a' } } })
    t.equal(decoded.ok && nodes.encode(decoded.value), text)
  }
  t.end()
})

t.test('a node may have no labels', (t) => {
  t.equal(nodeKey('n').text, '/calico/resources/v3/projectcalico.org/nodes/n')
  t.match(nodes.decode(nodeKey('n').text, '{"metadata":{"name":"n"},"spec":{}}'), {
    ok: true,
    value: { name: 'n', labels: {} },
  })
  t.end()
})

t.test('a new node is stored with a spec and a status, empty or not', (t) => {
  const made = nodeOf({ metadata: { name: 'n', labels: { a: 'b' } } })
  t.equal(made.ok && nodes.encode(made.value), '{"metadata":{"name":"n","labels":{"a":"b"}},"spec":{},"status":{}}')
  t.match(nodeOf({}), { ok: false })
  t.end()
})

t.test('a node has the tunnel addresses of both families; texts that are no addresses are left out', (t) => {
  const spec = {
    bgp: { ipv4Address: '192.0.2.11/24', ipv4IPIPTunnelAddr: '10.0.0.1' },
    ipv4VXLANTunnelAddr: '10.0.0.2',
    ipv6VXLANTunnelAddr: 'fd00::2',
    wireguard: { interfaceIPv4Address: '10.0.0.3', interfaceIPv6Address: 'fd00::3' },
  }
  const tunnelsOf = (given: object) => {
    const decoded = nodes.decode(nodeKey('n').text, JSON.stringify({ metadata: { name: 'n' }, spec: given }))
    return decoded.ok ? decoded.value.tunnelAddresses.map(formatAddress) : decoded.problem
  }
  t.strictSame(tunnelsOf(spec), ['10.0.0.1', '10.0.0.2', 'fd00::2', '10.0.0.3', 'fd00::3'])
  t.strictSame(tunnelsOf({ bgp: null, ipv4VXLANTunnelAddr: 'none', ipv6VXLANTunnelAddr: 6, wireguard: [] }), [])
  t.end()
})
