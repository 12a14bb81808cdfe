import t from 'tap'
import { DatastoreUnavailable } from '../../../src/datastore/index.ts'
import { readRelease } from '../../../src/http/ipam/release.ts'
import { mustParseAddress } from '../../../src/net/index.ts'
import { causesOf, putPool, startServer, type ServerInMemory } from '../server-in-memory.ts'

interface Held {
  readonly address: string
  readonly sequenceNumber: string
}

/** Assigns `count` IPv4 addresses to an owner. */
async function hold({ call }: ServerInMemory, handle: string, count: number): Promise<readonly Held[]> {
  const answer = await call('POST', '/ipam/v1/assign', { handle, ipv4: count })
  return answer.body['addresses'] as readonly Held[]
}

t.test('each address is answered for, in ascending order', async (t) => {
  const server = startServer(t)
  const [first, second, third, fourth] = await hold(server, 'vm-1', 4)
  if (!first || !second || !third || !fourth) throw new Error('four addresses were asked for')
  const answer = await server.call('POST', '/ipam/v1/release', {
    addresses: [
      '10.1.0.250',
      { address: fourth.address, sequenceNumber: '1' },
      { address: third.address, handle: 'somebody else' },
      second.address,
      { address: first.address, handle: 'vm-1', sequenceNumber: first.sequenceNumber },
    ],
  })
  t.equal(answer.status, 200)
  t.strictSame(Object.keys(answer.body), ['released', 'unallocated', 'failed', 'isComplete'])
  t.strictSame(answer.body['released'], [first.address, second.address])
  t.strictSame(answer.body['unallocated'], ['10.1.0.250'])
  t.match(answer.body['failed'], [
    { address: third.address, reason: 'HandleMismatch', message: /./ },
    { address: fourth.address, reason: 'SequenceNumberMismatch', message: /./ },
  ])
})

t.test('everything of a handle is released, once', async (t) => {
  const server = startServer(t)
  const held = await hold(server, 'vm-1', 3)
  await hold(server, 'vm-2', 1)
  const all = held.map(({ address }) => address)
  const tried = await server.call('POST', '/ipam/v1/release?dryRun=All', { handle: 'vm-1' })
  const want = { released: all, unallocated: [], failed: [], isComplete: true }
  t.strictSame(tried.body, { ...want, dryRun: 'All' })
  const done = await server.call('POST', '/ipam/v1/release', { handle: 'vm-1' })
  t.strictSame(done, { ...done, status: 200, body: want })
  t.match(await server.call('POST', '/ipam/v1/release', { handle: 'vm-1' }), {
    status: 404,
    body: { reason: 'NotFound' },
  })
  t.match(await server.call('GET', '/ipam/v1/handles/vm-2'), { status: 200 })
})

t.test('a handle in very many blocks is released in steps, and answered as one', async (t) => {
  const { store, call } = startServer(t)
  const addresses = Array.from({ length: 100 }, (_, block) => `10.1.${block}.0`)
  store.view.remove('/calico/resources/v3/projectcalico.org/ippools/blue')
  putPool(store, 'wide', '10.1.0.0/16', 24)
  t.equal((await call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses })).status, 201)
  const tried = await call('POST', '/ipam/v1/release?dryRun=All', { handle: 'vm-1' })
  const want = { released: addresses, unallocated: [], failed: [], isComplete: true }
  t.strictSame(tried.body, { ...want, dryRun: 'All' })
  t.strictSame((await call('DELETE', '/ipam/v1/handles/vm-1')).body, want)
  t.equal((await call('GET', '/ipam/v1/handles/vm-1')).status, 404)
})

t.test('a dry run releases nothing', async (t) => {
  const server = startServer(t)
  const [held] = await hold(server, 'vm-1', 1)
  const answer = await server.call('POST', '/ipam/v1/release?dryRun=All', { addresses: [held?.address] })
  t.match(answer, { status: 200, body: { released: [held?.address] } })
  t.equal((await server.call('GET', `/ipam/v1/addresses/${held?.address ?? ''}`)).status, 200)
})

