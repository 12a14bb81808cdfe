import t from 'tap'
import { DatastoreUnavailable, type SubmitOptions } from '../../../src/datastore/index.ts'
import type { Plan, View } from '../../../src/plan/index.ts'
import { causesOf, putPool, type ServerInMemory, startServer } from '../server-in-memory.ts'

type Tap = Parameters<typeof startServer>[0]

/** A server with a pool of 256 blocks of one /30 each, `wide`, beside the usual ones. */
function start(t: Tap): ServerInMemory {
  const server = startServer(t)
  putPool(server.store, 'wide', '10.3.0.0/22', 30)
  return server
}

/** Lets the n-th operation from now, counted from 0, fail. */
function failAt({ store }: ServerInMemory, number: number, fault: Error): void {
  const submit = store.submit.bind(store)
  let count = 0
  store.submit = <Answer>(plan: (view: View) => Plan<Answer>, options?: SubmitOptions) =>
    count++ === number ? Promise.reject(fault) : submit(plan, options)
}

const away = new DatastoreUnavailable('Timeout', 'The deadline passed.')

t.test('a node gets the blocks of a range, each answered for itself', async (t) => {
  const { call } = start(t)
  await call('POST', '/ipam/v1/assign', { node: 'node-2', addresses: ['10.1.0.70'] })
  await call('POST', '/ipam/v1/assign', { node: 'node-1', addresses: ['10.1.0.0'] })
  const claim = { node: 'node-1', cidr: '10.1.0.0/24' }
  const want = {
    node: 'node-1',
    claimed: ['10.1.0.128/26', '10.1.0.192/26'],
    unchanged: ['10.1.0.0/26'],
    failed: [
      {
        block: '10.1.0.64/26',
        reason: 'ClaimedByOther',
        message: 'The block 10.1.0.64/26 cannot be claimed: it belongs to host:node-2.',
      },
    ],
    isComplete: true,
  }
  const tried = await call('POST', '/ipam/v1/affinities?dryRun=All', claim)
  t.strictSame([tried.status, tried.body], [200, { ...want, dryRun: 'All' }])
  t.strictSame((await call('POST', '/ipam/v1/affinities', claim)).body, want, 'nothing had come of the dry run')
  t.match((await call('GET', '/ipam/v1/blocks?node=node-1')).body['blocks'], { length: 3 })
})

t.test('a claim of many blocks takes several transactions, and takes effect once', async (t) => {
  const { call, store } = start(t)
  const once = { 'idempotency-key': 'k1' }
  const claim = { node: 'node-1', pool: 'wide' }
  const first = await call('POST', '/ipam/v1/affinities', claim, once)
  t.match(first, { status: 200, body: { claimed: { length: 256 }, unchanged: [], isComplete: true } })
  const { revision } = store.view
  t.strictSame((await call('POST', '/ipam/v1/affinities', claim, once)).body, first.body)
  t.equal(store.view.revision, revision)
  t.match(await call('POST', '/ipam/v1/affinities', { ...claim, node: 'node-2' }, once), {
    status: 422,
    body: { reason: 'IdempotencyKeyReused' },
  })
})

t.test('a claim that is stopped on the way says so, and its repetition goes on', async (t) => {
  const server = start(t)
  const once = { 'idempotency-key': 'k1' }
  const claim = { node: 'node-1', pool: 'wide' }
  failAt(server, 2, away)
  const stopped = await server.call('POST', '/ipam/v1/affinities', claim, once)
  t.match(stopped, { status: 200, body: { claimed: { length: 120 }, isComplete: false } })
  const whole = await server.call('POST', '/ipam/v1/affinities', claim, once)
  t.match(whole, { status: 200, body: { claimed: { length: 256 }, isComplete: true } })
})

t.test('what fails in the first part fails as a whole, and an unknown outcome is told as one', async (t) => {
  const server = start(t)
  failAt(server, 0, away)
  t.match(await server.call('POST', '/ipam/v1/affinities', { node: 'node-1', pool: 'wide' }), { status: 504 })
  failAt(server, 1, new DatastoreUnavailable('OutcomeUnknown', 'nobody knows'))
  t.match(await server.call('POST', '/ipam/v1/affinities', { node: 'node-1', pool: 'wide' }), {
    status: 500,
    body: { reason: 'OutcomeUnknown' },
  })
  failAt(server, 1, new Error('a bug'))
  t.match(await server.call('POST', '/ipam/v1/affinities', { node: 'node-2', pool: 'wide' }), { status: 500 })
})

