import t from 'tap'
import { DatastoreUnavailable } from '../../../src/datastore/index.ts'
import { readAssign } from '../../../src/http/ipam/assign.ts'
import { causesOf, startServer } from '../server-in-memory.ts'

interface Assigned {
  readonly handle: string
  readonly addresses: readonly Record<string, unknown>[]
}

t.test('addresses are answered with everything there is to know about them', async (t) => {
  const { call, store } = startServer(t)
  const wish = { handle: 'vm-42', node: 'node-1', ipv4: 1, ipv6: 1, attributes: { tenant: 'blue', colour: 'red' } }
  const answer = await call('POST', '/ipam/v1/assign', wish)
  t.equal(answer.status, 201)
  const { handle, addresses } = answer.body as unknown as Assigned
  t.equal(handle, 'vm-42')
  t.strictSame(Object.keys(answer.body), ['handle', 'addresses'])
  t.equal(addresses.length, 2)
  for (const address of addresses) {
    t.strictSame(Object.keys(address), [
      'address',
      'block',
      'pool',
      'node',
      'handle',
      'sequenceNumber',
      'assignedAt',
      'attributes',
    ])
    t.match(address, { node: 'node-1', handle: 'vm-42', sequenceNumber: /^[0-9]{19}$/ })
    t.strictSame(Object.entries(address['attributes'] as object), [
      ['colour', 'red'],
      ['tenant', 'blue'],
    ])
  }
  t.strictSame(
    addresses.map(({ pool }) => pool),
    ['blue', 'green'],
  )
  t.match(store.lastOptions.deadlineMs, Number)
  t.ok(Number(store.lastOptions.deadlineMs) <= 30_000, 'what is left of the time of the call')
  t.ok(store.view.text('/calico/ipam/v2/handle/vm-42'), 'and they are stored')
})

t.test(
  'an empty object asks for one IPv4 address of a new handle; no body, and an empty one, ask for nothing',
  async (t) => {
    const { call } = startServer(t)
    for (const [payload, type] of [
      [undefined, undefined],
      ['', 'application/json'],
      ['', 'application/yaml'],
    ] as const) {
      const answer = await call('POST', '/ipam/v1/assign', payload, type === undefined ? {} : { 'content-type': type })
      t.match(answer, { status: 400, body: { reason: 'BadRequest' } })
      t.strictSame(causesOf(answer), [['body', 'FieldValueRequired']])
    }
    t.match((await call('GET', '/ipam/v1/addresses')).body, { addresses: [] }, 'nothing was assigned')
    const answer = await call('POST', '/ipam/v1/assign', {})
    t.equal(answer.status, 201)
    t.match(answer.body, {
      handle: /^uid-\d+$/,
      addresses: [{ address: /^10\.1\.0\.\d+$/, node: null, attributes: {} }],
    })
  },
)

t.test('YAML asks as well as JSON', async (t) => {
  const { call } = startServer(t)
  const answer = await call('POST', '/ipam/v1/assign', 'handle: vm-1\nipv6: 2\n', {
    'content-type': 'application/yaml',
  })
  t.match(answer, { status: 201, body: { handle: 'vm-1', addresses: [{ pool: 'green' }, { pool: 'green' }] } })
})

t.test('a dry run answers the same and stores nothing', async (t) => {
  const { call, store } = startServer(t)
  const before = store.view.keys('/')
  const tried = await call('POST', '/ipam/v1/assign?dryRun=All', { handle: 'vm-1' })
  t.equal(tried.status, 201)
  t.strictSame(store.view.keys('/'), before)
  t.equal(store.lastOptions.dryRun, true)
  const done = await call('POST', '/ipam/v1/assign', { handle: 'vm-1' })
  t.strictSame(tried.body, { ...done.body, dryRun: 'All' })
})

t.test('a refusal of the plan is told with its reason and causes', async (t) => {
  const { call } = startServer(t)
  const named = { handle: 'vm-1', addresses: ['10.1.0.7'] }
  t.equal((await call('POST', '/ipam/v1/assign', named)).status, 201)
  t.match(await call('POST', '/ipam/v1/assign', { ...named, handle: 'vm-2' }), {
    status: 409,
    body: { reason: 'AddressInUse' },
  })
  t.match(await call('POST', '/ipam/v1/assign', { addresses: ['10.2.0.1'] }), {
    status: 422,
    body: { reason: 'Invalid' },
  })
  const short = await call('POST', '/ipam/v1/assign', { ipv4: 1000 })
  t.match(short, { status: 409, body: { reason: 'InsufficientAddresses' } })
  t.ok(causesOf(short).length > 0)
})

