import t, { type Test } from 'tap'
import { DatastoreUnavailable } from '../../../src/datastore/index.ts'
import { storedAnswerKey, storedAnswers } from '../../../src/model/index.ts'
import { type Answer, causesOf, putPool, startServer, type ServerInMemory } from '../server-in-memory.ts'

const key = '8e03978e-40d5-43dd-bc93-6894a57f9324'

type Route = '/ipam/v1/assign' | '/ipam/v1/release'

function post({ call }: ServerInMemory, url: string, body: unknown, idempotencyKey = key): Promise<Answer> {
  return call('POST', url, body, { 'idempotency-key': idempotencyKey })
}

function addressesIn({ body }: Answer): readonly string[] {
  return (body['addresses'] as readonly { readonly address: string }[]).map(({ address }) => address)
}

/** The keys of the answers that are kept, without their prefix. */
function answersKept({ store }: ServerInMemory): readonly string[] {
  return store.view.keys(storedAnswers.prefix).map((stored) => stored.slice(storedAnswers.prefix.length))
}

/** Everything that is stored. */
function dump({ store: { view } }: ServerInMemory): readonly unknown[] {
  return view.keys('/').map((stored) => [stored, view.text(stored)])
}

/** A server whose only IPv4 pool has many blocks, so that what takes several transactions is small. */
function startWide(t: Test): ServerInMemory {
  const server = startServer(t)
  server.store.view.remove('/calico/resources/v3/projectcalico.org/ippools/blue')
  putPool(server.store, 'wide', '10.1.0.0/16', 24)
  return server
}

/** The first address of each of so many blocks of the wide pool. */
function firstAddresses(blocks: number): readonly string[] {
  return Array.from({ length: blocks }, (_, block) => `10.1.${block}.0`)
}

t.test('a repeated assignment is answered byte for byte, and assigned once', async (t) => {
  const server = startServer(t)
  const send = () =>
    server.app.inject({
      method: 'POST',
      url: '/ipam/v1/assign',
      headers: { 'idempotency-key': key },
      payload: { attributes: { tenant: '<é>' }, ipv4: 2, ipv6: 1 },
    })
  const first = await send()
  t.equal(first.statusCode, 201)
  t.match(first.json<{ handle: string }>().handle, /^uid-/, 'the name that was made up stays')
  const before = dump(server)
  for (const again of [await send(), await send()]) {
    t.strictSame([again.statusCode, again.body], [201, first.body])
    t.equal(again.headers['content-type'], first.headers['content-type'])
  }
  t.strictSame(dump(server), before)
  t.strictSame(answersKept(server), [`${key}/0`])

  const plain = await server.call('POST', '/ipam/v1/assign', { ipv4: 2 })
  t.strictSame(Object.keys(plain.body), Object.keys(first.json()), 'an answer that was not kept looks the same')
  t.strictSame(answersKept(server), [`${key}/0`], 'a call without a key is not kept')
})

t.test('a repeated release is answered as it was, whoever holds the addresses by then', async (t) => {
  const server = startServer(t)
  await server.call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses: ['10.1.0.3', '10.1.0.4'] })
  const body = { addresses: ['10.1.0.4', '10.1.0.9', { address: '10.1.0.3', handle: 'nobody' }] }
  const first = await post(server, '/ipam/v1/release', body)
  t.match(first, {
    status: 200,
    body: { released: ['10.1.0.4'], unallocated: ['10.1.0.9'], failed: [{ address: '10.1.0.3' }] },
  })
  await server.call('POST', '/ipam/v1/assign', { handle: 'vm-2', addresses: ['10.1.0.4'] })
  const again = await post(server, '/ipam/v1/release', body)
  t.strictSame([again.status, again.body], [200, first.body])
  t.equal((await server.call('GET', '/ipam/v1/addresses/10.1.0.4')).body['handle'], 'vm-2')
})

