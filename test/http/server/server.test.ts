import { connect, type Socket } from 'node:net'
import { Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { type Probe, silentProbe } from '../../../src/datastore/index.ts'
import { until } from '../../support/until.ts'
import { startServer } from '../server-in-memory.ts'

/** A place for the lines of a log. */
function logLines(): { readonly lines: Record<string, unknown>[]; readonly stream: Writable } {
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>)
      done()
    },
  })
  return { lines, stream }
}

t.test('every answer has a request id: the one of the caller when it is fit for a log', async (t) => {
  const { call } = startServer(t)
  const cases = [
    ['abc-123', 'abc-123'],
    ['a:b.c_D', 'a:b.c_D'],
    ['x'.repeat(128), 'x'.repeat(128)],
    ['x'.repeat(129), /^uid-/],
    ['a b', /^uid-/],
    ['a"b', /^uid-/],
    ['', /^uid-/],
    [undefined, /^uid-/],
  ] as const
  for (const [given, want] of cases) {
    const headers = given === undefined ? {} : { 'x-request-id': given }
    for (const url of ['/livez', '/nothing', '/ipam/v1/addresses/x', '/%zz']) {
      t.match(await call('GET', url, undefined, headers), { headers: { 'x-request-id': want } })
    }
  }
})

t.test('a request leaves one line in the log, without body, query and credential', async (t) => {
  const { lines, stream } = logLines()
  const { call } = startServer(t, { logger: { level: 'info', stream } })
  const ids = ['r1', 'r2', 'r3', 'r4'].map((id) => ({ 'x-request-id': id, authorization: 'Bearer secret' }))
  await call('GET', '/ipam/v1/handles/vm-1?secret=1', undefined, ids[0])
  await call('GET', '/nothing?secret=1', undefined, ids[1])
  await call('POST', '/ipam/v1/assign', '{"secret', { ...ids[2], 'content-type': 'application/json' })
  await call('POST', '/ipam/v1/assign?dryRun=All', { attributes: { of: 'secret' }, handle: 'vm-1' }, ids[3])
  t.match(lines, [
    {
      level: 30,
      requestId: 'r1',
      method: 'GET',
      route: '/ipam/v1/handles/:handle',
      status: 400,
      ms: Number,
      msg: 'request',
    },
    { level: 30, requestId: 'r2', method: 'GET', route: null, status: 404, ms: Number, msg: 'request' },
    { level: 30, requestId: 'r3', method: 'POST', route: '/ipam/v1/assign', status: 400, ms: Number, msg: 'change' },
    { level: 30, requestId: 'r4', method: 'POST', route: '/ipam/v1/assign', status: 201, ms: Number, msg: 'change' },
  ])
  t.equal(lines.length, 4)
  t.notMatch(JSON.stringify(lines), /secret/)
})

t.test('probes are logged at debug', async (t) => {
  const { lines, stream } = logLines()
  const { call } = startServer(t, { logger: { level: 'debug', stream } })
  await call('GET', '/livez')
  await call('GET', '/readyz')
  await call('GET', '/version')
  t.match(lines, [
    { level: 20, route: '/livez' },
    { level: 20, route: '/readyz' },
    { level: 30, route: '/version' },
  ])
})