t.test('each field that is malformed is told', async (t) => {
  const { call } = startServer(t)
  const type = 'FieldValueTypeInvalid'
  const cases: readonly (readonly [unknown, string, string])[] = [
    ['10.1.0.1', 'body', type],
    [{ addresses: '10.1.0.1' }, 'addresses', type],
    [{ addresses: [1] }, 'addresses[0]', type],
    [{ addresses: [[]] }, 'addresses[0]', type],
    [{ addresses: [null] }, 'addresses[0]', type],
    [{ addresses: ['10.1.0.1', {}] }, 'addresses[1].address', 'FieldValueRequired'],
    [{ addresses: [{ address: 1 }] }, 'addresses[0].address', type],
    [{ addresses: [{ address: '10.1.0.1', Handle: 'a' }] }, 'addresses[0].Handle', 'FieldValueForbidden'],
    [{ addresses: [{ address: '10.1.0.1', handle: 1 }] }, 'addresses[0].handle', type],
    [{ addresses: [{ address: '10.1.0.1', sequenceNumber: 7 }] }, 'addresses[0].sequenceNumber', type],
    [{ addresses: [{ address: '10.1.0.1', sequenceNumber: null }] }, 'addresses[0].sequenceNumber', type],
    [{ handle: 1 }, 'handle', type],
    [{ address: '10.1.0.1' }, 'address', 'FieldValueForbidden'],
  ]
  for (const [body, field, reason] of cases) {
    const answer = await call('POST', '/ipam/v1/release', JSON.stringify(body), { 'content-type': 'application/json' })
    t.equal(answer.status, 400, field)
    t.strictSame(causesOf(answer), [[field, reason]])
  }
})

t.test('each value that is wrong is told, and its valid neighbour is taken', async (t) => {
  const { call } = startServer(t)
  const invalid = 'FieldValueInvalid'
  const item = (changes: object): unknown => ({ addresses: [{ address: '10.1.0.1', ...changes }] })
  const cases: readonly (readonly [unknown, unknown, string, string])[] = [
    [{ addresses: ['10.1.0.1'] }, {}, 'addresses', 'FieldValueRequired'],
    [{ addresses: ['10.1.0.1'] }, { addresses: [] }, 'addresses', invalid],
    [{ addresses: ['10.1.0.1'] }, { addresses: ['10.1.0.1'], handle: 'a' }, 'addresses', 'FieldValueForbidden'],
    [{ addresses: ['10.1.0.1'] }, { addresses: ['10.1.0.01'] }, 'addresses[0]', invalid],
    [item({}), item({ address: '10.1.0' }), 'addresses[0].address', invalid],
    [
      { addresses: ['fd00::1', 'fd00::2'] },
      { addresses: ['fd00::1', { address: 'fd00:0::1' }] },
      'addresses[1].address',
      'FieldValueDuplicate',
    ],
    [item({ sequenceNumber: '0' }), item({ sequenceNumber: '' }), 'addresses[0].sequenceNumber', invalid],
    [item({ sequenceNumber: '7' }), item({ sequenceNumber: '07' }), 'addresses[0].sequenceNumber', invalid],
    [item({ sequenceNumber: '7' }), item({ sequenceNumber: '0x7' }), 'addresses[0].sequenceNumber', invalid],
    [item({ sequenceNumber: '7' }), item({ sequenceNumber: '7.0' }), 'addresses[0].sequenceNumber', invalid],
    [
      item({ sequenceNumber: '18446744073709551615' }),
      item({ sequenceNumber: '18446744073709551616' }),
      'addresses[0].sequenceNumber',
      invalid,
    ],
    [
      item({ sequenceNumber: '18446744073709551615' }),
      item({ sequenceNumber: '9'.repeat(10_000) }),
      'addresses[0].sequenceNumber',
      invalid,
    ],
    [item({ handle: '' }), item({ handle: 'x'.repeat(513) }), 'addresses[0].handle', invalid],
    [item({ handle: 'a/b' }), { handle: 'a/b' }, 'handle', invalid],
  ]
  for (const [valid, wrong, field, reason] of cases) {
    const taken = await call('POST', '/ipam/v1/release?dryRun=All', valid)
    t.equal(taken.status, 200, `${field}: ${JSON.stringify(taken.body).slice(0, 300)}`)
    const refused = await call('POST', '/ipam/v1/release', wrong)
    t.equal(refused.status, 422, field)
    t.strictSame(causesOf(refused), [[field, reason]])
  }
})

