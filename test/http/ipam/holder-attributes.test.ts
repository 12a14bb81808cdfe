import type { Test } from 'tap'
import t from 'tap'
import { causesOf, type ServerInMemory, startServer } from '../server-in-memory.ts'

const path = '/ipam/v1/addresses/10.1.0.9/attributes'
const source = { node: 'node-1', attributes: { namespace: 'vms', pod: 'launcher-1' } }
const target = { node: 'node-2', attributes: { namespace: 'vms', pod: 'launcher-2' } }
const nobody = { node: null, attributes: {} }

/** A server on which `vm-1` holds 10.1.0.9 for the pod `launcher-1` on `node-1`. */
async function serverWithOwner(
  t: Test,
): Promise<ServerInMemory & { readonly held: Readonly<Record<string, unknown>> }> {
  const server = startServer(t)
  await server.call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses: ['10.1.0.9'], ...source })
  return { ...server, held: { address: '10.1.0.9', handle: 'vm-1', sequenceNumber: '1794812345678901234' } }
}

t.test('the owners of an address are told, set and swapped', async (t) => {
  const { call, held } = await serverWithOwner(t)
  t.match(await call('GET', path), { status: 200, body: { ...held, active: source, alternate: nobody } })
  const announced = await call('PUT', path, { alternate: target })
  t.strictSame([announced.status, announced.body], [200, { ...held, active: source, alternate: target }])
  t.match(announced.headers['content-type'], /^application\/json/)
  const swapped = await call('POST', `${path}/swap`)
  t.strictSame([swapped.status, swapped.body], [200, { ...held, active: target, alternate: source }])
  const forgotten = await call('PUT', path, { alternate: {} })
  t.strictSame([forgotten.status, forgotten.body], [200, { ...held, active: target, alternate: nobody }])
  t.strictSame((await call('GET', path)).body, forgotten.body)
  t.match((await call('GET', '/ipam/v1/addresses/10.1.0.9')).body, { ...held, ...target })
  t.strictSame((await call('PUT', path)).body, forgotten.body, 'a change of nothing')
})

t.test('YAML says it as well as JSON, and any spelling of the address does', async (t) => {
  const { call } = startServer(t)
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses: ['fd00::a'] })
  const yaml = 'active:\n  node: node-2\n  attributes: { pod: launcher-2 }\n'
  const url = `/ipam/v1/addresses/${encodeURIComponent('FD00:0::000A')}/attributes`
  const answer = await call('PUT', url, yaml, { 'content-type': 'application/yaml' })
  t.match(answer, {
    status: 200,
    body: { address: 'fd00::a', active: { node: 'node-2', attributes: { pod: 'launcher-2' } } },
  })
})

t.test('what is not as expected is a conflict that names it', async (t) => {
  const { call, held } = await serverWithOwner(t)
  const expected = { active: { attributes: { pod: 'launcher-1' } }, alternate: {} }
  const wrong = { active: { attributes: { pod: 'launcher-2' } }, alternate: { node: 'x' } }
  for (const [method, url] of [
    ['PUT', path],
    ['POST', `${path}/swap`],
  ] as const) {
    const refused = await call(method, url, { handle: 'vm-2', sequenceNumber: '7', expected: wrong })
    t.match(refused, { status: 409, body: { reason: 'Conflict' } })
    t.strictSame(causesOf(refused), [
      ['handle', 'HandleMismatch'],
      ['sequenceNumber', 'SequenceNumberMismatch'],
      ['expected.active', 'OwnerMismatch'],
      ['expected.alternate', 'OwnerMismatch'],
    ])
  }
  const { handle, sequenceNumber } = held
  t.match(await call('PUT', path, { handle, sequenceNumber, expected, alternate: target }), {
    status: 200,
    body: { alternate: target },
  })
})

t.test('of two callers that expect no owner but the node, one gets the address', async (t) => {
  const { call } = startServer(t)
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses: ['10.1.0.9'], node: 'node-1' })
  const claimBy = (pod: string): object => ({
    active: { node: 'node-1', attributes: { pod } },
    expected: { active: { node: 'node-1' }, noActive: true },
  })
  t.match(await call('PUT', path, claimBy('one')), { status: 200, body: { active: { attributes: { pod: 'one' } } } })
  const refused = await call('PUT', path, claimBy('two'))
  t.match(refused, { status: 409, body: { reason: 'Conflict' } })
  t.strictSame(causesOf(refused), [['expected.noActive', 'OwnerMismatch']])
  t.match(await call('PUT', path, { alternate: target, expected: { noAlternate: true } }), { status: 200 })
  t.match(await call('PUT', path, { expected: { noActive: 'yes' } }), { status: 400 })
})

