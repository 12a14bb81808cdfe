import t from 'tap'
import { DatastoreUnavailable } from '../../../src/datastore/index.ts'
import { causesOf, putPool, type ServerInMemory, startServer } from '../server-in-memory.ts'

type Tap = Parameters<typeof startServer>[0]

/** node-1 uses addresses of both families in blocks of its own, one more that it borrowed, and has an empty block. */
async function start(t: Tap): Promise<ServerInMemory> {
  const server = startServer(t)
  const assign = (wish: object) => server.call('POST', '/ipam/v1/assign', wish)
  await assign({ handle: 'other', node: 'node-2', addresses: ['10.1.0.0'] })
  await assign({ handle: 'vm-1', node: 'node-1', addresses: ['10.1.0.1', '10.1.0.64', 'fd00::1'] })
  await assign({ handle: 'vm-2', addresses: ['10.1.0.65'] })
  await server.call('POST', '/ipam/v1/affinities', { node: 'node-1', cidr: '10.1.0.128/26' })
  server.store.view.putText('/calico/ipam/v2/host/node-1', '')
  return server
}

const uses = ['10.1.0.1', '10.1.0.64', 'fd00::1']

t.test('a node that is forgotten leaves its addresses to their owners, and is told which', async (t) => {
  const { call, store } = await start(t)
  const tried = await call('DELETE', '/ipam/v1/nodes/node-1?dryRun=All')
  const done = await call('DELETE', '/ipam/v1/nodes/node-1')
  t.strictSame(done.body, {
    node: 'node-1',
    addresses: { released: [], failed: [], left: uses },
    affinities: {
      released: [
        { block: '10.1.0.64/26', affinity: 'host:node-1', isDeleted: false },
        { block: '10.1.0.128/26', affinity: 'host:node-1', isDeleted: true },
        { block: 'fd00::/124', affinity: 'host:node-1', isDeleted: false },
      ],
      stale: [],
      failed: [],
    },
    isComplete: true,
  })
  t.strictSame(tried.body, { ...done.body, dryRun: 'All' })
  t.strictSame(store.view.keys('/calico/ipam/v2/host/node-1'), [])
  t.match((await call('GET', '/ipam/v1/addresses/10.1.0.1')).body, { node: 'node-1', handle: 'vm-1' })
  t.match((await call('DELETE', '/ipam/v1/nodes/node-1')).body, {
    addresses: { left: uses },
    affinities: { released: [], stale: [], failed: [] },
  })
})

t.test('its addresses are taken back on request, borrowed ones too, and then empty blocks are gone', async (t) => {
  const { call, store } = await start(t)
  const tried = await call('DELETE', '/ipam/v1/nodes/node-1?releaseAddresses=true&dryRun=All')
  const { status, body } = await call('DELETE', '/ipam/v1/nodes/node-1?releaseAddresses=true')
  t.equal(status, 200)
  t.strictSame(tried.body, { ...body, dryRun: 'All' })
  t.strictSame(body['addresses'], { released: uses, failed: [], left: [] })
  t.match(body['affinities'], {
    released: [
      { block: '10.1.0.64/26', isDeleted: false },
      { block: '10.1.0.128/26', isDeleted: true },
      { block: 'fd00::/124', isDeleted: true },
    ],
  })
  t.match((await call('GET', '/ipam/v1/addresses')).body['addresses'], [
    { address: '10.1.0.0' },
    { address: '10.1.0.65' },
  ])
  t.match(await call('GET', '/ipam/v1/handles/vm-1'), { status: 404 })
  t.equal(store.view.keys('/calico/ipam/v2/host/node-1').length, 0)
})

t.test('a node that nobody knows is forgotten already', async (t) => {
  const { call } = await start(t)
  for (const name of ['node-3', 'Odd_Name', 'x'.repeat(253)]) {
    t.match(await call('DELETE', `/ipam/v1/nodes/${name}?releaseAddresses=true`), {
      status: 200,
      body: { node: name, addresses: { released: [], failed: [], left: [] }, isComplete: true },
    })
  }
})

