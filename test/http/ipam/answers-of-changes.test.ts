import t from 'tap'
import { startServer, type ServerInMemory } from '../server-in-memory.ts'

type Change = readonly [method: 'POST' | 'PUT' | 'DELETE', url: string, body?: object]

const address = '10.1.0.7'

/** Every change below /ipam/v1 but the repair, which has no answer to repeat. */
const changes: readonly Change[] = [
  ['POST', '/ipam/v1/assign', { ipv4: 1 }],
  ['POST', '/ipam/v1/release', { addresses: [address] }],
  ['DELETE', `/ipam/v1/addresses/${address}`],
  ['PUT', `/ipam/v1/addresses/${address}/attributes`, { active: {} }],
  ['POST', `/ipam/v1/addresses/${address}/attributes/swap`, {}],
  ['POST', '/ipam/v1/affinities', { node: 'node-1', cidr: '10.1.0.128/26' }],
  ['DELETE', '/ipam/v1/affinities?node=node-1'],
  ['DELETE', '/ipam/v1/nodes/node-1'],
  ['POST', '/ipam/v1/pools/blue/split', { parts: 2 }],
]

async function startUsed(t: Parameters<typeof startServer>[0]): Promise<ServerInMemory> {
  const server = startServer(t)
  await server.call('POST', '/ipam/v1/assign', { handle: 'vm-1', node: 'node-1', addresses: [address] })
  return server
}

t.test('a dry run says in its answer that it was one, a change says nothing', async (t) => {
  const more: readonly Change[] = [
    ['PUT', '/ipam/v1/handles/vm-1', { ipv4: 2 }],
    ['DELETE', '/ipam/v1/handles/vm-1'],
    ['POST', '/ipam/v1/check/repair', {}],
  ]
  for (const [method, url, body] of [...changes, ...more]) {
    const { call, store } = await startUsed(t)
    const before = store.view.revision
    const tried = await call(method, `${url}${url.includes('?') ? '&' : '?'}dryRun=All`, body)
    t.ok(tried.status < 300, `${method} ${url}: ${JSON.stringify(tried.body).slice(0, 200)}`)
    t.equal(tried.body['dryRun'], 'All', `${method} ${url}`)
    t.equal(store.view.revision, before)
    const done = await call(method, url, body)
    t.equal(done.status, tried.status)
    t.notOk('dryRun' in done.body, `${method} ${url}`)
  }
})

t.test('a refused dry run is a refusal like any other', async (t) => {
  const { call } = await startUsed(t)
  const refused = await call('POST', '/ipam/v1/assign?dryRun=All', { addresses: [address] })
  t.match(refused, { status: 409, body: { kind: 'Status', reason: 'AddressInUse' } })
  t.notOk('dryRun' in refused.body)
})

t.test('an answer that is repeated says so, whatever the call', async (t) => {
  for (const [method, url, body] of changes) {
    const { call } = await startUsed(t)
    const send = (key: string) => call(method, url, body, { 'idempotency-key': key })
    const first = await send('one')
    t.equal(first.headers['idempotent-replayed'], undefined, `${method} ${url}`)
    const again = await send('one')
    t.equal(again.headers['idempotent-replayed'], 'true', `${method} ${url}`)
    t.strictSame([again.status, again.body], [first.status, first.body])
    t.equal((await send('two')).headers['idempotent-replayed'], undefined, 'another key is another call')
  }
})

t.test('what was created is said to be where it can be read', async (t) => {
  const { call } = startServer(t)
  const pool = { metadata: { name: 'red' }, spec: { cidr: '10.3.0.0/24' } }
  const yaml = { 'content-type': 'application/apply-patch+yaml' }
  const applied = { kind: 'IPPool', apiVersion: 'projectcalico.org/v3', spec: { cidr: '10.4.0.0/24' } }
  const pools = '/apis/projectcalico.org/v3/ippools'
  const created = [
    await call('POST', '/ipam/v1/assign', { handle: 'vm 1?é' }),
    await call('POST', '/ipam/v1/assign', {}),
    await call('POST', '/ipam/v1/assign', {}, { 'idempotency-key': 'k' }),
    await call('POST', '/ipam/v1/assign', {}, { 'idempotency-key': 'k' }),
    await call('PUT', '/ipam/v1/handles/vm-2', { ipv4: 1 }),
    await call('POST', pools, pool),
    await call('PATCH', `${pools}/green-2?fieldManager=me`, JSON.stringify(applied), yaml),
  ]
  for (const { status, headers } of created) {
    t.equal(status, 201)
    t.equal((await call('GET', String(headers['location']))).status, 200, String(headers['location']))
  }
  t.equal(created[2]?.headers['location'], created[3]?.headers['location'])
  for (const elsewhere of [
    await call('POST', '/ipam/v1/assign?dryRun=All', { handle: 'vm-3' }),
    await call('PUT', '/ipam/v1/handles/vm-3?dryRun=All', { ipv4: 1 }),
    await call('PUT', '/ipam/v1/handles/vm-2', { ipv4: 1 }),
    await call('POST', `${pools}?dryRun=All`, { ...pool, metadata: { name: 'red-2' }, spec: { cidr: '10.5.0.0/24' } }),
  ]) {
    t.ok(elsewhere.status < 300)
    t.equal(elsewhere.headers['location'], undefined)
  }
})
