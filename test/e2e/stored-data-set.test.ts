import t from 'tap'
import { createPool, startIppoold } from '../support/ippoold.ts'

/**
 * Everything that the server stores, written by calls alone and compared with literal texts, field by field as docs/calico/formats.md has
 * them. What no two runs have in common is masked: UIDs, times, and sequence numbers, of which the distance to the least one of a
 * block stays, so that the number of an assignment shows as the block's number before it.
 */

const resources = '/calico/resources/v3/projectcalico.org'
const ipam = '/calico/ipam/v2'
const config = '{"strict_affinity":true,"auto_allocate_blocks":true,"ipCooldownSeconds":600}'
const { call, keys, servers } = await startIppoold(t)

/** A text with what differs from run to run masked; what has not the right form stays, and shows. */
function masked(text: string): string {
  const numbers = [...text.matchAll(/:(\d{19})\b/g)].map((match) => BigInt(match[1] ?? ''))
  const least = numbers.reduce((one, other) => (one < other ? one : other), numbers[0] ?? 0n)
  return text
    .replace(/:(\d{19})\b/g, (_, number: string) => `:S+${BigInt(number) - least}`)
    .replace(/"uid":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"/, '"uid":UUID')
    .replace(/"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"/g, 'TIME')
    .replace(/"[0-9a-f]{64}"/g, 'DIGEST')
}

async function assign(body: object, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const url = `${servers[0]?.url ?? ''}/ipam/v1/assign`
  const type = { 'content-type': 'application/json' }
  const answer = await fetch(url, { method: 'POST', headers: { ...type, ...headers }, body: JSON.stringify(body) })
  if (answer.status !== 201) throw new Error(await answer.text())
}

const condition =
  '{"type":"Allocatable","status":"True","lastTransitionTime":TIME,"reason":"OK","message":"IPPool is available for IP allocation."}'
const pool = (name: string, spec: string): string =>
  `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"${name}","uid":UUID,"creationTimestamp":TIME},"spec":${spec},"status":{"conditions":[${condition}]}}`
const confirmed = '{"state":"confirmed","deleted":false}'

/** Everything below `/calico/`, in the order of the keys. */
const expected: Readonly<Record<string, string>> = {
  [`${ipam}/assignment/ipv4/block/10.80.0.0-29`]:
    '{"cidr":"10.80.0.0/29","affinity":"host:node-1","affinity_claim_time":TIME,"allocations":[2,0,1,null,null,null,null,null],"unallocated":[3,4,5,6,7],"attributes":[{"handle_id":"net.vm-1","secondary":{"namespace":"default","node":"node-1","pod":"web-0"}},{"handle_id":"net.vm-2","secondary":{"node":"node-1","note":"\\u003ca\\u0026b\\u003e"},"alternateOwnerAttrs":{"namespace":"default","node":"node-2","pod":"web-9"}},{"releasedAt":TIME}],"sequenceNumber":S+4,"sequenceNumberForAllocation":{"0":S+3,"1":S+0,"2":S+1},"deleted":false}',
  [`${ipam}/assignment/ipv4/block/10.81.0.0-30`]:
    '{"cidr":"10.81.0.0/30","affinity":"virtual:load-balancer","affinity_claim_time":TIME,"allocations":[0,null,null,null],"unallocated":[1,2,3],"attributes":[{"handle_id":"lb-1","secondary":{"service":"web"}}],"sequenceNumber":S+1,"sequenceNumberForAllocation":{"0":S+0},"deleted":false}',
  [`${ipam}/assignment/ipv4/block/10.82.0.0-30`]:
    '{"cidr":"10.82.0.0/30","affinity":null,"allocations":[null,null,0,null],"unallocated":[0,1,3],"attributes":[{"handle_id":"free"}],"sequenceNumber":S+1,"sequenceNumberForAllocation":{"2":S+0},"deleted":false}',
  [`${ipam}/assignment/ipv4/block/10.83.0.0-28`]:
    '{"cidr":"10.83.0.0/28","affinity":"host:win-1","affinity_claim_time":TIME,"allocations":[0,0,0,1,null,null,null,null,null,null,null,null,null,null,null,0],"unallocated":[4,5,6,7,8,9,10,11,12,13,14],"attributes":[{"handle_id":"windows-reserved-ipam-handle","secondary":{"note":"windows host rsvd"}},{"handle_id":"net.win","secondary":{"node":"win-1"}}],"sequenceNumber":S+1,"sequenceNumberForAllocation":{"3":S+0},"deleted":false}',
  [`${ipam}/assignment/ipv6/block/fd00:80::-125`]:
    '{"cidr":"fd00:80::/125","affinity":"host:node-1","affinity_claim_time":TIME,"allocations":[0,null,null,null,null,null,null,null],"unallocated":[1,2,3,4,5,6,7],"attributes":[{"handle_id":"net.vm-1","secondary":{"namespace":"default","node":"node-1","pod":"web-0"}}],"sequenceNumber":S+1,"sequenceNumberForAllocation":{"0":S+0},"deleted":false}',
  [`${ipam}/config`]: config,
  [`${ipam}/handle/free`]: '{"block":{"10.82.0.0/30":1},"deleted":false}',
  [`${ipam}/handle/lb-1`]: '{"block":{"10.81.0.0/30":1},"deleted":false}',
  [`${ipam}/handle/net.vm-1`]: '{"block":{"10.80.0.0/29":1,"fd00:80::/125":1},"deleted":false}',
  [`${ipam}/handle/net.vm-2`]: '{"block":{"10.80.0.0/29":1},"deleted":false}',
  [`${ipam}/handle/net.win`]: '{"block":{"10.83.0.0/28":1},"deleted":false}',
  [`${ipam}/host/node-1/ipv4/block/10.80.0.0-29`]: confirmed,
  [`${ipam}/host/node-1/ipv6/block/fd00:80::-125`]: confirmed,
  [`${ipam}/host/win-1/ipv4/block/10.83.0.0-28`]: confirmed,
  [`${ipam}/virtual/load-balancer/ipv4/block/10.81.0.0-30`]: confirmed,
  [`${resources}/ippools/pool-a`]: pool(
    'pool-a',
    '{"cidr":"10.80.0.0/29","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":29,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}',
  ),
  [`${resources}/ippools/pool-free`]: pool(
    'pool-free',
    '{"cidr":"10.82.0.0/30","vxlanMode":"Never","ipipMode":"Never","blockSize":30,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Manual"}',
  ),
  [`${resources}/ippools/pool-lb`]: pool(
    'pool-lb',
    '{"cidr":"10.81.0.0/30","vxlanMode":"Never","ipipMode":"Never","blockSize":30,"nodeSelector":"all()","allowedUses":["LoadBalancer"],"assignmentMode":"Automatic"}',
  ),
  [`${resources}/ippools/pool-six`]: pool(
    'pool-six',
    '{"cidr":"fd00:80::/125","vxlanMode":"Never","ipipMode":"Never","blockSize":125,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}',
  ),
  [`${resources}/ippools/pool-win`]: pool(
    'pool-win',
    '{"cidr":"10.83.0.0/28","vxlanMode":"Never","ipipMode":"Never","blockSize":28,"nodeSelector":"zone == \'w\'","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}',
  ),
}

/** The answer that is kept for the call with a key. */
const storedAnswer =
  '{"request":DIGEST,"body":"{\\"handle\\":\\"free\\",\\"addresses\\":[{\\"address\\":\\"10.82.0.2\\",\\"block\\":\\"10.82.0.0/30\\",\\"pool\\":\\"pool-free\\",\\"node\\":null,\\"handle\\":\\"free\\",\\"sequenceNumber\\":\\"NUMBER\\",\\"assignedAt\\":null,\\"attributes\\":{}}]}"}'

t.test('a full data set is stored as Calico stores it, and nothing else beside it', async (t) => {
  await createPool(call, 'pool-a', { cidr: '10.80.0.0/29', blockSize: 29, natOutgoing: true })
  await createPool(call, 'pool-lb', { cidr: '10.81.0.0/30', blockSize: 30, allowedUses: ['LoadBalancer'] })
  await createPool(call, 'pool-free', { cidr: '10.82.0.0/30', blockSize: 30, assignmentMode: 'Manual' })
  await createPool(call, 'pool-win', { cidr: '10.83.0.0/28', blockSize: 28, nodeSelector: "zone == 'w'" })
  await createPool(call, 'pool-six', { cidr: 'fd00:80::/125', blockSize: 125 })
  const attributes = { pod: 'web-0', namespace: 'default' }
  await assign({ handle: 'net.vm-1', node: 'node-1', ipv4: 2, ipv6: 1, attributes })
  await assign({ handle: 'net.vm-2', node: 'node-1', attributes: { note: '<a&b>' } })
  const alternate = { node: 'node-2', attributes: { pod: 'web-9', namespace: 'default' } }
  t.equal((await call('PUT', '/ipam/v1/addresses/10.80.0.2/attributes', { alternate })).status, 200)
  await assign({ handle: 'lb-1', use: 'LoadBalancer', attributes: { service: 'web' } })
  await assign({ handle: 'free', addresses: ['10.82.0.2'] }, { 'idempotency-key': 'call-1' })
  await keys.put(`${ipam}/config`, config)
  const hostReserved = { ipv4: { start: 3, end: 1 } }
  await assign({ handle: 'net.win', node: 'win-1', pools: ['pool-win'], hostReserved })
  t.match((await call('POST', '/ipam/v1/release', { addresses: ['10.80.0.0'] })).body, { released: ['10.80.0.0'] })

  const calico = Object.entries(await keys.dump('/calico/')).map(([key, text]) => [key, masked(text)] as const)
  t.strictSame(Object.fromEntries(calico), expected)
  t.strictSame(
    calico.map(([key]) => key),
    Object.keys(expected),
    'in the order of the keys',
  )
  const others = Object.entries(await keys.dump('/')).filter(([key]) => !key.startsWith('/calico/'))
  const answers = others.filter(([key]) => !/^\/ippoold\/v1\/(slots|annexes|announcements)\//.test(key))
  t.strictSame(
    answers.map(([key, text]) => [key, masked(text).replace(/\\"\d{19}\\"/, '\\"NUMBER\\"')]),
    [['/ippoold/v1/answers/call-1/0', storedAnswer]],
    'what Calico does not know is kept apart',
  )
})
