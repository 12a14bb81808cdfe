import t from 'tap'
import { addressesIn, createPool, poolsPath, refusalIn, startIppoold } from '../support/ippoold.ts'
import { until } from '../support/until.ts'

/**
 * One broken value in etcd is reported and left alone, and never stops the rest: every family of keys gets a value that is not
 * JSON, and one of the wrong type, before the server starts.
 */

const resources = '/calico/resources/v3/projectcalico.org'
const pool = (name: string, cidr: string): string =>
  `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"${name}","uid":"1","creationTimestamp":"2026-11-23T03:59:00Z"},"spec":{"cidr":"${cidr}","blockSize":30}}`

const broken: Readonly<Record<string, string>> = {
  [`${resources}/ippools/not-json`]: '{"kind":"IPPool","metadata":{"name":"not-json"',
  [`${resources}/ippools/wrong-type`]:
    '{"kind":"IPPool","metadata":{"name":"wrong-type"},"spec":{"cidr":["10.70.0.0/16"]}}',
  [`${resources}/ippools/list`]: '[]',
  [`${resources}/ippools/other-name`]: pool('good', '10.79.0.0/16'),
  [`${resources}/ipreservations/not-json`]: 'not JSON',
  [`${resources}/ipreservations/wrong-type`]:
    '{"metadata":{"name":"wrong-type"},"spec":{"reservedCIDRs":"10.70.0.0/16"}}',
  [`${resources}/nodes/not-json`]: '\u0000',
  [`${resources}/nodes/wrong-type`]: '{"metadata":{"name":"wrong-type","labels":["zone"]}}',
  [`${resources}/clusterinformations/default`]: '{"metadata":{"name":"default"},"spec":{"datastoreReady":"no"}}',
  '/calico/ipam/v2/assignment/ipv4/block/10.70.0.0-30': '{"cidr":"10.70.0.0/30"',
  '/calico/ipam/v2/assignment/ipv4/block/10.70.0.4-30':
    '{"cidr":"10.70.0.4/30","affinity":null,"allocations":"none","unallocated":[0,1,2,3],"attributes":null,"sequenceNumber":1,"deleted":false}',
  '/calico/ipam/v2/assignment/ipv4/block/10.70.0.8-30':
    '{"cidr":"10.70.0.8/30","affinity":null,"allocations":[null,null,null,null],"unallocated":[0,1,2,3],"attributes":null,"sequenceNumber":-1,"deleted":false}',
  '/calico/ipam/v2/assignment/ipv4/block/10.70.0.12-30':
    '{"cidr":"10.70.0.16/30","affinity":null,"allocations":[null,null,null,null],"unallocated":[0,1,2,3],"attributes":null,"sequenceNumber":1,"deleted":false}',
  '/calico/ipam/v2/assignment/ipv4/block/10.70.0.16-30':
    '{"cidr":"10.70.0.16/30","affinity":null,"allocations":[null,null],"unallocated":[0,1],"attributes":null,"sequenceNumber":1,"deleted":false}',
  '/calico/ipam/v2/assignment/ipv4/block/nonsense': '{}',
  '/calico/ipam/v2/assignment/ipv9/block/10.70.0.0-30': '{}',
  '/calico/ipam/v2/assignment/ipv6/block/fd00::-122': '',
  '/calico/ipam/v2/handle/not-json': '{"block":',
  '/calico/ipam/v2/handle/wrong-type': '{"block":{"10.70.0.0/30":"one"},"deleted":false}',
  '/calico/ipam/v2/handle/a/b': '{"block":{},"deleted":false}',
  '/calico/ipam/v2/host/node1/ipv4/block/10.70.0.20-30': '{"state":',
  '/calico/ipam/v2/host/node1/ipv4/block/10.70.0.24-30': '{"state":7}',
  '/calico/ipam/v2/host/node1/ipv4/block/nonsense': '{"state":"confirmed","deleted":false}',
  '/calico/ipam/v2/virtual/load-balancer/ipv4/block/10.70.0.28-30': '7',
}

const good = {
  [`${resources}/ippools/good`]: pool('good', '10.70.0.0/27'),
  [`${resources}/ippools/zone`]: pool('zone', '10.71.0.0/30'),
}