t.test('who does not hear what became of the call hears under which handle to look', async (t) => {
  const { call, store } = startServer(t)
  store.fault = new DatastoreUnavailable('OutcomeUnknown', 'It may have been made.')
  for (const [body, name] of [
    [{ handle: 'vm-1' }, 'vm-1'],
    [{}, /^uid-/],
  ] as const) {
    const answer = await call('POST', '/ipam/v1/assign', body)
    t.match(answer, { status: 500, body: { reason: 'OutcomeUnknown', details: { kind: 'handle', name } } })
    t.notOk(answer.headers['retry-after'])
  }
})

t.test('a fault of the datastore is told as what it is', async (t) => {
  const { call, store } = startServer(t)
  store.fault = new DatastoreUnavailable('ServiceUnavailable', 'etcd does not answer; nothing was changed.')
  const answer = await call('POST', '/ipam/v1/assign', {})
  t.match(answer, { status: 503, headers: { 'retry-after': '1' }, body: { reason: 'ServiceUnavailable' } })
})

t.test('each field that is malformed is told', async (t) => {
  const { call } = startServer(t)
  const type = 'FieldValueTypeInvalid'
  const cases: readonly (readonly [unknown, string, string])[] = [
    [[], 'body', type],
    [{ handle: 1 }, 'handle', type],
    [{ node: null }, 'node', type],
    [{ ipv4: '1' }, 'ipv4', type],
    [{ ipv4: 1.5 }, 'ipv4', type],
    [{ ipv6: true }, 'ipv6', type],
    [{ addresses: '10.1.0.1' }, 'addresses', type],
    [{ addresses: [1] }, 'addresses[0]', type],
    [{ pools: [{}] }, 'pools[0]', type],
    [{ use: [] }, 'use', type],
    [{ namespace: 'a' }, 'namespace', type],
    [{ namespace: { labels: { a: 1 } } }, 'namespace.labels.a', type],
    [{ namespace: { uid: 'a' } }, 'namespace.uid', 'FieldValueForbidden'],
    [{ attributes: { a: null } }, 'attributes.a', type],
    [{ maxBlocksPerNode: '0' }, 'maxBlocksPerNode', type],
    [{ partial: 'true' }, 'partial', type],
    [{ IPv4: 1 }, 'IPv4', 'FieldValueForbidden'],
  ]
  for (const [body, field, reason] of cases) {
    const answer = await call('POST', '/ipam/v1/assign', body)
    t.equal(answer.status, 400, field)
    t.strictSame(causesOf(answer), [[field, reason]])
  }
})

