import t, { type Test } from 'tap'
import { endpoint, keyOfEndpoint } from '../support/corruption.ts'
import { everythingOf, gateBy, policyOf } from '../support/rights.ts'
import { putPool, type ServerInMemory, startServer } from './server-in-memory.ts'

const resource = '/apis/projectcalico.org/v3/nodes/node-1'
const routes = [resource, '/ipam/v1/nodes/node-1'] as const

/** node-1 has a block with an address in use and an empty one; node-2 is registered, too. */
async function start(t: Test): Promise<ServerInMemory> {
  const server = startServer(t)
  const { call, store } = server
  for (const name of ['node-1', 'node-2']) {
    await call('POST', '/apis/projectcalico.org/v3/nodes', { metadata: { name }, spec: {} })
  }
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', node: 'node-1', addresses: ['10.1.0.1'] })
  await call('POST', '/ipam/v1/affinities', { node: 'node-1', cidr: '10.1.0.64/26' })
  store.view.putText('/calico/ipam/v2/host/node-1', '')
  return server
}

const keyOfBlock = (cidr: string): string => `/calico/ipam/v2/assignment/ipv4/block/${cidr.replace('/', '-')}`
const affinityKeys = (server: ServerInMemory): readonly string[] =>
  server.store.view.keys('/calico/ipam/v2/host/node-1')

t.test('a node whose affinities were lost is removed with its blocks, by either route', async (t) => {
  for (const route of routes) {
    const server = await start(t)
    const { call, store } = server
    for (const key of affinityKeys(server)) if (key.includes('/block/')) store.view.remove(key)
    t.match(await call('DELETE', route), { status: 200 }, route)
    t.match(store.view.text(keyOfBlock('10.1.0.0/26')), '"affinity":null', 'the address stays, the block is no one’s')
    t.equal(store.view.text(keyOfBlock('10.1.0.64/26')), undefined, 'an empty block is gone')
    t.strictSame(affinityKeys(server), [])
    t.match((await call('GET', '/ipam/v1/addresses/10.1.0.1')).body, { handle: 'vm-1' })
  }
})

t.test('both routes leave the same behind', async (t) => {
  const left: unknown[] = []
  for (const route of routes) {
    const server = await start(t)
    const { call, store } = server
    store.view.putText('/calico/ipam/v2/host/node-1/ipv4/block/10.1.0.192-26', '{"state":"pending"}')
    store.view.putText('/calico/ipam/v2/host/node-1/ipv4/block/10.1.0.128-26', '{"state":"pendingDeletion"}')
    store.view.putText(keyOfBlock('10.1.0.128/26'), '{')
    await call('DELETE', route)
    left.push(store.view.keys('/calico/ipam/').map((key) => [key, store.view.text(key)]))
  }
  t.strictSame(left[0], left[1])
})

t.test('a repair writes no affinity for a node that is registered nowhere while others are', async (t) => {
  const server = await start(t)
  const { call, store } = server
  store.view.remove('/calico/resources/v3/projectcalico.org/nodes/node-1')
  const [unfinished = '', lost = ''] = affinityKeys(server).filter((key) => key.includes('/block/'))
  store.view.remove(lost)
  store.view.putText(unfinished, '{"state":"pending"}')
  const repaired = await call('POST', '/ipam/v1/check/repair', {
    codes: ['AffinityMissing', 'AffinityUnfinished'],
  })
  t.match(repaired.body['repairs'], [
    { code: 'AffinityUnfinished', outcome: 'Refused', detail: /not registered/ },
    { code: 'AffinityMissing', outcome: 'Refused', detail: /not registered/ },
  ])
  t.equal(store.view.text(lost), undefined)
  t.match(store.view.text(unfinished), 'pending')
})

t.test('a node with very many blocks is removed in steps, and the object goes with the last of them', async (t) => {
  for (const route of routes) {
    const server = await start(t)
    const { call, store } = server
    putPool(store, 'wide', '10.3.0.0/22', 30)
    await call('POST', '/ipam/v1/affinities', { node: 'node-1', pool: 'wide' })
    for (const key of affinityKeys(server).filter((_, index) => index % 2 === 0)) store.view.remove(key)
    const seen: boolean[] = []
    const submit = store.submit.bind(store)
    store.submit = async (plan, options) => {
      const outcome = await submit(plan, options)
      seen.push(store.view.text('/calico/resources/v3/projectcalico.org/nodes/node-1') !== undefined)
      return outcome
    }
    t.match(await call('DELETE', route), { status: 200 })
    t.ok(seen.length > 4, `${seen.length} transactions`)
    t.notOk(seen.slice(0, -1).includes(false), 'until the last step the node is there')
    t.equal(seen.at(-1), route !== resource)
    t.strictSame(affinityKeys(server), [])
    t.equal(store.view.keys('/calico/ipam/v2/assignment/').length, 1, 'the block in use')
  }
})