t.test('a dry run answers the same and stores nothing', async (t) => {
  const { call, held } = await serverWithOwner(t)
  t.match(await call('POST', `${path}/swap?dryRun=All`, {}), {
    status: 200,
    body: { active: nobody, alternate: source },
  })
  t.match(await call('PUT', `${path}?dryRun=All`, { active: target }), { status: 200, body: { active: target } })
  t.match((await call('GET', path)).body, { ...held, active: source, alternate: nobody })
})

t.test('a swap with an Idempotency-Key takes effect once, and the key belongs to one address', async (t) => {
  const { call } = await serverWithOwner(t)
  await call('POST', '/ipam/v1/assign', { handle: 'vm-2', addresses: ['10.1.0.10'] })
  const key = { 'idempotency-key': 'k1' }
  const first = await call('POST', `${path}/swap`, {}, key)
  t.match(first, { status: 200, body: { active: nobody, alternate: source } })
  t.strictSame((await call('POST', `${path}/swap`, {}, key)).body, first.body)
  t.match((await call('GET', path)).body, { active: nobody, alternate: source })
  t.match(await call('POST', '/ipam/v1/addresses/10.1.0.10/attributes/swap', {}, key), {
    status: 422,
    body: { reason: 'IdempotencyKeyReused' },
  })
})

t.test('an address that nobody holds is not found, what is no address is refused as such', async (t) => {
  const { call } = await serverWithOwner(t)
  for (const [method, end] of [
    ['GET', ''],
    ['PUT', ''],
    ['POST', '/swap'],
  ] as const) {
    t.match(await call(method, `/ipam/v1/addresses/10.1.0.10/attributes${end}`), { status: 404 }, method)
    const refused = await call(method, `/ipam/v1/addresses/10.1.0.010/attributes${end}`)
    t.match(refused, { status: 422, body: { reason: 'Invalid' } }, method)
    t.strictSame(causesOf(refused), [['ip', 'FieldValueInvalid']], method)
  }
})

t.test('each field that is wrong is told, and its valid neighbour is taken', async (t) => {
  const { call } = await serverWithOwner(t)
  const attributes = (count: number): object =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, '']))
  const cases: [body: unknown, status: number, field: string][] = [
    [[], 400, 'body'],
    ['null', 400, 'body'],
    [{ active: null }, 400, 'active'],
    [{ active: { pod: 'x' } }, 400, 'active.pod'],
    [{ active: { node: 'X' } }, 422, 'active.node'],
    [{ alternate: { attributes: { a: 1 } } }, 400, 'alternate.attributes.a'],
    [{ alternate: { attributes: { '': 'x' } } }, 422, 'alternate.attributes[]'],
    [{ active: { attributes: attributes(33) } }, 422, 'active.attributes'],
    [{ active: { attributes: { a: 'x'.repeat(1025) } } }, 422, 'active.attributes.a'],
    [
      {
        active: { attributes: { a: 'x'.repeat(1024), b: 'x'.repeat(1024), c: 'x'.repeat(1024), d: 'x'.repeat(1021) } },
      },
      422,
      'active.attributes',
    ],
    [{ active: { node: 'n', attributes: { node: 'm' } } }, 422, 'active.attributes.node'],
    [{ expected: { active: { node: 'n', attributes: { node: 'm' } } } }, 422, 'expected.active.attributes.node'],
    [{ expected: { other: {} } }, 400, 'expected.other'],
    [{ handle: 7 }, 400, 'handle'],
    [{ sequenceNumber: '18446744073709551616' }, 422, 'sequenceNumber'],
    [{ sequenceNumber: 'x' }, 422, 'sequenceNumber'],
    [{ swap: true }, 400, 'swap'],
  ]
  for (const [body, status, field] of cases) {
    const json = { 'content-type': 'application/json' }
    const answer = await call('PUT', path, body, typeof body === 'string' ? json : {})
    t.equal(answer.status, status, JSON.stringify(body))
    t.strictSame(
      causesOf(answer).map(([name]) => name),
      [field],
    )
  }
  const fine = {
    node: 'n',
    attributes: { ...attributes(28), node: 'n', a: 'x'.repeat(1024), b: 'x'.repeat(1024), c: 'x'.repeat(1024) },
  }
  t.match(await call('PUT', path, { active: fine, sequenceNumber: '1794812345678901234' }), { status: 200 })
})