t.test('each value that is wrong is told, and its valid neighbour is taken', async (t) => {
  const { call } = startServer(t)
  const invalid = 'FieldValueInvalid'
  const texts = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'v']))
  const cases: readonly (readonly [unknown, unknown, string, string])[] = [
    [{ handle: 'a' }, { handle: '' }, 'handle', invalid],
    [{ handle: 'x'.repeat(512) }, { handle: 'x'.repeat(513) }, 'handle', invalid],
    [{ handle: 'a:b c%2F..' }, { handle: 'a/b' }, 'handle', invalid],
    [{ handle: '...' }, { handle: '..' }, 'handle', invalid],
    [{ handle: '.a' }, { handle: '.' }, 'handle', invalid],
    [{ handle: 'é' }, { handle: 'a\rb' }, 'handle', invalid],
    [{ handle: 'a b' }, { handle: 'a\u0085b' }, 'handle', invalid],
    [{ handle: 'a b.' }, { handle: 'a\u202Eb' }, 'handle', invalid],
    [{ handle: 'سلام' }, { handle: 'a\u2066' }, 'handle', invalid],
    [{ handle: '\u{1F469}\u200D\u{1F680}' }, { handle: '\u200Fa' }, 'handle', invalid],
    [{ handle: 'a' }, { handle: ' a' }, 'handle', invalid],
    [{ handle: 'a' }, { handle: 'a\u00A0' }, 'handle', invalid],
    [{ handle: 'a' }, { handle: ' ' }, 'handle', invalid],
    [{ handle: 'a' }, { handle: 'a\u0000' }, 'handle', invalid],
    [{ node: 'node-1.example.org' }, { node: 'Node-1' }, 'node', invalid],
    [{ node: 'n'.repeat(253) }, { node: 'n'.repeat(254) }, 'node', invalid],
    [{ node: 'a' }, { node: '-a' }, 'node', invalid],
    [{ node: 'a.b' }, { node: 'a..b' }, 'node', invalid],
    [{ ipv4: 1 }, { ipv4: 0 }, 'ipv4', invalid],
    [{ ipv4: 0, ipv6: 1 }, { ipv4: 0, ipv6: 0 }, 'ipv4', invalid],
    [{ ipv4: 1 }, { ipv4: -1 }, 'ipv4', invalid],
    [{ ipv4: 1024, partial: true }, { ipv4: 1025, partial: true }, 'ipv4', invalid],
    [{ addresses: ['10.1.0.200'] }, { addresses: [] }, 'addresses', invalid],
    [{ addresses: ['10.1.0.201'] }, { addresses: ['10.1.0.0201'] }, 'addresses[0]', invalid],
    [{ addresses: ['fd00::1'] }, { addresses: ['fd00::1%eth0'] }, 'addresses[0]', invalid],
    [{ addresses: ['fd00::2'] }, { addresses: ['::ffff:10.1.0.1'] }, 'addresses[0]', invalid],
    [{ addresses: ['10.1.0.202'] }, { addresses: ['10.1.0.202/32'] }, 'addresses[0]', invalid],
    [
      { addresses: ['fd00::3', 'fd00::4'] },
      { addresses: ['fd00::5', 'FD00:0::5'] },
      'addresses[1]',
      'FieldValueDuplicate',
    ],
    [
      { addresses: ['10.1.0.203'], ipv4: 0 },
      { addresses: ['10.1.0.204'], ipv4: 1 },
      'addresses',
      'FieldValueForbidden',
    ],
    [{ pools: ['blue'] }, { pools: [''] }, 'pools[0]', invalid],
    [{ pools: ['10.1.0.0/24'] }, { pools: Array(65).fill('blue') }, 'pools', invalid],
    [{ use: 'Tunnel' }, { use: 'tunnel' }, 'use', 'FieldValueNotSupported'],
    [{ namespace: { name: 'a', labels: { b: 'c' } } }, { namespace: { name: 'A' } }, 'namespace.name', invalid],
    [{ namespace: { labels: texts(256) } }, { namespace: { labels: texts(257) } }, 'namespace.labels', invalid],
    [{ attributes: texts(32) }, { attributes: texts(33) }, 'attributes', invalid],
    [
      { attributes: { ['k'.repeat(128)]: '' } },
      { attributes: { ['k'.repeat(129)]: '' } },
      `attributes[${'k'.repeat(100)}...]`,
      invalid,
    ],
    [{ attributes: { 'a b': '' } }, { attributes: { 'a\tb': '' } }, 'attributes[a\tb]', invalid],
    [{ attributes: { 'a/b': '' } }, { attributes: { 'a ': '' } }, 'attributes[a ]', invalid],
    [{ attributes: { é: '' } }, { attributes: { '\u202Ea': '' } }, 'attributes[\u202Ea]', invalid],
    [{ attributes: { a: ' \n\t ' } }, { attributes: { a: 'b\u0000' } }, 'attributes.a', invalid],
    [{ attributes: { a: '' } }, { attributes: { '': 'a' } }, 'attributes[]', invalid],
    [{ attributes: { a: 'x'.repeat(1024) } }, { attributes: { a: 'x'.repeat(1025) } }, 'attributes.a', invalid],
    [
      { attributes: { a: '€'.repeat(682), b: '€'.repeat(682) } },
      { attributes: { a: '€'.repeat(683), b: '€'.repeat(683) } },
      'attributes',
      invalid,
    ],
    [{ node: 'a', attributes: { node: 'a' } }, { node: 'a', attributes: { node: 'b' } }, 'attributes.node', invalid],
    [{ maxBlocksPerNode: 5 }, { maxBlocksPerNode: -1 }, 'maxBlocksPerNode', invalid],
    [{ maxBlocksPerNode: 2 ** 31 - 1 }, { maxBlocksPerNode: 2 ** 31 }, 'maxBlocksPerNode', invalid],
  ]
  for (const [valid, wrong, field, reason] of cases) {
    const taken = await call('POST', '/ipam/v1/assign?dryRun=All', valid)
    t.equal(taken.status, 201, `${field}: ${JSON.stringify(taken.body).slice(0, 300)}`)
    const refused = await call('POST', '/ipam/v1/assign', wrong)
    t.equal(refused.status, 422, field)
    t.strictSame(causesOf(refused), [[field, reason]])
  }
})