t.test('the line of a change says what, whose, by whom, from where, and the result', async (t) => {
  const { lines, stream } = logLines()
  const { call } = startServer(t, { logger: { level: 'info', stream } })
  const pools = '/apis/projectcalico.org/v3/ippools'
  const pool = { apiVersion: 'projectcalico.org/v3', kind: 'IPPool', spec: { cidr: '10.9.0.0/24' } }
  const named = (name: string) => ({ ...pool, metadata: { name } })
  const merge = { 'content-type': 'application/merge-patch+json' }
  type Row = readonly [
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    body: unknown,
    line: Record<string, unknown>,
    headers?: Record<string, string>,
  ]
  const rows: readonly Row[] = [
    [
      'POST',
      '/ipam/v1/assign',
      { handle: 'a', node: 'n', ipv4: 2 },
      { operation: 'assignAddresses', handle: 'a', node: 'n', addresses: ['10.1.0.0', '10.1.0.1'], status: 201 },
    ],
    [
      'POST',
      '/ipam/v1/assign',
      { handle: 'a', addresses: ['10.1.0.0'] },
      { operation: 'assignAddresses', handle: 'a', status: 409, reason: 'AddressInUse' },
    ],
    [
      'POST',
      '/ipam/v1/assign',
      { handle: 'k', node: 'n' },
      { handle: 'k', addresses: ['10.1.0.2'] },
      { 'idempotency-key': 'k' },
    ],
    [
      'POST',
      '/ipam/v1/assign',
      { handle: 'k', node: 'n' },
      { handle: 'k', repeated: true },
      { 'idempotency-key': 'k' },
    ],
    [
      'PUT',
      '/ipam/v1/handles/b?dryRun=All',
      { node: 'n' },
      { operation: 'ensureHandle', handle: 'b', node: 'n', addresses: ['10.1.0.3'], dryRun: true },
    ],
    [
      'POST',
      '/ipam/v1/release',
      { addresses: ['10.1.0.0', '10.1.0.9'] },
      { operation: 'releaseAddresses', addresses: ['10.1.0.0'] },
    ],
    [
      'PUT',
      '/ipam/v1/addresses/10.1.0.1/attributes',
      { active: { attributes: { x: 'y' } } },
      { operation: 'setOwnerAttributes', ip: '10.1.0.1', handle: 'a' },
    ],
    ['DELETE', '/ipam/v1/handles/a', undefined, { operation: 'releaseHandle', handle: 'a', addresses: ['10.1.0.1'] }],
    [
      'DELETE',
      '/ipam/v1/handles/a',
      undefined,
      { operation: 'releaseHandle', handle: 'a', status: 404, reason: 'NotFound' },
    ],
    [
      'POST',
      '/ipam/v1/affinities',
      { node: 'm', cidr: '10.1.0.128/26' },
      { operation: 'claimBlocks', node: 'm', cidr: '10.1.0.128/26', blocks: ['10.1.0.128/26'] },
    ],
    [
      'DELETE',
      '/ipam/v1/affinities?node=m',
      undefined,
      { operation: 'releaseBlocks', node: 'm', blocks: ['10.1.0.128/26'] },
    ],
    ['DELETE', '/ipam/v1/nodes/n', undefined, { operation: 'forgetNode', node: 'n' }],
    ['POST', '/ipam/v1/check/repair', {}, { operation: 'repairAddresses', names: [] }],
    [
      'POST',
      pools,
      { ...pool, metadata: { generateName: 'gen-' } },
      { operation: 'createIPPool', name: /^gen-./, status: 201 },
    ],
    ['POST', pools, named('Bad Name'), { operation: 'createIPPool', name: 'Bad Name', status: 422, reason: 'Invalid' }],
    [
      'PATCH',
      `${pools}/blue`,
      { spec: { natOutgoing: true } },
      { operation: 'patchIPPool', name: 'blue', status: 200 },
      merge,
    ],
    ['DELETE', `${pools}/blue`, { dryRun: ['All'] }, { operation: 'deleteIPPool', name: 'blue', dryRun: true }],
    ['DELETE', `${pools}/green`, undefined, { operation: 'deleteIPPool', name: 'green', status: 200 }],
    ['DELETE', `${pools}?dryRun=All`, undefined, { operation: 'deleteIPPools', dryRun: true }],
  ]
  for (const [method, url, body, line, headers = {}] of rows) {
    lines.length = 0
    await call(method, url, body, { 'user-agent': 'tool/1.0', ...headers })
    await until('the line', () => (lines.length > 0 ? true : undefined))
    t.match(lines, [{ msg: 'change', ...line, from: '127.0.0.1', agent: 'tool/1.0' }], `${method} ${url}`)
    t.equal(lines.length, 1)
    if (!('dryRun' in line)) t.notOk(lines[0]?.['dryRun'])
  }
})