t.test('forgetting takes effect once, however many transactions it takes', async (t) => {
  const { call, store } = await start(t)
  putPool(store, 'single', '10.4.0.0/24', 32)
  const addresses = Array.from({ length: 70 }, (_, number) => `10.4.0.${number}`)
  for (const address of addresses) {
    await call('POST', '/ipam/v1/assign', { handle: 'many', node: 'node-9', addresses: [address] })
  }
  const once = { 'idempotency-key': 'k1' }
  const path = '/ipam/v1/nodes/node-9?releaseAddresses=true'
  const first = await call('DELETE', path, undefined, once)
  t.match(first, {
    status: 200,
    body: {
      addresses: { released: { length: 70 }, left: [] },
      affinities: { released: { length: 70 } },
      isComplete: true,
    },
  })
  await call('POST', '/ipam/v1/assign', { handle: 'late', node: 'node-9', addresses: ['10.4.0.3'] })
  t.strictSame((await call('DELETE', path, undefined, once)).body, first.body)
  t.match(await call('GET', '/ipam/v1/addresses/10.4.0.3'), { status: 200 }, 'what was assigned since stays')
  t.match(await call('DELETE', '/ipam/v1/nodes/node-8?releaseAddresses=true', undefined, once), {
    status: 422,
    body: { reason: 'IdempotencyKeyReused' },
  })
})

t.test('each block is read once, however many parts it takes, and where a repetition goes on', async (t) => {
  const { call, store } = await start(t)
  putPool(store, 'single', '10.4.0.0/24', 32)
  for (const number of Array.from({ length: 100 }).keys()) {
    await call('POST', '/ipam/v1/assign', { handle: 'many', node: 'node-9', addresses: [`10.4.0.${number}`] })
  }
  const blocks = store.view.keys('/calico/ipam/v2/assignment/').length
  const page = store.page.bind(store)
  let read = 0
  store.page = async (family, options) => {
    const found = await page(family, options)
    if (family.prefix === '/calico/ipam/v2/assignment/') read += found.entries.length
    return found
  }
  const submit = store.submit.bind(store)
  let parts = 0
  store.submit = (plan, options) => {
    if (parts++ === 2) return Promise.reject(new DatastoreUnavailable('Timeout', 'etcd did not answer'))
    return submit(plan, options)
  }
  const once = { 'idempotency-key': 'k1' }
  const path = '/ipam/v1/nodes/node-9?releaseAddresses=true'
  t.match(await call('DELETE', path, undefined, once), {
    body: { addresses: { released: { length: 60 } }, isComplete: false },
  })
  t.equal(read, blocks)
  read = 0
  const rest = await call('DELETE', path, undefined, once)
  t.match(rest, { body: { addresses: { released: { length: 100 }, left: [] }, isComplete: true } })
  t.ok(read <= blocks, 'blocks without an address of the node are not read twice')
  t.match((await call('DELETE', path, undefined, once)).body, rest.body)
})

t.test('an address that was released in the meantime is not taken from its new owner', async (t) => {
  const { call, store } = await start(t)
  const page = store.page.bind(store)
  let pages = 0
  store.page = async (family, options) => {
    const read = await page(family, options)
    // The pools are read first, and then the blocks.
    if (pages++ === 1) {
      await call('POST', '/ipam/v1/release', { addresses: ['10.1.0.1'] })
      await call('POST', '/ipam/v1/assign', { handle: 'new', node: 'node-2', addresses: ['10.1.0.1'] })
    }
    return read
  }
  const { body } = await call('DELETE', '/ipam/v1/nodes/node-1?releaseAddresses=true')
  t.match(body['addresses'], {
    released: ['10.1.0.64', 'fd00::1'],
    failed: [{ address: '10.1.0.1', reason: 'SequenceNumberMismatch' }],
    left: ['10.1.0.1'],
  })
  t.match((await call('GET', '/ipam/v1/addresses/10.1.0.1')).body, { handle: 'new' })
})

t.test('what is not understood is refused', async (t) => {
  const { call } = await start(t)
  const wrong = await call('DELETE', '/ipam/v1/nodes/a%2Fb')
  t.match(wrong, { status: 422, body: { reason: 'Invalid' } })
  t.strictSame(causesOf(wrong), [['node', 'FieldValueInvalid']])
  t.match(await call('DELETE', '/ipam/v1/nodes/node-1?release=true'), { status: 400 })
  t.match(await call('DELETE', '/ipam/v1/nodes/node-1', { releaseAddresses: true }), { status: 400 })
})

t.test('no node is forgotten while the cluster is locked, whether its addresses are to go or not', async (t) => {
  const { call, store } = await start(t)
  const key = '/calico/resources/v3/projectcalico.org/clusterinformations/default'
  store.view.putText(key, '{"metadata":{"name":"default"},"spec":{"datastoreReady":false}}')
  for (const query of ['', '?dryRun=All', '?releaseAddresses=true']) {
    const answer = await call('DELETE', `/ipam/v1/nodes/node-1${query}`)
    t.match(answer, { status: 503, body: { reason: 'ServiceUnavailable' } }, query)
  }
})