t.test('a release of which nothing was done because of wrong conditions is a conflict', async (t) => {
  const server = startServer(t)
  const [held] = await hold(server, 'vm-1', 1)
  const address = held?.address ?? ''
  const cases: readonly (readonly [object, string, string])[] = [
    [{ handle: 'vm-2' }, 'addresses[0].handle', 'HandleMismatch'],
    [{ sequenceNumber: '1' }, 'addresses[0].sequenceNumber', 'SequenceNumberMismatch'],
  ]
  for (const [conditions, field, reason] of cases) {
    const answer = await server.call('POST', '/ipam/v1/release', { addresses: [{ address, ...conditions }] })
    t.match(answer, {
      status: 409,
      body: { reason: 'Conflict', message: new RegExp(`^${address} .*; nothing was released\\.$`) },
    })
    t.strictSame(causesOf(answer), [[field, reason]])
  }
  t.equal((await server.call('GET', `/ipam/v1/addresses/${address}`)).status, 200)
  const mixed = await server.call('POST', '/ipam/v1/release', {
    addresses: ['10.1.0.250', { address, handle: 'vm-2' }],
  })
  t.match(mixed, { status: 200, body: { unallocated: ['10.1.0.250'], failed: [{ address }] } })
})

t.test('the same of more addresses than one transaction takes', async (t) => {
  const server = startServer(t)
  const held = await hold(server, 'vm-1', 100)
  const wrong = held.map(({ address }) => ({ address, handle: 'vm-2' }))
  const answer = await server.call('POST', '/ipam/v1/release', { addresses: wrong })
  t.match(answer, { status: 409, body: { reason: 'Conflict', message: /; and 92 more; nothing was released\.$/ } })
  t.equal(causesOf(answer).length, 100)
  const [first, ...others] = wrong
  const mixed = await server.call('POST', '/ipam/v1/release', { addresses: [...others, first?.address] })
  t.match(mixed, { status: 200, body: { released: [first?.address] } })
})

t.test('one address is released by its path, on the same conditions', async (t) => {
  const server = startServer(t)
  const [held] = await hold(server, 'vm-1', 1)
  const { address = '', sequenceNumber = '' } = held ?? {}
  const release = (query = '') => server.call('DELETE', `/ipam/v1/addresses/${address}${query}`)
  const wrong = await release('?handle=vm-2')
  t.match(wrong, {
    status: 409,
    body: { reason: 'Conflict', message: new RegExp(`^${address} is held by the handle "vm-1"`) },
  })
  t.strictSame(causesOf(wrong), [['handle', 'HandleMismatch']])
  t.strictSame(causesOf(await release('?sequenceNumber=1')), [['sequenceNumber', 'SequenceNumberMismatch']])
  t.match(await release('?dryRun=All'), { status: 200, body: { released: [address] } })
  t.match(await release(`?handle=vm-1&sequenceNumber=${sequenceNumber}`), {
    status: 200,
    body: { released: [address], unallocated: [], failed: [] },
  })
  t.match(await release(), { status: 404, body: { reason: 'NotFound', message: `${address} is not assigned.` } })
  t.match(await server.call('DELETE', '/ipam/v1/addresses/10.1.0'), { status: 422 })
  t.match(await release(`?sequenceNumber=${'9'.repeat(20)}`), { status: 422 })
  t.match(await server.call('DELETE', `/ipam/v1/addresses/${address}`, {}), { status: 400 })
})