const { call, keys, servers } = await startIppoold(t, { stored: { ...broken, ...good } })

/** The broken keys with what is stored there. */
async function brokenNow(): Promise<Readonly<Record<string, string | undefined>>> {
  const stored = await keys.dump('/calico/')
  return Object.fromEntries(Object.keys(broken).map((key) => [key, stored[key]]))
}

t.test('the server serves, and says what it cannot read', async (t) => {
  t.equal((await call('GET', '/readyz')).status, 200)
  const output = servers[0]?.output() ?? ''
  const unsaid = Object.keys(broken).filter(
    (key) => !key.startsWith('/calico/ipam/v2/handle/') && !output.includes(key),
  )
  t.strictSame(unsaid, [], 'all but handles are read at the start, and complained about')
})

t.test('pools that can be read are served, and the others named', async (t) => {
  const list = await call('GET', poolsPath)
  const { items } = list.body as unknown as { items: { metadata: { name: string } }[] }
  t.strictSame(
    items.map(({ metadata }) => metadata.name),
    ['good', 'zone'],
  )
  for (const name of ['not-json', 'wrong-type', 'list', 'other-name']) {
    t.match(String(list.headers['warning']), name)
    t.match(String((await call('GET', `${poolsPath}/${name}`)).body['message']), `${resources}/ippools/${name}`)
    t.match((await call('DELETE', `${poolsPath}/${name}`)).body, { kind: 'Status', status: 'Failure' })
    t.match((await call('PUT', `${poolsPath}/${name}`, { spec: { cidr: '10.72.0.0/16' } })).body, { status: 'Failure' })
    const created = await call('POST', poolsPath, { metadata: { name }, spec: { cidr: '10.72.0.0/16' } })
    t.match(refusalIn(created), { status: 409, reason: 'AlreadyExists' })
  }
  const zone = await call(
    'PATCH',
    `${poolsPath}/zone`,
    { spec: { nodeSelector: '!has(zone)' } },
    'application/merge-patch+json',
  )
  t.equal(zone.status, 200)
  await createPool(call, 'more', { cidr: '10.73.0.0/16' })
  t.equal((await call('DELETE', `${poolsPath}/more`)).status, 200)
})

t.test('a node that cannot be read gets addresses only where its labels do not matter', async (t) => {
  const refused = await call('POST', '/ipam/v1/assign', { node: 'wrong-type', handle: 'by-selector' })
  t.match(refusalIn(refused), { status: 409, reason: 'Conflict' })
  t.match(String(refused.body['message']), `${resources}/nodes/wrong-type`)
  const given = await call('POST', '/ipam/v1/assign', { node: 'wrong-type', handle: 'by-name', pools: ['zone'] })
  t.equal(given.status, 201)
  t.match((await call('DELETE', '/ipam/v1/handles/by-name')).body, { released: ['10.71.0.0'] })
})

t.test('a node whose value has no name is the one that its key names', async (t) => {
  await createPool(call, 'first', { cidr: '10.74.0.0/30', blockSize: 30, nodeSelector: "zone == 'west'" })
  await keys.put(`${resources}/nodes/nameless`, '{"metadata":{"labels":{"zone":"west"}},"spec":{}}')
  t.match(await call('POST', '/ipam/v1/assign', { node: 'nameless', handle: 'nameless' }), {
    body: { addresses: [{ pool: 'first' }] },
  })
  const node = await call('GET', '/apis/projectcalico.org/v3/nodes/nameless')
  t.match(node, { status: 200, body: { metadata: { name: 'nameless', labels: { zone: 'west' } } } })
})

