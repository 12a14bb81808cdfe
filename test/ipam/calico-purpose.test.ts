import t from 'tap'
import { calicoPurposeOf, isTunnelHandle } from '../../src/ipam/calico-purpose.ts'

const container = '4f2e'.repeat(16)
const workload = {
  node: 'node-1',
  namespace: 'shop',
  pod: 'web-0',
  timestamp: '2026-11-23 04:00:01.5 +0000 UTC',
}
const handle = `k8s-pod-network.${container}`
const assignedAt = { nanoseconds: 1_795_406_401_500_000_000n }

t.test('what Calico’s plugin writes is told by all its marks together', async (t) => {
  t.strictSame(calicoPurposeOf({ handle, active: workload }), {
    kind: 'workload',
    node: 'node-1',
    namespace: 'shop',
    pod: 'web-0',
    assignedAt,
  })
  const withMonotonic = { ...workload, timestamp: `${workload.timestamp} m=+0.041` }
  t.match(calicoPurposeOf({ handle, active: withMonotonic }), { assignedAt })
})

for (const [type, prefix] of [
  ['ipipTunnelAddress', 'ipip-tunnel-addr-'],
  ['vxlanTunnelAddress', 'vxlan-tunnel-addr-'],
  ['vxlanV6TunnelAddress', 'vxlan-v6-tunnel-addr-'],
  ['wireguardTunnelAddress', 'wireguard-tunnel-addr-'],
  ['wireguardV6TunnelAddress', 'wireguard-v6-tunnel-addr-'],
] as const) {
  t.test(`${type} is for a tunnel of the node that the handle names, too`, async (t) => {
    const active = { node: 'node-1', type }
    t.strictSame(calicoPurposeOf({ handle: `${prefix}node-1`, active }), { kind: 'tunnel', node: 'node-1' })
    t.equal(calicoPurposeOf({ handle: `${prefix}node-2`, active }), undefined)
    t.equal(calicoPurposeOf({ active }), undefined)
    t.ok(isTunnelHandle(`${prefix}node-1`, 'node-1'))
    t.notOk(isTunnelHandle(`${prefix}node-1`, 'node-2'))
  })
}

const { node: _, ...nowhere } = workload
const { pod: __, ...podless } = workload
const { namespace: ___, ...namespaceless } = workload
const { timestamp: ____, ...timeless } = workload

for (const [name, attribute] of [
  ['nothing at all', {}],
  ['a handle alone', { handle }],
  ['a handle of somebody’s own', { handle: 'web-0', active: workload }],
  ['a container whose id is short', { handle: 'k8s-pod-network.4f2e', active: workload }],
  ['no network', { handle: `.${container}`, active: workload }],
  ['no node', { handle, active: nowhere }],
  ['no pod', { handle, active: podless }],
  ['no namespace', { handle, active: namespaceless }],
  ['no time', { handle, active: timeless }],
  ['a time as others write it', { handle, active: { ...workload, timestamp: '2026-11-23T04:00:01Z' } }],
  ['a time that is none', { handle, active: { ...workload, timestamp: '2026-13-23 04:00:01 +0000 UTC' } }],
  ['a machine, which may be off', { handle, active: { ...workload, 'vmi-name': 'vm' } }],
  ['a service', { handle: 'lb-abc', active: { node: 'load-balancer', type: 'LoadBalancer', service: 's' } }],
  ['what cools down', { handle, active: workload, releasedAt: '2026-11-23T04:00:00Z' }],
] as const) {
  t.test(`${name}: nothing is said of it`, async (t) => {
    t.equal(calicoPurposeOf(attribute), undefined)
  })
}
