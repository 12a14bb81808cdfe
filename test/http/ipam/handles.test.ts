import t from 'tap'
import { causesOf, startServer } from '../server-in-memory.ts'

t.test('everything of an owner is answered, in ascending order', async (t) => {
  const { call } = startServer(t)
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses: ['fd00::1', '10.1.0.200', '10.1.0.3'] })
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses: ['10.1.0.70'] })
  await call('POST', '/ipam/v1/assign', { handle: 'vm-2', addresses: ['10.1.0.4'] })
  const answer = await call('GET', '/ipam/v1/handles/vm-1')
  t.equal(answer.status, 200)
  t.equal(answer.body['handle'], 'vm-1')
  const addresses = answer.body['addresses'] as readonly { readonly address: string; readonly handle: string }[]
  t.strictSame(
    addresses.map(({ address }) => address),
    ['10.1.0.3', '10.1.0.70', '10.1.0.200', 'fd00::1'],
  )
  t.ok(addresses.every(({ handle }) => handle === 'vm-1'))
})

t.test('an owner is forgotten with its last address', async (t) => {
  const { call } = startServer(t)
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses: ['10.1.0.3', 'fd00::1'] })
  const tried = await call('DELETE', '/ipam/v1/handles/vm-1?dryRun=All')
  const want = { released: ['10.1.0.3', 'fd00::1'], unallocated: [], failed: [], isComplete: true }
  t.strictSame(tried.body, { ...want, dryRun: 'All' })
  const done = await call('DELETE', '/ipam/v1/handles/vm-1')
  t.strictSame([done.status, done.body], [200, want])
  for (const method of ['GET', 'DELETE'] as const) {
    t.match(await call(method, '/ipam/v1/handles/vm-1'), { status: 404, body: { reason: 'NotFound' } })
  }
})

t.test('an owner with an unusual name is found under its encoded name', async (t) => {
  const { call } = startServer(t)
  for (const handle of ['a b', 'é', 'a%2Fb', 'k8s-pod-network.0a1b', 'a:b?c#d&e', 'x'.repeat(512), '...']) {
    t.equal((await call('POST', '/ipam/v1/assign', { handle })).status, 201, handle)
    t.match(await call('GET', `/ipam/v1/handles/${encodeURIComponent(handle)}`), { status: 200, body: { handle } })
    t.match(await call('DELETE', `/ipam/v1/handles/${encodeURIComponent(handle)}`), { status: 200 })
  }
})

t.test('what cannot be the name of an owner is refused as such', async (t) => {
  const { call } = startServer(t)
  for (const name of ['a%2Fb', '%0D', 'a%00', 'x'.repeat(513)]) {
    for (const method of ['GET', 'DELETE'] as const) {
      const answer = await call(method, `/ipam/v1/handles/${name}`)
      t.match(answer, { status: 422, body: { reason: 'Invalid' } }, name)
      t.ok(causesOf(answer).every(([field]) => field === 'handle'))
    }
  }
})

t.test('what cannot be the name of an owner is refused as such, whatever is wished for', async (t) => {
  const { call } = startServer(t)
  // The body has not been looked at by then, and may be of any type.
  for (const body of [{ ipv4: 1 }, { addresses: false }, { addresses: [7] }, { attributes: 'x' }, []]) {
    const answer = await call('PUT', '/ipam/v1/handles/a%2Fb', body)
    t.match(answer, { status: 422, body: { reason: 'Invalid' } }, JSON.stringify(body))
    t.ok(causesOf(answer).every(([field]) => field === 'handle'))
  }
  t.match(await call('PUT', '/ipam/v1/handles/ab', { addresses: false }), { status: 400 })
})

t.test('a query or a body where none is taken is refused', async (t) => {
  const { call } = startServer(t)
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1' })
  t.match(await call('GET', '/ipam/v1/handles/vm-1?limit=1'), { status: 400 })
  t.match(await call('DELETE', '/ipam/v1/handles/vm-1', { dryRun: ['All'] }), {
    status: 400,
    body: { reason: 'BadRequest' },
  })
  t.match(await call('DELETE', '/ipam/v1/handles/vm-1', '', { 'content-type': 'application/json' }), { status: 200 })
})

t.test(
  'a handle that only looks like another gets nothing, and what it holds already can be read and released',
  async (t) => {
    const { call, store } = startServer(t)
    const handles = [' vm-1', 'vm-1 ', 'vm-1\u202E', '\u2067vm-1']
    for (const handle of handles) {
      const path = `/ipam/v1/handles/${encodeURIComponent(handle)}`
      const refused = await call('PUT', path, { ipv4: 1 })
      t.match(refused, { status: 422, body: { reason: 'Invalid' } }, JSON.stringify(handle))
      t.strictSame(causesOf(refused), [['handle', 'FieldValueInvalid']])
      // As another program may have stored it.
      store.view.putText(
        `/calico/ipam/v2/handle/${handle}`,
        `{"handleID":${JSON.stringify(handle)},"block":{},"deleted":false}`,
      )
      t.match(await call('GET', path), { status: 200, body: { handle, addresses: [] } })
      t.match(await call('DELETE', path), { status: 200 })
    }
  },
)
