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

t.test('a request leaves one line in the log, without what it said', async (t) => {
  const { lines, stream } = logLines()
  const { call } = startServer(t, { logger: { level: 'info', stream } })
  await call(
    'POST',
    '/ipam/v1/assign?dryRun=All',
    { handle: 'secret' },
    { 'x-request-id': 'r1', authorization: 'Bearer secret' },
  )
  await call('GET', '/nothing?secret=1', undefined, { 'x-request-id': 'r2' })
  await call('POST', '/ipam/v1/assign', '{"secret', { 'x-request-id': 'r3', 'content-type': 'application/json' })
  t.match(lines, [
    { level: 30, requestId: 'r1', method: 'POST', route: '/ipam/v1/assign', status: 201, ms: Number, msg: 'request' },
    { level: 30, requestId: 'r2', method: 'GET', route: null, status: 404, ms: Number },
    { level: 30, requestId: 'r3', method: 'POST', route: '/ipam/v1/assign', status: 400, ms: Number },
  ])
  t.equal(lines.length, 3)
  t.notMatch(JSON.stringify(lines), /secret/)
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