t.test('what the schema finds and what a closer look finds is told together, each field once', async (t) => {
  const { call } = startServer(t)
  const long = 'x'.repeat(65)
  const answer = await call('POST', '/ipam/v1/assign', {
    handle: 'a/b',
    use: 'x',
    addresses: [long, '10.1', '10.1.0.1', '10.1.0.1'],
    ipv6: 2,
  })
  t.equal(answer.status, 422)
  t.strictSame(
    causesOf(answer)
      .map(([field]) => field)
      .sort(),
    ['addresses', 'addresses[0]', 'addresses[1]', 'addresses[3]', 'handle', 'use'],
  )
})

t.test('unknown parameters and values of the query are refused', async (t) => {
  const { call, store } = startServer(t)
  const before = store.view.keys('/')
  for (const [query, status] of [
    ['dryRun=all', 422],
    ['dryRun=', 422],
    ['dryRun=All&dryRun=All', 400],
    ['dryrun=All', 400],
    ['a=b', 400],
    ['__proto__=a', 400],
    ['dryRun[]=All', 400],
  ] as const) {
    const answer = await call('POST', `/ipam/v1/assign?${query}`, {})
    t.match(answer, { status, body: { reason: status === 400 ? 'BadRequest' : 'Invalid' } }, query)
    t.equal(causesOf(answer).length, 1)
  }
  t.strictSame(store.view.keys('/'), before)
})

t.test('a wish is complete: what is left out has a meaning', (t) => {
  const { value, causes } = readAssign({}, () => 'made-up')
  t.strictSame(causes, [])
  t.strictSame(value, {
    handle: 'made-up',
    node: undefined,
    counts: { 4: 1, 6: 0 },
    addresses: [],
    pools: [],
    use: undefined,
    namespaceLabels: {},
    attributes: {},
    maxBlocksPerNode: 0,
    partial: false,
  })
  t.match(
    readAssign({ maxPerHandle: 3, node: 'n', hostReserved: { ipv4: { start: 3, end: 1 } } }, () => 'h'),
    {
      value: { maxPerHandle: 3, hostReserved: { 4: { start: 3, end: 1 } } },
      causes: [],
    },
  )
  t.strictSame(
    readAssign({ hostReserved: { ipv6: { start: 3, end: 1 } } }, () => 'h').causes.map(({ field }) => field),
    ['node'],
  )
  t.strictSame(readAssign({ ipv6: 2 }, () => 'h').value.counts, { 4: 0, 6: 2 })
  t.strictSame(readAssign({ addresses: null }, () => 'h').value.counts, { 4: 1, 6: 0 }, 'null is as good as left out')
  t.strictSame(readAssign({ addresses: ['10.1.0.1'] }, () => 'h').value.counts, { 4: 0, 6: 0 })
  t.end()
})

t.test('the name of a namespace counts as its label, unless that label says otherwise', (t) => {
  const labels = (namespace: { name?: string; labels?: Record<string, string> }): unknown =>
    readAssign({ namespace }, () => 'h').value.namespaceLabels
  t.strictSame(labels({ name: 'a', labels: { b: 'c' } }), { 'kubernetes.io/metadata.name': 'a', b: 'c' })
  t.strictSame(labels({ name: 'a', labels: { 'kubernetes.io/metadata.name': 'x' } }), {
    'kubernetes.io/metadata.name': 'x',
  })
  t.strictSame(labels({}), {})
  t.end()
})

t.test(
  'the handle of what Windows hosts reserve is no owner: a block that it alone holds counts as empty',
  async (t) => {
    const { call, store } = startServer(t)
    for (const handle of ['windows-reserved-ipam-handle', 'Windows-Reserved-IPAM-Handle']) {
      for (const [method, path, body] of [
        ['POST', '/ipam/v1/assign', { handle, ipv4: 2 }],
        ['POST', '/ipam/v1/assign', { handle, node: 'node-1' }],
        ['PUT', `/ipam/v1/handles/${handle}`, { addresses: ['10.1.0.7'] }],
      ] as const) {
        const answer = await call(method, path, body)
        t.match(answer, { status: 422, body: { reason: 'Invalid' } }, `${method} ${path}`)
        t.strictSame(
          causesOf(answer).map(([field]) => field),
          ['handle'],
        )
      }
      t.equal(store.view.text(`/calico/ipam/v2/handle/${handle}`), undefined, 'nothing is stored')
    }
  },
)