t.test('the line of a change is as long as a line', async (t) => {
  const { lines, stream } = logLines()
  const { call } = startServer(t, { logger: { level: 'info', stream } })
  await call('POST', '/ipam/v1/assign', { handle: 'many', ipv4: 100 }, { 'user-agent': 'x'.repeat(5_000) })
  const [line] = lines
  t.equal((line?.['addresses'] as string[]).length, 17)
  t.match(line?.['addresses'], { 16: 'and 84 more' })
  t.ok(JSON.stringify(line).length < 1_000)
})

t.test('a probe hears of every request that was answered', async (t) => {
  const heard: Parameters<Probe['requestFinished']>[0][] = []
  const { call } = startServer(t, { probe: { ...silentProbe, requestFinished: (event) => void heard.push(event) } })
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1' })
  await call('GET', '/nothing')
  t.match(heard, [
    { method: 'POST', route: '/ipam/v1/assign', status: 201, durationMs: Number },
    { method: 'GET', route: undefined, status: 404, durationMs: Number },
  ])
  t.equal(heard.length, 2)
})

t.test('nothing tells what the server is made of', async (t) => {
  const { call } = startServer(t)
  const { headers } = await call('GET', '/livez')
  t.notOk(headers['x-powered-by'])
  t.notOk(headers['server'])
  t.notOk(headers['access-control-allow-origin'])
})

/** Something to wait for. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

t.test('a server that stops answers what it has begun, and tells what comes then to come again', async (t) => {
  const { app, store } = startServer(t)
  const [begun, finish] = [gate(), gate()]
  const submit = store.submit.bind(store)
  store.submit = async (plan, options) => {
    begun.open()
    await finish.opened
    return submit(plan, options)
  }
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))

  const busy = talk(Number(port))
  const idle = talk(Number(port))
  await idle.connected
  const body = '{"handle":"vm-1"}'
  busy.socket.write(
    `POST /ipam/v1/assign HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  await begun.opened
  const closed = app.close()
  await until('the server takes no more connections', () => (app.server.listening ? undefined : true))
  idle.socket.write('GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n')
  t.match(await idle.said, /^HTTP\/1.1 503 .*retry-after: 1.*"reason":"ServiceUnavailable"/s)
  finish.open()
  t.match(await busy.said, /^HTTP\/1.1 201 .*connection: close.*"handle":"vm-1"/is)
  await closed
  t.ok(store.view.text('/calico/ipam/v2/handle/vm-1'), 'what was begun is done')
})

/** A connection, and everything that is said over it until the server closes it. */
function talk(port: number): { socket: Socket; connected: Promise<void>; said: Promise<string> } {
  const chunks: Buffer[] = []
  const [connected, ended] = [gate(), gate()]
  const socket = connect(port, '127.0.0.1', () => connected.open())
  socket.on('data', (chunk) => chunks.push(chunk)).on('close', () => ended.open())
  return { socket, connected: connected.opened, said: ended.opened.then(() => Buffer.concat(chunks).toString()) }
}

t.test('a server whose event loop is stuck says so, except about being alive', async (t) => {
  const { app, call } = startServer(t, { deadlineMs: 400 })
  await app.ready()
  const end = Date.now() + 30_000
  let status = 200
  while (status === 200 && Date.now() < end) {
    const stuckUntil = performance.now() + 900
    while (performance.now() < stuckUntil);
    await setTimeout(25)
    status = (await call('GET', '/readyz')).status
  }
  t.match(await call('GET', '/readyz'), {
    status: 503,
    headers: { 'retry-after': '1' },
    body: { reason: 'ServiceUnavailable', message: /overloaded/ },
  })
  t.match(await call('GET', '/livez'), { status: 200 })
})

t.test('the document as YAML is the one in JSON, which YAML includes', async (t) => {
  const { app } = startServer(t)
  const answer = await app.inject('/docs/yaml')
  t.match(answer, { statusCode: 302, headers: { location: '/openapi.json' } })
  t.equal((await app.inject('/docs/json')).statusCode, 200)
})