t.test('claims are given up by node, range and pool, and only if empty on request', async (t) => {
  const { call } = start(t)
  await call('POST', '/ipam/v1/affinities', { node: 'node-1', cidr: '10.1.0.0/25' })
  await call('POST', '/ipam/v1/assign', { node: 'node-1', addresses: ['10.1.0.0', 'fd00::1'] })
  const empty = { block: '10.1.0.64/26', affinity: 'host:node-1', isDeleted: true }
  const used = { block: '10.1.0.0/26', affinity: 'host:node-1', isDeleted: false }
  const onlyEmpty = await call('DELETE', '/ipam/v1/affinities?pool=blue&onlyIfEmpty=true&dryRun=All')
  t.match(onlyEmpty, {
    status: 200,
    body: { released: [empty], stale: [], failed: [{ block: '10.1.0.0/26', reason: 'NotEmpty' }], isComplete: true },
  })
  t.strictSame((await call('DELETE', '/ipam/v1/affinities?node=node-1&cidr=10.1.0.0%2F24')).body, {
    released: [used, empty],
    stale: [],
    failed: [],
    isComplete: true,
  })
  t.match((await call('GET', '/ipam/v1/addresses/10.1.0.0')).body, { node: 'node-1' }, 'the address stays')
})

t.test('giving up claims takes effect once, and another query under the same key is another call', async (t) => {
  const server = start(t)
  const { call, store } = server
  const once = { 'idempotency-key': 'k1' }
  await call('POST', '/ipam/v1/affinities', { node: 'node-1', pool: 'wide' })
  failAt(server, 3, away)
  const stopped = await call('DELETE', '/ipam/v1/affinities?pool=wide', undefined, once)
  t.match(stopped, { status: 200, body: { released: { length: 177 }, isComplete: false } })
  const whole = await call('DELETE', '/ipam/v1/affinities?pool=wide', undefined, once)
  t.match(whole, { status: 200, body: { released: { length: 256 }, isComplete: true } })
  t.strictSame(store.view.keys('/calico/ipam/v2/'), [])
  await call('POST', '/ipam/v1/affinities', { node: 'node-1', cidr: '10.3.0.0/30' })
  t.strictSame((await call('DELETE', '/ipam/v1/affinities?pool=wide', undefined, once)).body, whole.body)
  t.equal(store.view.keys('/calico/ipam/v2/').length, 2, 'what was claimed since stays')
  t.match(await call('DELETE', '/ipam/v1/affinities?pool=blue', undefined, once), {
    status: 422,
    body: { reason: 'IdempotencyKeyReused' },
  })
})

t.test('what is not understood is refused, and names the field', async (t) => {
  const { call } = start(t)
  const bodies: [body: unknown, status: number, field: string][] = [
    [{}, 400, 'node'],
    [{ node: 'node-1' }, 422, 'cidr'],
    [{ node: 'node-1', cidr: 'x' }, 422, 'cidr'],
    [{ node: 'N!', cidr: '10.1.0.0/24' }, 422, 'node'],
    [{ node: 'node-1', cidr: '192.0.2.0/24' }, 422, 'cidr'],
    [{ node: 'node-1', pool: 'red' }, 422, 'pool'],
    [{ node: 'node-1', pool: 'blue', blocks: 1 }, 400, 'blocks'],
  ]
  for (const [body, status, field] of bodies) {
    const answer = await call('POST', '/ipam/v1/affinities', body)
    t.equal(answer.status, status, JSON.stringify(body))
    t.match(causesOf(answer), [[field]])
  }
  const queries: [query: string, status: number, field: string][] = [
    ['', 422, 'node'],
    ['?onlyIfEmpty=true', 422, 'node'],
    ['?cidr=x', 422, 'cidr'],
    ['?pool=red', 422, 'pool'],
    ['?node=a%2Fb', 422, 'node'],
    ['?nodes=node-1', 400, 'nodes'],
  ]
  for (const [query, status, field] of queries) {
    const answer = await call('DELETE', `/ipam/v1/affinities${query}`)
    t.equal(answer.status, status, query)
    t.match(causesOf(answer), [[field]])
  }
  t.match(await call('DELETE', '/ipam/v1/affinities?node=node-1', { node: 'node-2' }), { status: 400 })
})
