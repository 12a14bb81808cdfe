import t from 'tap'
import { allocationsIn, createPool, startIppoold } from '../support/ippoold.ts'
import { until } from '../support/until.ts'

/**
 * Data that Calico has written, as literal values: ippoold reads them, continues them, and leaves behind what Calico would have. Each
 * scene has a range, a node and handles of its own, on one etcd and one server.
 */

const at = {
  block: (dashed: string): string => `/calico/ipam/v2/assignment/ipv4/block/${dashed}`,
  claim: (node: string, dashed: string): string => `/calico/ipam/v2/host/${node}/ipv4/block/${dashed}`,
  handle: (id: string): string => `/calico/ipam/v2/handle/${id}`,
  pool: (name: string): string => `/calico/resources/v3/projectcalico.org/ippools/${name}`,
}

/** The keys of the worked example of docs/calico/formats.md section 7, moved to the range `start`, for handles that begin with `network`. */
function workedExample(start: string, network: string): Record<string, string> {
  const moved = (text: string): string => text.replaceAll('10.10.0.', start).replaceAll('net1.', `${network}.`)
  const pool = `pool-${network}`
  return {
    [at.block(`${start}8-29`)]: moved(
      '{"cidr":"10.10.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[0,0,1,null,null,null,null,null],"unallocated":[3,4,5,6,7],"attributes":[{"handle_id":"net1.c1","secondary":{"namespace":"default","node":"node1","pod":"web-0","timestamp":"2026-11-23 04:00:01.5 +0000 UTC"}},{"handle_id":"net1.c2","secondary":{"namespace":"default","node":"node1","pod":"web-1","timestamp":"2026-11-23 04:00:05.25 +0000 UTC"}}],"sequenceNumber":1795406400123456791,"sequenceNumberForAllocation":{"0":1795406400123456789,"1":1795406400123456789,"2":1795406400123456790},"deleted":false}',
    ),
    [at.handle(`${network}.c1`)]: moved('{"block":{"10.10.0.8/29":2},"deleted":false}'),
    [at.handle(`${network}.c2`)]: moved('{"block":{"10.10.0.8/29":1},"deleted":false}'),
    [at.claim('node1', `${start}8-29`)]: '{"state":"confirmed","deleted":false}',
    [at.pool(pool)]: moved(
      '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"pool-a","uid":"7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10","creationTimestamp":"2026-11-23T03:59:00Z"},"spec":{"cidr":"10.10.0.0/24","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":29,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}',
    ).replace('pool-a', pool),
  }
}

const cluster = {
  '/calico/resources/v3/projectcalico.org/clusterinformations/default':
    '{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default","uid":"5b0c6a52-0d1e-4a27-8a35-5f8f4a0f6f01","creationTimestamp":"2026-11-23T03:58:00Z"},"spec":{"clusterGUID":"9c1b7f0e4d3a4c55a1f0b6d2e8c7a901","clusterType":"k8s,bgp","calicoVersion":"v3.33.0","datastoreReady":true}}',
  '/calico/resources/v3/projectcalico.org/nodes/node1':
    '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"node1","uid":"c2a4e8de-52b7-4c0e-9d4a-3f4f0a1b2c3d","creationTimestamp":"2026-11-23T03:58:30Z","labels":{"zone":"a"}},"spec":{"bgp":{"ipv4Address":"192.0.2.11/24"},"orchRefs":[{"nodeName":"node1","orchestrator":"k8s"}]},"status":{}}',
  // A marker of old versions, which nothing reads or writes today.
  '/calico/ipam/v2/host/node1': '{}',
}

/** A pool as old Calico left it: no default written out, fields of old, a time of nothing. */
const oldPool = (name: string, cidr: string): string =>
  `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"${name}","uid":"1","creationTimestamp":null},"spec":{"cidr":"${cidr}","ipip":{},"nat-outgoing":true,"blockSize":30}}`

interface Legacy {
  readonly claim: string
  /** The block at `SELF`, a /30 of which the first address may be held. */
  readonly block: string
  /** The block after node `old` was given one more address for handle `h`, which is stored at ATTRIBUTE. */
  readonly after: string
  readonly given: string
  readonly affinity?: string | undefined
}