t.test('a key that no header can be is refused, and its valid neighbour is taken', async (t) => {
  const server = startServer(t)
  const right = ['a', '!~', '"quoted"', 'a/b', '%2F', '..', 'x'.repeat(255)]
  const wrong = ['', ' ', 'a b', 'a, b', 'é', 'x'.repeat(256)]
  for (const route of ['/ipam/v1/assign', '/ipam/v1/release'] as const) {
    const body = route === '/ipam/v1/assign' ? { handle: 'vm-1' } : { addresses: ['10.1.0.250'] }
    const before = dump(server)
    for (const name of wrong) {
      const answer = await post(server, route, body, name)
      t.match(answer, { status: 422, body: { reason: 'Invalid' } }, JSON.stringify(name))
      t.strictSame(causesOf(answer), [['idempotency-key', 'FieldValueInvalid']])
    }
    t.strictSame(dump(server), before)
    for (const name of right)
      t.ok((await post(server, route, body, `${name.slice(1)}${route.at(-1) ?? ''}`)).status < 300, name)
  }
  const twice = await server.app.inject({
    method: 'POST',
    url: '/ipam/v1/assign',
    // Node's HTTP server joins a header that comes twice.
    headers: { 'idempotency-key': 'one, two' },
    payload: {},
  })
  t.equal(twice.statusCode, 422, 'two keys are none')
})

t.test('a key is for one call: another body or another route is refused', async (t) => {
  const reuses: readonly (readonly [string, Route, unknown, Route, unknown])[] = [
    ['another body', '/ipam/v1/assign', { ipv4: 1 }, '/ipam/v1/assign', { ipv4: 2 }],
    ['no body for an empty one', '/ipam/v1/assign', {}, '/ipam/v1/assign', { handle: 'a' }],
    ['another route', '/ipam/v1/assign', { handle: 'a' }, '/ipam/v1/release', { handle: 'a' }],
    ['another route', '/ipam/v1/release', { addresses: ['10.1.0.1'] }, '/ipam/v1/assign', { addresses: ['10.1.0.1'] }],
    [
      'other addresses',
      '/ipam/v1/release',
      { addresses: ['10.1.0.1'] },
      '/ipam/v1/release',
      { addresses: ['10.1.0.2'] },
    ],
  ]
  for (const [name, route, body, otherRoute, otherBody] of reuses) {
    const server = startServer(t)
    await server.call('POST', '/ipam/v1/assign', { handle: 'a', addresses: ['10.1.0.2'] })
    t.ok((await post(server, route, body)).status < 300)
    const before = dump(server)
    t.match(
      await post(server, otherRoute, otherBody),
      { status: 422, body: { reason: 'IdempotencyKeyReused', message: new RegExp(key) } },
      name,
    )
    t.strictSame(dump(server), before, 'nothing is changed')
    t.ok((await post(server, otherRoute, otherBody, 'another')).status < 300, 'with a key of its own it is carried out')
  }
})

t.test('a key that was used for one call does not let through any part of a longer one', async (t) => {
  const server = startWide(t)
  const addresses = firstAddresses(100)
  await server.call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses })
  t.equal((await post(server, '/ipam/v1/release', { addresses: ['10.1.200.0'] })).status, 200)
  const before = dump(server)
  t.match(await post(server, '/ipam/v1/release', { addresses }), {
    status: 422,
    body: { reason: 'IdempotencyKeyReused' },
  })
  t.strictSame(dump(server), before)
})

t.test('a refusal is not kept: sent again, the call may succeed', async (t) => {
  const server = startServer(t)
  await server.call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses: ['10.1.0.3'] })
  const wish = { handle: 'vm-2', addresses: ['10.1.0.3'] }
  t.match(await post(server, '/ipam/v1/assign', wish), { status: 409, body: { reason: 'AddressInUse' } })
  t.match(await post(server, '/ipam/v1/release', { handle: 'vm-3' }), { status: 404 })
  t.match(await post(server, '/ipam/v1/assign', { ipv4: 0 }), { status: 422, body: { reason: 'Invalid' } })
  server.store.fault = new DatastoreUnavailable('ServiceUnavailable', 'etcd does not answer')
  t.match(await post(server, '/ipam/v1/assign', wish), { status: 503 })
  server.store.fault = undefined
  t.strictSame(answersKept(server), [])
  await server.call('DELETE', '/ipam/v1/handles/vm-1')
  const given = await post(server, '/ipam/v1/assign', wish)
  t.strictSame([given.status, addressesIn(given)], [201, ['10.1.0.3']])
  const again = await post(server, '/ipam/v1/assign', wish)
  t.strictSame([again.status, again.body], [201, given.body])
})