const deleting = { verbs: ['get', 'delete', 'patch'], resources: ['nodes'] }
const releasingAll = { verbs: ['release'], resources: ['addresses'] }
const policies = [
  policyOf('nodes', ['nodes'], [deleting]),
  policyOf('blue', ['blue'], [deleting, everythingOf('blue')]),
  policyOf('all', ['all'], [deleting, releasingAll]),
]

/** A server with a node on which pods of the teams blue and red have addresses: very many, so that a removal takes several steps. */
async function startGuarded(t: Test, metadata: object = {}) {
  const server = startServer(t, { gatekeeper: gateBy(policies) })
  const { store } = server
  putPool(store, 'blue', '10.1.0.0/24', 26, {}, { team: 'blue' })
  putPool(store, 'red', '10.2.0.0/24', 26, {}, { team: 'red' })
  const as =
    (user: string) =>
    (method: 'GET' | 'POST' | 'DELETE' | 'PATCH', url: string, body?: object, type = 'application/json') =>
      server.call(method, url, body, { authorization: `Bearer ${user}`, 'content-type': type })
  const root = as('root')
  await root('POST', '/apis/projectcalico.org/v3/nodes', { metadata: { name: 'node-1', ...metadata }, spec: {} })
  const hold = async (pod: string, address: string): Promise<void> => {
    const attributes = { namespace: 'shop', pod }
    const body = { handle: `handle-of-${pod}`, node: 'node-1', addresses: [address], attributes }
    t.equal((await root('POST', '/ipam/v1/assign', body)).status, 201)
    store.view.putText(keyOfEndpoint(pod), endpoint(pod, 'node-1', [address]))
  }
  for (let number = 10; number < 90; number++) await hold(`pod-${number}`, `10.1.0.${number}`)
  const holdRed = () => hold('zone-red', '10.2.0.5')
  const held = (): string =>
    store.view
      .keys('/calico/')
      .map((key) => `${key} ${store.view.text(key) ?? ''}`)
      .join()
  return { as, holdRed, held, store }
}

t.test('who may not release the addresses of a node may not delete it either, and nothing happens', async (t) => {
  const { as, holdRed, held } = await startGuarded(t)
  const message =
    'may not release addresses that workloads and tunnels of node-1 use; an AccessPolicy with the verb release and the resource addresses would allow it.'
  const refused = (user: string) => ({
    status: 403,
    body: { reason: 'Forbidden', message: `User "${user}" ${message}`, details: { name: 'node-1' } },
  })
  await holdRed()
  const before = held()
  for (const user of ['nodes', 'blue']) {
    for (const query of ['?dryRun=All', ''])
      t.match(await as(user)('DELETE', `${resource}${query}`), refused(user), user)
    t.match(await as(user)('DELETE', '/apis/projectcalico.org/v3/nodes'), refused(user))
    t.ok(held() === before, 'nothing has changed')
  }
  t.match(await as('all')('DELETE', `${resource}?dryRun=All`), { status: 200 })
  t.ok(held() === before, 'nothing has changed')
  t.match(await as('all')('DELETE', resource), { status: 200 })
  t.notMatch(held(), /handle-of|workloadendpoints/)
})

t.test('the right to release what a node uses is enough, where it is', async (t) => {
  const { as, held } = await startGuarded(t)
  t.match(await as('blue')('DELETE', resource), { status: 200 })
  t.notMatch(held(), /handle-of|workloadendpoints/)
})

t.test('finalizers put off the removal of a node, but not the question of rights', async (t) => {
  const { as, holdRed, held } = await startGuarded(t, { finalizers: ['a.b/c'] })
  await holdRed()
  const before = held()
  t.match(await as('blue')('DELETE', resource), { status: 403 })
  t.ok(held() === before, 'nothing has changed')
  t.match(await as('all')('DELETE', resource), { status: 200, body: { metadata: { name: 'node-1' } } })
  t.match(held(), /handle-of-zone-red/, 'it is only marked')
  const end = { metadata: { finalizers: null } }
  t.match(await as('blue')('PATCH', resource, end, 'application/merge-patch+json'), { status: 200 })
  t.notMatch(held(), /handle-of|workloadendpoints/, 'the delete was allowed to somebody who may release everything')
})