t.test('blocks that can be read give addresses, the others are passed over', async (t) => {
  const given = await call('POST', '/ipam/v1/assign', { node: 'node1', handle: 'all', pools: ['good'], ipv4: 12 })
  t.equal(given.status, 201)
  const { addresses } = given.body as unknown as { addresses: { address: string }[] }
  const free = Array.from({ length: 12 }, (_, index) => `10.70.0.${String(20 + index)}`)
  t.strictSame(addresses.map(({ address }) => address).sort(), free)
  t.match(refusalIn(await call('POST', '/ipam/v1/assign', { node: 'node1', pools: ['good'] })), {
    status: 409,
    reason: 'InsufficientAddresses',
  })

  for (const last of [1, 5, 9, 13, 17]) {
    const address = `10.70.0.${String(last)}`
    t.match(refusalIn(await call('POST', '/ipam/v1/assign', { addresses: [address] })), {
      status: 409,
      reason: 'Conflict',
    })
    t.match(refusalIn(await call('GET', `/ipam/v1/addresses/${address}`)), { status: 409, reason: 'Conflict' })
  }
  const released = await call('POST', '/ipam/v1/release', { addresses: ['10.70.0.1', '10.70.0.20', '10.70.0.5'] })
  t.match(released.body, {
    released: ['10.70.0.20'],
    failed: [
      { address: '10.70.0.1', reason: 'Unreadable' },
      { address: '10.70.0.5', reason: 'Unreadable' },
    ],
  })
})

t.test('a handle that cannot be read is left alone, and its addresses can be used', async (t) => {
  for (const handle of ['not-json', 'wrong-type']) {
    t.match(refusalIn(await call('GET', `/ipam/v1/handles/${handle}`)), { status: 409, reason: 'Conflict' })
    t.match(refusalIn(await call('DELETE', `/ipam/v1/handles/${handle}`)), { status: 409, reason: 'Conflict' })
    const given = await call('POST', '/ipam/v1/assign', { handle, pools: ['zone'] })
    t.equal(given.status, 201)
    const { addresses } = given.body as unknown as { addresses: { address: string }[] }
    const [address = ''] = addresses.map(({ address }) => address)
    t.match((await call('GET', `/ipam/v1/addresses/${address}`)).body, { handle })
    t.match((await call('POST', '/ipam/v1/release', { addresses: [address] })).body, { released: [address] })
  }
})

t.test('a configuration that cannot be read stops what would have to guess its rules, and nothing else', async (t) => {
  const held = await call('POST', '/ipam/v1/assign', { handle: 'held', pools: ['zone'] })
  const [address = ''] = addressesIn(held)
  for (const text of ['{"strict_affinity":', '{"strict_affinity":"yes"}', '[]']) {
    await keys.put('/calico/ipam/v2/config', text)
    const refused = await call('POST', '/ipam/v1/assign', { pools: ['zone'] })
    t.match(refusalIn(refused), { status: 409, reason: 'Conflict' }, text)
    t.match(String(refused.body['message']), '/calico/ipam/v2/config')
    t.equal((await call('GET', poolsPath)).status, 200)
    t.match(await call('GET', '/ipam/v1/handles/held'), { status: 200, body: { addresses: [{ address }] } })
    t.match(await call('GET', `/ipam/v1/addresses/${address}`), { status: 200, body: { handle: 'held' } })
    const attributes = `/ipam/v1/addresses/${address}/attributes`
    t.match(await call('GET', attributes), { status: 200, body: { handle: 'held' } })
    t.equal((await call('PUT', attributes, { active: { attributes: { text } } })).status, 200)
    t.match((await call('GET', '/ipam/v1/utilization?pools=zone')).body, { pools: [{ pool: 'zone' }] })
    t.equal((await call('GET', '/ipam/v1/blocks')).status, 200)
    t.equal((await keys.get('/calico/ipam/v2/config'))?.text, text)
  }
  await keys.delete('/calico/ipam/v2/config')
  t.equal((await call('POST', '/ipam/v1/assign', { pools: ['zone'] })).status, 201)
})

