import t, { type Test } from 'tap'
import { type Answer, startServer } from './server-in-memory.ts'

const path = '/apis/projectcalico.org/v3/ipreservations'

async function startWithReservations(t: Test) {
  const server = startServer(t)
  for (const [name, zone] of [
    ['a', 'x'],
    ['b', 'x'],
    ['c', 'y'],
  ]) {
    await server.call('POST', path, { metadata: { name, labels: { zone } }, spec: { reservedCIDRs: ['10.0.0.0/30'] } })
  }
  return server
}

function namesIn({ body }: Answer): readonly string[] {
  return (body['items'] as readonly { readonly metadata: { readonly name: string } }[]).map(
    ({ metadata }) => metadata.name,
  )
}

t.test('a collection is deleted as a whole, or as far as it is selected', async (t) => {
  const { call } = await startWithReservations(t)
  const tried = await call('DELETE', `${path}?labelSelector=zone%3Dx`, { dryRun: ['All'] })
  t.match(tried, { status: 200, body: { kind: 'IPReservationList' } })
  t.strictSame(namesIn(tried), ['a', 'b'])
  t.strictSame(namesIn(await call('GET', path)), ['a', 'b', 'c'], 'a dry run deletes nothing')
  t.strictSame(namesIn(await call('DELETE', `${path}?labelSelector=zone%3Dx&fieldSelector=metadata.name!%3Da`)), ['b'])
  t.strictSame(namesIn(await call('DELETE', path)), ['a', 'c'])
  t.strictSame(namesIn(await call('DELETE', path)), [])
  t.strictSame(namesIn(await call('GET', path)), [])
})

t.test('what is held back stays, and is told as it is', async (t) => {
  const { call } = await startWithReservations(t)
  const patch = { 'content-type': 'application/merge-patch+json' }
  await call('PATCH', `${path}/b`, { metadata: { finalizers: ['x/y'] } }, patch)
  t.match((await call('DELETE', path)).body['items'], [{}, { metadata: { name: 'b', deletionTimestamp: String } }, {}])
  t.strictSame(namesIn(await call('GET', path)), ['b'])
})

t.test('what somebody else deletes meanwhile is no reason to stop, and what fails is', async (t) => {
  const { call, store } = await startWithReservations(t)
  const submit = store.submit.bind(store)
  let count = 0
  store.submit = async (plan, options) => {
    if (++count === 2) await call('DELETE', `${path}/b`)
    return submit(plan, options)
  }
  t.strictSame(namesIn(await call('DELETE', path)), ['a', 'c'])
  t.match(await call('DELETE', `${path}?labelSelector=%3D`), { status: 400 })
  t.match(await call('DELETE', path, { preconditions: { nosuch: 1 } }), { status: 400 })
})

t.test('what a kind refuses to delete ends it, and is told', async (t) => {
  const { call, store } = startServer(t)
  const nodes = '/apis/projectcalico.org/v3/nodes'
  for (const name of ['n1', 'n2']) await call('POST', nodes, { metadata: { name } })
  // What its blocks have in use depends on the configuration.
  store.view.putText('/calico/ipam/v2/config', '{')
  t.match(await call('DELETE', nodes), { status: 409, body: { reason: 'Conflict', details: { name: 'n1' } } })
  t.strictSame(namesIn(await call('GET', nodes)), ['n1', 'n2'])
})