const holder = '{"handle_id":"h","secondary":{"node":"old"}}'
const legacies: readonly Legacy[] = [
  {
    claim: 'a block before 2022: no sequence numbers, no claim time, no deleted',
    block:
      '{"cidr":"SELF/30","affinity":"host:old","allocations":[0,null,null,null],"unallocated":[1,2,3],"attributes":[{"handle_id":"x","secondary":{}}]}',
    after: `{"cidr":"SELF/30","affinity":"host:old","allocations":[0,1,null,null],"unallocated":[2,3],"attributes":[{"handle_id":"x"},${holder}],"sequenceNumber":1,"sequenceNumberForAllocation":{"1":0},"deleted":false}`,
    given: '1 0',
  },
  {
    claim: 'null for what is not there, and strictAffinity of the first releases, which is kept',
    block:
      '{"cidr":"SELF/30","affinity":"host:old","strictAffinity":false,"allocations":[0,null,null,null],"unallocated":[1,2,3],"attributes":[{"handle_id":null,"secondary":null}],"sequenceNumber":18446744073709551000,"sequenceNumberForAllocation":null,"deleted":false,"hostAffinity":null}',
    after: `{"cidr":"SELF/30","affinity":"host:old","allocations":[0,1,null,null],"unallocated":[2,3],"attributes":[{},${holder}],"sequenceNumber":18446744073709551001,"sequenceNumberForAllocation":{"1":18446744073709551000},"deleted":false,"strictAffinity":false}`,
    given: '1 18446744073709551000',
  },
  {
    claim: 'sequence numbers that were left behind for free ordinals',
    block:
      '{"cidr":"SELF/30","affinity":"host:old","allocations":[null,null,null,null],"unallocated":[2,3,0,1],"attributes":[],"sequenceNumber":1795406400123456793,"sequenceNumberForAllocation":{"0":5,"2":1795406400123456790},"deleted":false}',
    after: `{"cidr":"SELF/30","affinity":"host:old","allocations":[null,null,0,null],"unallocated":[3,0,1],"attributes":[${holder}],"sequenceNumber":1795406400123456794,"sequenceNumberForAllocation":{"0":5,"2":1795406400123456793},"deleted":false}`,
    given: '2 1795406400123456793',
  },
  {
    claim: 'names in other letters, any order and blanks, as Go reads them',
    block:
      '{ "Deleted": false, "SEQUENCENUMBER": 7, "Unallocated": [3, 0, 1, 2],\n "allocations": [null, null, null, null], "Affinity": "host:old", "CIDR": "SELF/30", "attributes": null, "sequenceNumberForAllocation": {} }',
    after: `{"cidr":"SELF/30","affinity":"host:old","allocations":[null,null,null,0],"unallocated":[0,1,2],"attributes":[${holder}],"sequenceNumber":8,"sequenceNumberForAllocation":{"3":7},"deleted":false}`,
    given: '3 7',
  },
  {
    claim: 'a claim with an empty state counts as confirmed',
    affinity: '{"state":"","deleted":false}',
    block:
      '{"cidr":"SELF/30","affinity":"host:old","allocations":[null,null,null,null],"unallocated":[0,1,2,3],"attributes":null,"sequenceNumber":7,"sequenceNumberForAllocation":{},"deleted":false}',
    after: `{"cidr":"SELF/30","affinity":"host:old","allocations":[0,null,null,null],"unallocated":[1,2,3],"attributes":[${holder}],"sequenceNumber":8,"sequenceNumberForAllocation":{"0":7},"deleted":false}`,
    given: '0 7',
  },
  {
    claim: 'a claim without a value counts as confirmed',
    affinity: '',
    block:
      '{"cidr":"SELF/30","affinity":"host:old","allocations":[null,null,null,null],"unallocated":[0,1,2,3],"attributes":null,"sequenceNumber":7,"sequenceNumberForAllocation":{},"deleted":false}',
    after: `{"cidr":"SELF/30","affinity":"host:old","allocations":[0,null,null,null],"unallocated":[1,2,3],"attributes":[${holder}],"sequenceNumber":8,"sequenceNumberForAllocation":{"0":7},"deleted":false}`,
    given: '0 7',
  },
  {
    claim: 'hostAffinity, the old twin of affinity, is not consulted, and kept',
    affinity: undefined,
    block:
      '{"cidr":"SELF/30","affinity":null,"allocations":[0,null,null,null],"unallocated":[1,2,3],"attributes":[{"handle_id":"x"}],"sequenceNumber":7,"sequenceNumberForAllocation":{"0":6},"deleted":false,"hostAffinity":"old"}',
    after: `{"cidr":"SELF/30","affinity":null,"allocations":[0,1,null,null],"unallocated":[2,3],"attributes":[{"handle_id":"x"},${holder}],"sequenceNumber":8,"sequenceNumberForAllocation":{"0":6,"1":7},"deleted":false,"hostAffinity":"old"}`,
    given: '1 7',
  },
]

