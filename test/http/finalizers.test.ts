import t, { type Test } from 'tap'
import { endpoint, keyOfEndpoint } from '../support/corruption.ts'
import { startServer } from './server-in-memory.ts'

const nodes = '/apis/projectcalico.org/v3/nodes'
const mergePatch = { 'content-type': 'application/merge-patch+json' }
const endpoints = '/calico/resources/v3/projectcalico.org/workloadendpoints/'

/** A node that is being deleted and held back, with more endpoints on it than one transaction takes. */
async function startWithHeldNode(t: Test) {
  const server = startServer(t)
  const { call, store } = server
  await call('POST', nodes, { metadata: { name: 'node-1', finalizers: ['a/b'] }, spec: {} })
  for (const pod of Array.from({ length: 60 }, (_, number) => `pod-${number}`)) {
    store.view.putText(keyOfEndpoint(pod), endpoint(pod, 'node-1', []))
  }
  const deleted = await call('DELETE', `${nodes}/node-1`)
  t.match(deleted, {
    status: 200,
    body: { kind: 'Node', metadata: { deletionTimestamp: String, finalizers: ['a/b'] } },
  })
  t.equal(store.view.keys(endpoints).length, 60, 'nothing goes before it may')
  return server
}

t.test('with the last finalizer of a node goes all that goes with it', async (t) => {
  for (const method of ['PATCH', 'PUT'] as const) {
    const { call, store } = await startWithHeldNode(t)
    const headers = method === 'PATCH' ? mergePatch : {}
    const body = { metadata: { name: 'node-1', finalizers: [] }, spec: {} }
    t.match(await call(method, `${nodes}/node-1?dryRun=All`, body, headers), { status: 200 })
    t.equal(store.view.keys(endpoints).length, 60, 'a dry run takes nothing')
    const answer = await call(method, `${nodes}/node-1`, body, headers)
    t.match(answer, { status: 200, body: { metadata: { deletionTimestamp: String } } })
    t.match(await call('GET', `${nodes}/node-1`), { status: 404 })
    t.strictSame(
      store.view.keys('/').filter((key) => key.includes('node-1')),
      [],
    )
  }
})

t.test('a change that leaves a finalizer takes nothing', async (t) => {
  const { call, store } = await startWithHeldNode(t)
  t.match(await call('PATCH', `${nodes}/node-1`, { metadata: { labels: { a: 'b' } } }, mergePatch), { status: 200 })
  t.match(await call('DELETE', `${nodes}/node-1`), { status: 200, body: { kind: 'Node' } })
  t.equal(store.view.keys(endpoints).length, 60)
})

t.test('whoever removes the finalizer of a pool that is being deleted is told that it stays', async (t) => {
  const { call } = startServer(t)
  const pool = '/apis/projectcalico.org/v3/ippools/blue'
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', ipv4: 2, pools: ['blue'] })
  t.match(await call('DELETE', pool), {
    status: 200,
    headers: { warning: [/^299 - "The pool is being deleted: .* 2 addresses are in use\.?/] },
    body: { metadata: { finalizers: ['projectcalico.org/ippool-finalizer'] } },
  })
  for (const [method, body, type] of [
    ['PATCH', { metadata: { finalizers: null } }, 'application/merge-patch+json'],
    ['PATCH', [{ op: 'remove', path: '/metadata/finalizers' }], 'application/json-patch+json'],
    ['PUT', { metadata: { name: 'blue' }, spec: { cidr: '10.1.0.0/24', disabled: true } }, 'application/json'],
  ] as const) {
    t.match(await call(method, pool, body, { 'content-type': type }), {
      status: 200,
      headers: { warning: [/^299 - "metadata\.finalizers: projectcalico\.org\/ippool-finalizer stays/] },
      body: { metadata: { finalizers: ['projectcalico.org/ippool-finalizer'] } },
    })
  }
  const label = { metadata: { labels: { a: 'b' } } }
  t.notOk((await call('PATCH', pool, label, mergePatch)).headers['warning'], 'others are told nothing')
})