t.test('a dry run is not kept, and is not answered from what is kept', async (t) => {
  const server = startServer(t)
  const before = dump(server)
  const tried = await post(server, '/ipam/v1/assign?dryRun=All', { handle: 'vm-1', ipv4: 256 })
  t.equal(tried.status, 201)
  t.strictSame(dump(server), before)
  t.equal((await post(server, '/ipam/v1/assign', { handle: 'vm-1', ipv4: 256 })).status, 201)
  t.match(
    await post(server, '/ipam/v1/assign?dryRun=All', { handle: 'vm-1', ipv4: 256 }),
    { status: 409, body: { reason: 'InsufficientAddresses' } },
    'it says what would happen without the key',
  )
  const all = { handle: 'vm-1' }
  t.equal((await post(server, '/ipam/v1/release?dryRun=All', all, 'r')).status, 200)
  t.strictSame(answersKept(server), [`${key}/0`])
  t.equal((await post(server, '/ipam/v1/release', all, 'r')).status, 200)
})

t.test('a release of many addresses, repeated, is answered as it was', async (t) => {
  const server = startWide(t)
  const addresses = firstAddresses(200)
  await server.call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses })
  const first = await post(server, '/ipam/v1/release', { addresses })
  t.strictSame(
    [first.status, first.body],
    [200, { released: addresses, unallocated: [], failed: [], isComplete: true }],
  )
  t.strictSame(
    answersKept(server),
    ['0', '1', '2', '3', '4', '5', '6'].map((part) => `${key}/${part}`),
  )
  await server.call('POST', '/ipam/v1/assign', { handle: 'vm-2', addresses })
  const before = dump(server)
  const again = await post(server, '/ipam/v1/release', { addresses })
  t.strictSame([again.status, again.body], [200, first.body])
  t.strictSame(dump(server), before, 'what somebody else holds by then is left alone')
})

t.test('a release of many addresses that broke off is completed by the repetition', async (t) => {
  const server = startWide(t)
  const addresses = firstAddresses(200)
  await server.call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses })
  const first = await post(server, '/ipam/v1/release', { addresses })
  // As if the crash had come before the last two parts.
  const taken = addresses.slice(150)
  await server.call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses: taken })
  for (const part of [5, 6]) server.store.view.remove(storedAnswerKey(key, part).text)
  const again = await post(server, '/ipam/v1/release', { addresses })
  t.strictSame([again.status, again.body], [200, first.body])
  t.equal((await server.call('GET', '/ipam/v1/handles/vm-1')).status, 404)
})

t.test('a release of a handle in very many blocks, repeated, is answered as it was', async (t) => {
  const server = startWide(t)
  const addresses = firstAddresses(250)
  await server.call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses })
  const first = await post(server, '/ipam/v1/release', { handle: 'vm-1' })
  t.strictSame(
    [first.status, first.body],
    [200, { released: addresses, unallocated: [], failed: [], isComplete: true }],
  )
  t.strictSame(
    answersKept(server),
    ['0', '1', '2'].map((part) => `${key}/${part}`),
  )
  await server.call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses })
  const before = dump(server)
  const again = await post(server, '/ipam/v1/release', { handle: 'vm-1' })
  t.strictSame([again.status, again.body], [200, first.body])
  t.strictSame(dump(server), before, 'what the handle was given since is left alone')
})

t.test('a split that is repeated is answered again, also when its parts are gone by then', async (t) => {
  const server = startServer(t)
  const path = '/ipam/v1/pools/blue/split'
  const first = await post(server, path, { parts: 2 })
  t.match(first, { status: 200, body: { pool: 'blue', parts: [{ name: 'split-blue-0' }, { name: 'split-blue-1' }] } })
  t.strictSame(answersKept(server), [`${key}/0`])
  await server.call('DELETE', '/apis/projectcalico.org/v3/ippools/split-blue-0')
  const again = await post(server, path, { parts: 2 })
  t.strictSame(
    [again.status, again.body, again.headers['content-type']],
    [200, first.body, first.headers['content-type']],
  )
  t.match(await post(server, path, { parts: 4 }), { status: 422, body: { reason: 'IdempotencyKeyReused' } })
  t.match(await post(server, '/ipam/v1/pools/green/split', { parts: 2 }), { status: 422 })
})

t.test('a part that another version stored in another form is refused, and nothing is changed', async (t) => {
  const server = startWide(t)
  await server.call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses: firstAddresses(2) })
  const body = { addresses: firstAddresses(1) }
  await post(server, '/ipam/v1/release', body)
  const stored = storedAnswerKey(key, 0).text
  const text = server.store.view.text(stored) ?? ''
  server.store.view.putText(stored, text.replace('next', 'isComplete'))
  const before = dump(server)
  t.match(await post(server, '/ipam/v1/release', body), { status: 409, body: { reason: 'Conflict' } })
  t.strictSame(dump(server), before)
})