const legacyRange = (index: number): string => `10.50.${String(index)}.0`

function legacyKeys(): Record<string, string> {
  const keys: Record<string, string> = {}
  for (const [index, legacy] of legacies.entries()) {
    const start = legacyRange(index)
    keys[at.pool(`old-${String(index)}`)] = oldPool(`old-${String(index)}`, `${start}/30`)
    keys[at.block(`${start}-30`)] = legacy.block.replaceAll('SELF', start)
    const affinity = 'affinity' in legacy ? legacy.affinity : '{"state":"confirmed"}'
    if (affinity !== undefined) keys[at.claim('old', `${start}-30`)] = affinity
  }
  return keys
}

/** What an earlier claim left behind: the state of the key, and the node that the block belongs to. */
interface HalfDone {
  readonly key: 'pending' | 'confirmed' | 'pendingDeletion' | 'none'
  readonly block: 'absent' | 'ours' | 'other' | 'nobody'
  /** True if the node's next address comes from that block; otherwise the key is stale and is deleted. */
  readonly isUsed: boolean
}

const blockInWords = { absent: 'is absent', ours: 'is ours', other: "is somebody else's", nobody: "is nobody's" }

/** The table of docs/calico/ipam.md section 6.3. */
const halfDone: readonly HalfDone[] = [
  { key: 'pending', block: 'absent', isUsed: true },
  { key: 'pending', block: 'ours', isUsed: true },
  { key: 'pending', block: 'other', isUsed: false },
  { key: 'pending', block: 'nobody', isUsed: false },
  { key: 'confirmed', block: 'ours', isUsed: true },
  { key: 'confirmed', block: 'absent', isUsed: true },
  { key: 'confirmed', block: 'other', isUsed: false },
  { key: 'confirmed', block: 'nobody', isUsed: false },
  { key: 'pendingDeletion', block: 'ours', isUsed: true },
  { key: 'pendingDeletion', block: 'absent', isUsed: true },
  { key: 'pendingDeletion', block: 'other', isUsed: false },
  { key: 'pendingDeletion', block: 'nobody', isUsed: false },
  { key: 'none', block: 'ours', isUsed: true },
]

const halfDoneRange = (index: number): string => `10.60.${String(index)}.`

/** Pools of two blocks of four addresses, of which the second is half done. */
function halfDoneKeys(): Record<string, string> {
  const keys: Record<string, string> = {}
  for (const [index, { key, block }] of halfDone.entries()) {
    const [start, name, node] = [halfDoneRange(index), `half-${String(index)}`, `half-${String(index)}`]
    const owner = { absent: '', ours: `"host:${node}"`, other: '"host:somebody"', nobody: 'null' }[block]
    keys[at.pool(name)] = oldPool(name, `${start}0/29`)
    if (key !== 'none') keys[at.claim(node, `${start}4-30`)] = `{"state":"${key}","deleted":false}`
    if (block === 'absent') continue
    keys[at.block(`${start}4-30`)] =
      `{"cidr":"${start}4/30","affinity":${owner},"allocations":[0,null,null,null],"unallocated":[1,2,3],"attributes":[{"handle_id":"x-${name}"}],"sequenceNumber":1795406400123456790,"sequenceNumberForAllocation":{"0":1795406400123456789},"deleted":false}`
    keys[at.handle(`x-${name}`)] = `{"block":{"${start}4/30":1},"deleted":false}`
    if (block === 'other') keys[at.claim('somebody', `${start}4-30`)] = '{"state":"confirmed","deleted":false}'
  }
  return keys
}