t.test('a pool with a block size or a selector beyond all bounds stops nothing that does not need it', async (t) => {
  const selector = "a == 'b' && ".repeat(80_000)
  await keys.put(
    `${resources}/ippools/huge`,
    pool('huge', '10.0.0.0/10').replace('"blockSize":30', '"blockSize":1000000000'),
  )
  await keys.put(
    `${resources}/ippools/long`,
    pool('long', '10.78.0.0/24').replace('"blockSize":30', `"nodeSelector":"${selector}"`),
  )
  await createPool(call, 'bystander', { cidr: '10.77.0.0/30', blockSize: 30, nodeSelector: "zone == 'east'" })
  await keys.put(`${resources}/nodes/eastern`, '{"metadata":{"name":"eastern","labels":{"zone":"east"}},"spec":{}}')
  const asked = await call('POST', '/ipam/v1/assign', { handle: 'asked', pools: ['zone', 'long'], ipv4: 2 })
  t.equal(asked.status, 201)
  t.equal(addressesIn(asked).length, 2)
  t.equal((await call('DELETE', '/ipam/v1/handles/asked')).status, 200)
  const inHuge = await call('POST', '/ipam/v1/assign', { pools: ['huge'] })
  t.match(refusalIn(inHuge), { status: 409, reason: 'InsufficientAddresses' })
  t.match(JSON.stringify(inHuge.body), 'spec.blockSize: expected a prefix length from 20 to 32, found 1000000000')
  for (const body of [{ pools: ['huge'] }, { addresses: ['10.0.0.1'] }, {}]) {
    const refused = await call('POST', '/ipam/v1/assign', body)
    t.ok(refused.status === 409 || refused.status === 422, JSON.stringify(refusalIn(refused)))
    t.ok(JSON.stringify(refused.body).length < 10_000, 'no refusal quotes the whole selector')
  }
  t.equal((await call('GET', '/ipam/v1/addresses/10.0.0.1')).status, 404)
  t.match((await call('POST', '/ipam/v1/release', { addresses: ['10.0.0.1'] })).body, { unallocated: ['10.0.0.1'] })
  t.equal((await call('POST', '/ipam/v1/pools/huge/split', { parts: 2 })).status >= 400, true)
  for (const path of ['/ipam/v1/utilization', '/ipam/v1/blocks', poolsPath, `${poolsPath}/huge`, `${poolsPath}/long`]) {
    t.equal((await call('GET', path)).status, 200, path)
  }
  const { findings } = (await call('GET', '/ipam/v1/check')).body as unknown as {
    findings: { key: string; code: string; subject: string; message: string }[]
  }
  t.match(
    findings.find(({ key, code }) => key.endsWith('/ippools/huge') && code !== 'PoolsOverlap'),
    {
      code: 'PoolFieldInvalid',
      subject: 'blockSize',
      message: 'spec.blockSize: expected a prefix length from 20 to 32, found 1000000000.',
    },
  )
  t.match(
    findings.find(({ key }) => key.endsWith('/ippools/long')),
    { code: 'SelectorInvalid', subject: 'nodeSelector' },
  )
  await keys.delete(`${resources}/ippools/long`)
  const forNode = await call('POST', '/ipam/v1/assign', { node: 'eastern', handle: 'eastern' })
  t.match(forNode, { status: 201, body: { addresses: [{ pool: 'bystander' }] } }, 'no other pool minds')
  const right = { spec: { blockSize: 26 } }
  const refused = await call('PATCH', `${poolsPath}/huge`, right, 'application/merge-patch+json')
  t.match(refusalIn(refused), { status: 422, reason: 'Invalid' })
  t.match(String(refused.body['message']), 'field is immutable; the stored one cannot be used, so create the pool anew')
  t.equal((await call('DELETE', `${poolsPath}/huge`)).status, 200)
  t.equal((await call('GET', `${poolsPath}/huge`)).status, 404, 'it can be deleted')
})

t.test('all that is broken is as it was', async (t) => {
  t.strictSame(await brokenNow(), broken)
})

t.test('a pool over blocks that cannot be read is not deleted from under them', async (t) => {
  await call('DELETE', '/ipam/v1/handles/all')
  t.match((await call('DELETE', `${poolsPath}/good`)).body, { kind: 'IPPool' })
  await until('what can be read is released', async () => {
    const names = Object.keys(await keys.dump('/calico/ipam/v2/assignment/'))
    return names.every((key) => key in broken || !key.includes('/10.70.')) || undefined
  })
  t.match((await call('GET', `${poolsPath}/good`)).body, { metadata: { deletionTimestamp: /./ } })
  const isBlock = ([key]: readonly [string, unknown]): boolean => key.includes('/assignment/')
  t.strictSame(Object.entries(await brokenNow()).filter(isBlock), Object.entries(broken).filter(isBlock))
})
