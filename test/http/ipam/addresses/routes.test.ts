import t from 'tap'
import { causesOf, startServer } from '../../server-in-memory.ts'

t.test('an address in use is answered with its owner, whatever its spelling', async (t) => {
  const { call } = startServer(t)
  const wish = { handle: 'vm-1', addresses: ['10.1.0.9', 'fd00::a'], attributes: { tenant: 'blue' } }
  const assigned = await call('POST', '/ipam/v1/assign', wish)
  t.equal(assigned.status, 201)
  const [four, six] = assigned.body['addresses'] as readonly unknown[]
  t.strictSame((await call('GET', '/ipam/v1/addresses/10.1.0.9')).body, four)
  for (const text of ['fd00::a', 'FD00::A', 'fd00:0:0::000a']) {
    t.strictSame((await call('GET', `/ipam/v1/addresses/${encodeURIComponent(text)}`)).body, six)
  }
})

t.test('the time of the assignment is answered where the attributes have it', async (t) => {
  const { call } = startServer(t)
  const attributes = { timestamp: '2026-11-23 04:00:01.5 +0000 UTC' }
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses: ['10.1.0.9'], attributes })
  await call('POST', '/ipam/v1/assign', { handle: 'vm-2', addresses: ['10.1.0.10'] })
  t.match((await call('GET', '/ipam/v1/addresses/10.1.0.9')).body, { assignedAt: '2026-11-23T04:00:01Z', attributes })
  t.match((await call('GET', '/ipam/v1/addresses/10.1.0.10')).body, { assignedAt: null })
})

t.test('an address that nobody holds is not found', async (t) => {
  const { call } = startServer(t)
  for (const text of ['10.1.0.9', '192.0.2.1', 'fd00::1', '2001:db8::1']) {
    t.match(await call('GET', `/ipam/v1/addresses/${text}`), {
      status: 404,
      body: { kind: 'Status', reason: 'NotFound' },
    })
  }
})

t.test('what is no address is refused as such', async (t) => {
  const { call } = startServer(t)
  const wrong = [
    '10.1.0.09',
    '10.1.0',
    '10.1.0.9%2F32',
    '::ffff:10.1.0.9',
    'fd00::1%25eth0',
    'x',
    '%20',
    '10.1.0.9%00',
    '1'.repeat(65),
  ]
  for (const text of wrong) {
    const answer = await call('GET', `/ipam/v1/addresses/${text}`)
    t.match(answer, { status: 422, body: { reason: 'Invalid' } }, text)
    t.strictSame(causesOf(answer), [['ip', 'FieldValueInvalid']])
  }
})

t.test('a query is refused', async (t) => {
  const { call } = startServer(t)
  t.match(await call('GET', '/ipam/v1/addresses/10.1.0.9?dryRun=All'), { status: 400, body: { reason: 'BadRequest' } })
})

t.test('a value of Calico that is not as the schema expects is answered all the same', async (t) => {
  const { call, store } = startServer(t)
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses: ['10.1.0.9'], attributes: { a: 'b' } })
  const key = store.view.keys('/calico/ipam/v2/assignment/')[0] ?? ''
  const text = store.view.text(key) ?? ''
  store.view.putText(key, text.replace('"a":"b"', '"line\\nbreak":"<\\u2028>"').replace('"vm-1"', 'null'))
  const answer = await call('GET', '/ipam/v1/addresses/10.1.0.9')
  t.match(answer, { status: 200, body: { address: '10.1.0.9', handle: null } })
  t.strictSame(answer.body['attributes'], { 'line\nbreak': '<\u2028>' })
})