const { call, keys } = await startIppoold(t, {
  stored: {
    ...cluster,
    ...workedExample('10.10.0.', 'net1'),
    ...workedExample('10.11.0.', 'net2'),
    ...workedExample('10.12.0.', 'net3'),
    ...workedExample('10.13.0.', 'net4'),
    ...legacyKeys(),
    ...halfDoneKeys(),
  },
})

await until('the server has set the conditions of all pools that can be read', async () => {
  const { body } = await call('GET', '/apis/projectcalico.org/v3/ippools')
  const { items } = body as unknown as { items: readonly { readonly status?: object }[] }
  return items.every(({ status }) => status !== undefined) || undefined
})

async function textAt(key: string): Promise<string | undefined> {
  return (await keys.get(key))?.text
}

t.test('what Calico wrote is read, every digit of it', async (t) => {
  const pool = await call('GET', '/apis/projectcalico.org/v3/ippools/pool-net1')
  t.match(pool.body, {
    metadata: { uid: '7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10' },
    spec: { cidr: '10.10.0.0/24', blockSize: 29 },
  })
  const c1 = {
    block: '10.10.0.8/29',
    pool: 'pool-net1',
    node: 'node1',
    handle: 'net1.c1',
    sequenceNumber: '1795406400123456789',
    assignedAt: '2026-11-23T04:00:01Z',
    attributes: { namespace: 'default', pod: 'web-0', timestamp: '2026-11-23 04:00:01.5 +0000 UTC' },
  }
  const held = await call('GET', '/ipam/v1/handles/net1.c1')
  t.strictSame(held.body, {
    handle: 'net1.c1',
    addresses: [
      { address: '10.10.0.8', ...c1 },
      { address: '10.10.0.9', ...c1 },
    ],
  })
  t.strictSame((await call('GET', '/ipam/v1/addresses/10.10.0.9')).body, { address: '10.10.0.9', ...c1 })
  t.match((await call('GET', '/ipam/v1/addresses/10.10.0.11')).body, { code: 404, reason: 'NotFound' })
})

t.test('an assignment goes on in the block that the node has', async (t) => {
  const before = await keys.dump('/calico/')
  const given = await call('POST', '/ipam/v1/assign', {
    node: 'node1',
    handle: 'net1.c3',
    pools: ['pool-net1'],
    ipv4: 2,
    attributes: { pod: 'web-2' },
  })
  t.strictSame(
    allocationsIn(given).map(({ address, sequenceNumber }) => [address, sequenceNumber]),
    [
      ['10.10.0.11', '1795406400123456791'],
      ['10.10.0.12', '1795406400123456791'],
    ],
  )
  const after = {
    ...before,
    [at.block('10.10.0.8-29')]:
      '{"cidr":"10.10.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[0,0,1,2,2,null,null,null],"unallocated":[5,6,7],"attributes":[{"handle_id":"net1.c1","secondary":{"namespace":"default","node":"node1","pod":"web-0","timestamp":"2026-11-23 04:00:01.5 +0000 UTC"}},{"handle_id":"net1.c2","secondary":{"namespace":"default","node":"node1","pod":"web-1","timestamp":"2026-11-23 04:00:05.25 +0000 UTC"}},{"handle_id":"net1.c3","secondary":{"node":"node1","pod":"web-2"}}],"sequenceNumber":1795406400123456792,"sequenceNumberForAllocation":{"0":1795406400123456789,"1":1795406400123456789,"2":1795406400123456790,"3":1795406400123456791,"4":1795406400123456791},"deleted":false}',
    [at.handle('net1.c3')]: '{"block":{"10.10.0.8/29":2},"deleted":false}',
  }
  t.strictSame(
    await keys.dump('/calico/'),
    after,
    'block and handle are as Calico writes them, and nothing else has changed',
  )
})

