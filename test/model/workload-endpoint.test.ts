import t from 'tap'
import { workloadEndpoints } from '../../src/model/index.ts'

const key = `${workloadEndpoints.prefix}shop/node--1-k8s-web--0-eth0`

function decode(spec: object, metadata: object = { name: 'node--1-k8s-web--0-eth0', namespace: 'shop' }) {
  return workloadEndpoints.decode(key, JSON.stringify({ kind: 'WorkloadEndpoint', metadata, spec }))
}

t.test('an endpoint is kept under its namespace and its name, and comes back as it was', async (t) => {
  t.equal(key, '/calico/resources/v3/projectcalico.org/workloadendpoints/shop/node--1-k8s-web--0-eth0')
  const text =
    '{"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org/v3","metadata":{"name":"node--1-k8s-web--0-eth0","namespace":"shop"},"spec":{"orchestrator":"k8s","node":"node-1","pod":"web-0","ipNetworks":["10.1.0.5/32","fd00::5/128"],"interfaceName":"cali1"}}'
  const decoded = workloadEndpoints.decode(key, text)
  t.match(decoded, {
    ok: true,
    value: {
      namespace: 'shop',
      name: 'node--1-k8s-web--0-eth0',
      node: 'node-1',
      pod: 'web-0',
      addresses: [
        { family: 4, value: 0x0a010005n },
        { family: 6, value: (0xfd00n << 112n) + 5n },
      ],
    },
  })
  t.equal(decoded.ok && workloadEndpoints.encode(decoded.value), text)
})

t.test('an endpoint may have no address, and texts that are no addresses are left out', async (t) => {
  t.match(decode({}), { ok: true, value: { node: undefined, pod: undefined, addresses: [] } })
  t.match(decode({ ipNetworks: null }), { ok: true, value: { addresses: [] } })
  t.match(decode({ ipNetworks: ['', '10.0.0.0.0/32', null, '10.1.0.5', '10.1.0.6/26'] }), {
    ok: true,
    value: { addresses: [{ value: 0x0a010005n }, { value: 0x0a010006n }] },
  })
})

for (const [name, decoded] of [
  ['another name', decode({}, { name: 'other', namespace: 'shop' })],
  ['another namespace', decode({}, { name: 'node--1-k8s-web--0-eth0', namespace: 'other' })],
  ['no namespace', decode({}, { name: 'node--1-k8s-web--0-eth0' })],
  ['no name', decode({}, { namespace: 'shop' })],
  ['networks that are none', decode({ ipNetworks: [17] })],
  ['networks that are no list', decode({ ipNetworks: '10.0.0.1/32' })],
  ['no JSON', workloadEndpoints.decode(key, '{')],
] as const) {
  t.test(`${name}: it cannot be read`, async (t) => {
    t.equal(decoded.ok, false)
  })
}