t.test('a repeated release of one address is answered as it was', async (t) => {
  const server = startServer(t)
  const [held] = await hold(server, 'vm-1', 1)
  const release = (query = '') =>
    server.call('DELETE', `/ipam/v1/addresses/${held?.address ?? ''}${query}`, undefined, { 'idempotency-key': 'k' })
  const first = await release()
  t.equal(first.status, 200)
  t.strictSame((await release()).body, first.body)
  t.match(await release('?handle=vm-1'), { status: 422, body: { reason: 'IdempotencyKeyReused' } })
})

t.test('no body gives nothing back, and says so', async (t) => {
  const { call } = startServer(t)
  t.match(await call('POST', '/ipam/v1/release'), { status: 422, body: { reason: 'Invalid' } })
})

t.test('as many addresses as are allowed are taken back in one call, and one more are not', async (t) => {
  const { call } = startServer(t)
  const addresses = Array.from({ length: 1025 }, (_, index) => `10.9.${index >> 8}.${index & 255}`)
  t.match(await call('POST', '/ipam/v1/release', { addresses: addresses.slice(0, 1024) }), { status: 200 })
  const refused = await call('POST', '/ipam/v1/release', { addresses })
  t.equal(refused.status, 422)
  t.strictSame(causesOf(refused), [['addresses', 'FieldValueInvalid']])
})

t.test('conditions are read exactly', (t) => {
  const address = mustParseAddress('10.1.0.1')
  const item = (entry: object): unknown =>
    readRelease({ addresses: [{ address: '10.1.0.1', ...entry }] }).value.items[0]
  t.strictSame(item({}), { address })
  t.strictSame(item({ sequenceNumber: '1794812345678901234' }), { address, sequenceNumber: 1794812345678901234n })
  t.strictSame(item({ sequenceNumber: '0' }), { address, sequenceNumber: 0n })
  t.strictSame(item({ handle: 'a' }), { address, handle: 'a' })
  t.strictSame(readRelease({ handle: 'a', addresses: null }), { value: { handle: 'a', items: [] }, causes: [] })
  t.strictSame(readRelease({ handle: 'a' }), { value: { handle: 'a', items: [] }, causes: [] })
  t.end()
})

t.test('a handle that somebody else releases meanwhile is answered with what this call released', async (t) => {
  const { store, call } = startServer(t)
  store.view.remove('/calico/resources/v3/projectcalico.org/ippools/blue')
  putPool(store, 'wide', '10.1.0.0/16', 24)
  const addresses = Array.from({ length: 250 }, (_, block) => `10.1.${block}.0`)
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses })
  const submit = store.submit.bind(store)
  store.submit = async (plan, options) => {
    const outcome = await submit(plan, options)
    store.view.remove('/calico/ipam/v2/handle/vm-1')
    return outcome
  }
  const answer = await call('DELETE', '/ipam/v1/handles/vm-1')
  t.equal(answer.status, 200)
  const released = answer.body['released'] as readonly string[]
  t.ok(released.length > 0 && released.length < addresses.length)
  t.ok(released.every((address) => addresses.includes(address)))
})

t.test('a fault half-way through the steps ends the release early, and what was done is answered', async (t) => {
  const { store, call } = startServer(t)
  store.view.remove('/calico/resources/v3/projectcalico.org/ippools/blue')
  putPool(store, 'wide', '10.1.0.0/16', 24)
  const addresses = Array.from({ length: 250 }, (_, block) => `10.1.${block}.0`)
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses })
  const submit = store.submit.bind(store)
  store.submit = async (plan, options) => {
    const outcome = await submit(plan, options)
    store.fault = new DatastoreUnavailable('Timeout', 'The deadline passed before anything was changed.')
    return outcome
  }
  const { status, body } = await call('DELETE', '/ipam/v1/handles/vm-1')
  t.match([status, (body['released'] as readonly string[]).length, body['isComplete']], [200, 118, false])
  t.match(
    await call('DELETE', '/ipam/v1/handles/vm-1'),
    { status: 504, body: { reason: 'Timeout' } },
    'nothing was changed',
  )
})