t.test('releases leave the bytes of the worked example', async (t) => {
  const rounded = String(Number('1795406400123456789'))
  const stale = await call('POST', '/ipam/v1/release', {
    addresses: [{ address: '10.11.0.8', sequenceNumber: rounded }],
  })
  t.match(stale, { status: 409, body: { details: { causes: [{ reason: 'SequenceNumberMismatch' }] } } })
  const first = await call('POST', '/ipam/v1/release', {
    addresses: [{ address: '10.11.0.8', handle: 'net2.c1', sequenceNumber: '1795406400123456789' }],
  })
  t.strictSame(first.body, { released: ['10.11.0.8'], unallocated: [], failed: [], isComplete: true })
  t.equal(
    await textAt(at.block('10.11.0.8-29')),
    '{"cidr":"10.11.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[null,0,1,null,null,null,null,null],"unallocated":[3,4,5,6,7,0],"attributes":[{"handle_id":"net2.c1","secondary":{"namespace":"default","node":"node1","pod":"web-0","timestamp":"2026-11-23 04:00:01.5 +0000 UTC"}},{"handle_id":"net2.c2","secondary":{"namespace":"default","node":"node1","pod":"web-1","timestamp":"2026-11-23 04:00:05.25 +0000 UTC"}}],"sequenceNumber":1795406400123456792,"sequenceNumberForAllocation":{"1":1795406400123456789,"2":1795406400123456790},"deleted":false}',
  )
  t.equal(await textAt(at.handle('net2.c1')), '{"block":{"10.11.0.8/29":1},"deleted":false}')
  await call('POST', '/ipam/v1/release', { addresses: ['10.11.0.9'] })
  t.equal(
    await textAt(at.block('10.11.0.8-29')),
    '{"cidr":"10.11.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[null,null,0,null,null,null,null,null],"unallocated":[3,4,5,6,7,0,1],"attributes":[{"handle_id":"net2.c2","secondary":{"namespace":"default","node":"node1","pod":"web-1","timestamp":"2026-11-23 04:00:05.25 +0000 UTC"}}],"sequenceNumber":1795406400123456793,"sequenceNumberForAllocation":{"2":1795406400123456790},"deleted":false}',
  )
  t.equal(await textAt(at.handle('net2.c1')), undefined)
})

t.test('a release by handle does the same', async (t) => {
  const released = await call('DELETE', '/ipam/v1/handles/net3.c1')
  t.strictSame(released.body, { released: ['10.12.0.8', '10.12.0.9'], unallocated: [], failed: [], isComplete: true })
  t.equal(
    await textAt(at.block('10.12.0.8-29')),
    '{"cidr":"10.12.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[null,null,0,null,null,null,null,null],"unallocated":[3,4,5,6,7,0,1],"attributes":[{"handle_id":"net3.c2","secondary":{"namespace":"default","node":"node1","pod":"web-1","timestamp":"2026-11-23 04:00:05.25 +0000 UTC"}}],"sequenceNumber":1795406400123456792,"sequenceNumberForAllocation":{"2":1795406400123456790},"deleted":false}',
  )
  t.equal(await textAt(at.handle('net3.c1')), undefined)
  t.equal(await textAt(at.handle('net3.c2')), '{"block":{"10.12.0.8/29":1},"deleted":false}')
})

t.test('a handle that counts more than it holds is healed by the release of its last address in a block', async (t) => {
  await keys.put(at.handle('net4.c1'), '{"block":{"10.13.0.8/29":64,"10.13.0.16/29":3},"deleted":false}')
  const addresses = [{ address: '10.13.0.8', handle: 'net4.c1' }]
  t.match((await call('POST', '/ipam/v1/release', { addresses })).body, { released: ['10.13.0.8'] })
  t.equal(await textAt(at.handle('net4.c1')), '{"block":{"10.13.0.16/29":3,"10.13.0.8/29":63},"deleted":false}')
  t.match((await call('DELETE', '/ipam/v1/handles/net4.c1')).body, { released: ['10.13.0.9'] })
  t.equal(await textAt(at.handle('net4.c1')), undefined)
})

