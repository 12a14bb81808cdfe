import t from 'tap'
import { DatastoreUnavailable } from '../../../src/datastore/index.ts'
import { assignAutomatically, blockKey, handleKey, handles, newBlock, poolKey } from '../../../src/model/index.ts'
import { mustParseCidr } from '../../../src/net/index.ts'
import { mustPool } from '../../resources/fixtures.ts'
import { causesOf, startServer } from '../server-in-memory.ts'

const key = handleKey('vm-42').text

t.test('what is found is answered as one object, or as lines', async (t) => {
  const { call, store, app } = startServer(t)
  store.view.putText(key, '{"block":{},"deleted":false}')
  const finding = { code: 'HandleWithoutAddresses', key, subject: null, message: String, repair: 'Default' }
  const { status, body, headers } = await call('GET', '/ipam/v1/check')
  t.equal(status, 200)
  t.equal(headers['content-type'], 'application/json; charset=utf-8')
  t.match(body, { revision: String(store.view.revision), findings: [finding], isComplete: true, problem: null })
  const lines = await app.inject({ url: '/ipam/v1/check', headers: { accept: 'application/x-ndjson' } })
  t.equal(lines.headers['content-type'], 'application/x-ndjson')
  t.match(
    lines.body.split('\n').map((line) => (line === '' ? line : (JSON.parse(line) as unknown))),
    [finding, { revision: String(store.view.revision), isComplete: true, problem: null }, ''],
  )
})

t.test('only what can be answered is accepted', async (t) => {
  const { call } = startServer(t)
  t.equal((await call('GET', '/ipam/v1/check', undefined, { accept: 'text/csv' })).status, 406)
  t.equal((await call('GET', '/ipam/v1/handles/a', undefined, { accept: 'application/x-ndjson' })).status, 406)
})

t.test('a fault at the beginning is a failure, and one in the middle is told at the end', async (t) => {
  const { call, store } = startServer(t)
  store.fault = new DatastoreUnavailable('ServiceUnavailable', 'Away.')
  t.match(await call('GET', '/ipam/v1/check'), { status: 503, body: { kind: 'Status' } })
  store.fault = undefined
  const page = store.page.bind(store)
  store.page = (family, options) => {
    if (family.prefix === handles.prefix) store.fault = new DatastoreUnavailable('ServiceUnavailable', 'Away.')
    return page(family, options)
  }
  t.match(await call('GET', '/ipam/v1/check'), {
    status: 200,
    body: { findings: [], isComplete: false, problem: 'Away.' },
  })
})

t.test('a repair mends what it is asked for, and a dry run only says so', async (t) => {
  const { call, store } = startServer(t)
  store.view.putText(key, '{"block":{"10.1.0.0/26":1},"deleted":false}')
  const path = '/ipam/v1/check/repair'
  t.match((await call('POST', path, { codes: ['HandleMissing'] })).body, { repairs: [], isComplete: true })
  t.match((await call('POST', `${path}?dryRun=All`)).body, { repairs: [{ key, outcome: 'Repaired', detail: String }] })
  t.ok(store.view.text(key))
  t.match((await call('POST', path)).body, { repairs: [{ key, outcome: 'Repaired' }] })
  t.equal(store.view.text(key), undefined)
})

t.test('what somebody writes before the first of several repairs of a key is not taken for a repair', async (t) => {
  const { call, store } = startServer(t)
  const stored = (cidr: string, count: number): void => {
    const empty = newBlock(mustParseCidr(cidr), null, { nanoseconds: 1n })
    const holder = { handle: 'vm-42', attributes: {} }
    store.view.put(blockKey(empty.cidr), assignAutomatically(empty, count, () => false, holder).block)
  }
  store.view.put(poolKey('pool-a'), mustPool({ cidr: '10.1.0.0/16' }))
  stored('10.1.0.0/26', 2)
  stored('10.1.0.64/26', 1)
  const counts = (first: number, second: number): string =>
    `{"block":{"10.1.0.0/26":${String(first)},"10.1.0.64/26":${String(second)}},"deleted":false}`
  store.view.putText(key, counts(1, 2))
  const submit = store.submit.bind(store)
  store.submit = (...given) => {
    store.submit = submit
    store.view.putText(key, counts(1, 3))
    return submit(...given)
  }
  const { body } = await call('POST', '/ipam/v1/check/repair')
  t.match(body, {
    repairs: [
      { code: 'HandleCountTooHigh', outcome: 'NotFound', detail: 'The handle was written meanwhile.' },
      { code: 'HandleCountTooLow', outcome: 'Repaired' },
    ],
  })
  t.equal(store.view.text(key), counts(2, 3))
})

t.test('a repair that the datastore does not carry out does not stop the others', async (t) => {
  const { call, store } = startServer(t)
  store.view.putText(key, '{"block":{},"deleted":false}')
  const submit = store.submit.bind(store)
  for (const [code, detail] of [
    ['Timeout', 'Late.'],
    ['OutcomeUnknown', 'Whether it was repaired is not known.'],
  ] as const) {
    store.submit = () => Promise.reject(new DatastoreUnavailable(code, 'Late.'))
    const { body } = await call('POST', '/ipam/v1/check/repair?dryRun=All')
    t.match(body, { repairs: [{ outcome: 'Unavailable', detail }], isComplete: true })
  }
  store.submit = submit
})

t.test('codes that nothing repairs are refused', async (t) => {
  const { call } = startServer(t)
  t.match(await call('POST', '/ipam/v1/check/repair', { codes: ['Unreadable'] }), { status: 422 })
  t.match(await call('POST', '/ipam/v1/check/repair', { codes: [] }), { status: 422 })
})

t.test('a repair has no answer to keep, and says so to whoever wants it kept', async (t) => {
  const { call } = startServer(t)
  const refused = await call('POST', '/ipam/v1/check/repair', {}, { 'idempotency-key': 'k' })
  t.equal(refused.status, 400)
  t.strictSame(causesOf(refused), [['Idempotency-Key', 'FieldValueForbidden']])
})