t.test('a handle that is released while Calico assigns to it is counted anew by Calico, not lost', async (t) => {
  const block = at.block('10.13.0.8-29')
  const read = await keys.get(block)
  await keys.put(at.handle('net4.c9'), '{"block":{"10.13.0.8/29":1},"deleted":false}')
  t.match((await call('DELETE', '/ipam/v1/handles/net4.c9')).body, { released: [], failed: [] })
  t.equal(await textAt(at.handle('net4.c9')), undefined)
  const isWritten = await keys.change(block, read?.revision ?? '', read?.text)
  t.notOk(isWritten, 'what Calico has read of the block by then is out of date')
})

for (const [index, { claim, after, given }] of legacies.entries()) {
  t.test(`old data: ${claim}`, async (t) => {
    const start = legacyRange(index)
    const pool = await textAt(at.pool(`old-${String(index)}`))
    const claimText = await textAt(at.claim('old', `${start}-30`))
    const answer = await call('POST', '/ipam/v1/assign', { node: 'old', handle: 'h', pools: [`old-${String(index)}`] })
    const [allocation] = allocationsIn(answer)
    t.equal(
      `${allocation?.address ?? ''} ${allocation?.sequenceNumber ?? ''}`,
      start.replace(/0$/, given),
      JSON.stringify(answer.body),
    )
    t.equal(await textAt(at.block(`${start}-30`)), after.replaceAll('SELF', start))
    t.equal(await textAt(at.pool(`old-${String(index)}`)), pool, 'the pool is as it was')
    t.equal(await textAt(at.claim('old', `${start}-30`)), claimText, 'so is the claim')
  })
}

t.test('a block that says more than it can mean is left alone', async (t) => {
  const corrupt =
    '{"cidr":"10.10.0.64/29","affinity":null,"allocations":[3,null,null,null,null,null,null,null],"unallocated":[1,2,3,4,5,6,7],"attributes":[],"sequenceNumber":7,"sequenceNumberForAllocation":{},"deleted":false}'
  await keys.put(at.block('10.10.0.64-29'), corrupt)
  const released = await call('POST', '/ipam/v1/release', { addresses: ['10.10.0.64', '10.10.0.12'] })
  t.match(released.body, { released: ['10.10.0.12'], failed: [{ address: '10.10.0.64', reason: 'Unreadable' }] })
  t.match((await call('POST', '/ipam/v1/assign', { addresses: ['10.10.0.65'] })).status, 409)
  t.equal(await textAt(at.block('10.10.0.64-29')), corrupt)
})

for (const [index, { key, block, isUsed }] of halfDone.entries()) {
  t.test(`half done: the claim is ${key}, the block ${blockInWords[block]}`, async (t) => {
    const [start, name] = [halfDoneRange(index), `half-${String(index)}`]
    const answer = await call('POST', '/ipam/v1/assign', { node: name, handle: name, pools: [name] })
    t.equal(answer.status, 201)
    const [allocation] = allocationsIn(answer)
    const found = `${start}4-30`
    const ours = isUsed ? found : `${start}0-30`
    const first = !isUsed ? `${start}0` : block === 'absent' ? `${start}4` : `${start}5`
    t.equal(allocation?.address, first)
    t.equal(await textAt(at.claim(name, ours)), '{"state":"confirmed","deleted":false}')
    t.match(await textAt(at.block(ours)), `"affinity":"host:${name}"`)
    if (!isUsed) {
      t.equal(await textAt(at.claim(name, found)), undefined, 'the stale claim is gone')
      t.match(
        await textAt(at.block(found)),
        '"sequenceNumber":1795406400123456790,',
        'the block of somebody else is as it was',
      )
    }
  })
}

t.test('half done: the claim of somebody else on a block that is absent keeps nobody away', async (t) => {
  await createPool(call, 'foreign', { cidr: '10.61.0.0/30', blockSize: 30 })
  await keys.put(at.claim('somebody', '10.61.0.0-30'), '{"state":"pending","deleted":false}')
  const given = await call('POST', '/ipam/v1/assign', { node: 'me', handle: 'me', pools: ['foreign'] })
  t.equal(allocationsIn(given)[0]?.address, '10.61.0.0')
  t.equal(await textAt(at.claim('me', '10.61.0.0-30')), '{"state":"confirmed","deleted":false}')
  t.equal(await textAt(at.claim('somebody', '10.61.0.0-30')), '{"state":"pending","deleted":false}')
})
