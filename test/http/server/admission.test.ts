import { connect } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { type Gatekeeper, unlimited } from '../../../src/access/index.ts'
import { RawConnection, rawRequest } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'
import { startServer } from '../server-in-memory.ts'

/** Believes the name that a credential is; everybody may do everything. */
const byName: Gatekeeper = {
  identify: ({ authorization = '' }) => {
    const user = authorization.replace(/^Bearer\s+/, '')
    return { ok: true, caller: { user, groups: user === 'admin' ? ['ippoold:admins'] : [] } }
  },
  rightsOf: (caller) => ({ ...unlimited, caller }),
}

const refused = {
  status: 503,
  headers: { 'retry-after': '1' },
  body: { reason: 'ServiceUnavailable', message: /^3 calls are in flight.*nothing was changed/ },
}

t.test('beyond the limit a call is turned away by its head alone, and the server still says how it is', async (t) => {
  const { app, call, store } = startServer(t, { callsMax: 3 })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const head = rawRequest('POST', '/ipam/v1/assign', '{"handle":"a"}').slice(0, -14)
  const held = await Promise.all([1, 2, 3].map(() => RawConnection.open(url)))
  for (const connection of held) await connection.write(head)
  await until('all to be under way', async () => (await call('GET', '/ipam/v1/handles/a')).status === 503 || undefined)
  const [first] = held
  if (first === undefined) throw new Error('There are three.')

  const late = await RawConnection.open(url)
  t.teardown(() => late.cut())
  await late.write(head)
  await until('an answer', () => late.answers().length > 0 || undefined)
  t.match(late.answers(), [{ status: 503, head: /retry-after: 1/i, body: /nothing was changed/ }])
  t.equal(store.view.text('/calico/ipam/v2/handle/a'), undefined, 'nothing was begun')
  // The rest of a call that was turned away is thrown away, and the connection goes on.
  await late.write(`{"handle":"a"}${rawRequest('GET', '/livez')}`)
  await until('the next answer', () => late.answers().length > 1 || undefined)
  t.match(late.answers()[1], { status: 200 })
  t.match(await call('GET', '/apis/projectcalico.org/v3/ippools'), refused)
  for (const path of ['/livez', '/readyz', '/version']) t.match(await call('GET', path), { status: 200 }, path)

  await first.write('{"handle":"a"}')
  await until('it to be answered', () => first.answers().length > 0 || undefined)
  t.match(first.answers(), [{ status: 201 }], 'what is under way is carried out')
  t.match(await call('GET', '/ipam/v1/handles/a'), { status: 200 }, 'there is room again')
  for (const connection of held) connection.cut()
})

t.test('a caller that hangs up makes room; what it had begun does not until it is over', async (t) => {
  const { app, call, store } = startServer(t, { callsMax: 3 })
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const head = rawRequest('POST', '/ipam/v1/assign', '{}').slice(0, -2)
  const sockets = [1, 2, 3].map(() => connect(Number(port), '127.0.0.1'))
  for (const socket of sockets) socket.write(head)
  await until('all to be under way', async () => (await call('GET', '/ipam/v1/handles/a')).status === 503 || undefined)
  for (const socket of sockets) socket.destroy()
  await until('room again', async () => (await call('GET', '/ipam/v1/handles/a')).status === 404 || undefined)
  store.pending = 3
  t.match(await call('GET', '/ipam/v1/handles/a'), refused)
  store.pending = 2
  t.match(await call('GET', '/ipam/v1/handles/a'), { status: 404 })
})

t.test('who is turned away before Fastify is told the same', async (t) => {
  const { app } = startServer(t, { callsMax: 0 })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const answerTo = async (method: string, path: string, body?: string, id = 'x-request-id: me'): Promise<string> => {
    const connection = await RawConnection.open(url)
    await connection.write(rawRequest(method, path, body, ['connection: close', id]))
    await until('an answer', () => connection.isClosed || undefined)
    return connection.received.replace(/^date: .*$/im, 'date')
  }
  // A path that is written in an odd way is left to Fastify.
  const byFastify = await answerTo('POST', '/%69pam/v1/assign', '{}')
  t.match(
    byFastify,
    /^HTTP\/1.1 503 [^]*x-request-id: me\r\n[^]*retry-after: 1\r\n[^]*\r\n\r\n{.*0 calls are in flight/,
  )
  for (const path of ['/ipam/v1/assign', '/apis/projectcalico.org/v3/ippools']) {
    t.equal(await answerTo('POST', path, '{}'), byFastify, path)
  }
  const head = await answerTo('HEAD', '/%69pam/v1/handles/a')
  t.equal(await answerTo('HEAD', '/ipam/v1/handles/a'), head)
  t.match(await answerTo('GET', '/ipam/v1/handles/a', undefined, 'x-request-id: not fit'), /x-request-id: uid-\d+\r/)
  for (const path of ['/livez', '/apis/projectcalico.org/v3', '/ipam', '/openapi/v3', '/docs']) {
    t.notMatch(await answerTo('GET', path), /^HTTP\/1.1 503/, path)
  }
})

t.test('a turn of the event loop turns away only so many, that those who are served get their turn', async (t) => {
  const { app } = startServer(t, { callsMax: 0 })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const connections = await Promise.all(Array.from({ length: 200 }, () => RawConnection.open(url)))
  const answered = (count: number) =>
    until('an answer to each', () => connections.every((one) => one.answers().length === count) || undefined)
  // All have been accepted when all are answered.
  for (const connection of connections) await connection.write(rawRequest('GET', '/livez'))
  await answered(1)
  let sent = 0
  let most = 0
  app.server.prependListener('request', (_request, response) => {
    response.once('finish', () => sent++)
  })
  for (const connection of connections) void connection.write(rawRequest('GET', '/ipam/v1/handles/a'))
  while (sent < connections.length) {
    const before = sent
    await nextTurn()
    most = Math.max(most, sent - before)
  }
  await answered(2)
  t.ok(most <= 64, `${most} in a turn`)
  for (const connection of connections) connection.cut()
})

t.test('how many were turned away is logged once a second', async (t) => {
  const lines: string[] = []
  const stream = { write: (line: string) => lines.push(line) }
  const { app } = startServer(t, { callsMax: 0, logger: { level: 'warn', stream } })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const connection = await RawConnection.open(url)
  t.teardown(() => connection.cut())
  // It has to be found out once who calls.
  await connection.write(rawRequest('GET', '/ipam/v1/handles/a'))
  await until('an answer', () => connection.answers().length > 0 || undefined)
  for (let n = 0; n < 3; n++) await connection.write(rawRequest('GET', '/ipam/v1/handles/a'))
  const counts = (): number[] => lines.map((line) => (JSON.parse(line) as { calls: number }).calls)
  await until('all to be counted', () => counts().reduce((sum, calls) => sum + calls, 0) === 3 || undefined)
  t.match(lines[0], /calls were refused/)
})

t.test('a server that is stopping says so, and closes the connection, however many calls are under way', async (t) => {
  const { app } = startServer(t, { callsMax: 0 })
  const connection = await RawConnection.open(await app.listen({ host: '127.0.0.1', port: 0 }))
  await connection.write(rawRequest('GET', '/ipam/v1/handles/a'))
  await until('an answer', () => connection.answers().length > 0 || undefined)
  const closed = app.close()
  await until('it to stop', () => !app.server.listening || undefined)
  await connection.write(rawRequest('GET', '/ipam/v1/handles/a'))
  await closed
  await until('the next answer', () => connection.answers().length > 1 || undefined)
  t.match(connection.answers()[1], { status: 503, head: /connection: close/i, body: /is stopping/ })
})

t.test('who writes one credential in many ways, or has many, has one share', async (t) => {
  const { app } = startServer(t, { callsMax: 4, gatekeeper: byName })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const begin = async (authorization: string): Promise<RawConnection> => {
    const connection = await RawConnection.open(url)
    t.teardown(() => connection.cut())
    const whole = rawRequest('POST', '/ipam/v1/assign', '{}', [`authorization: ${authorization}`])
    await connection.write(whole.slice(0, -2))
    return connection
  }
  const greedy: RawConnection[] = []
  for (let n = 1; n <= 12; n++) greedy.push(await begin(`Bearer${' '.repeat(n)}greedy`))
  await until(
    'the rest to be refused',
    () => greedy.filter((one) => one.answers().length > 0).length === 8 || undefined,
  )
  const modest = await begin('Bearer modest')
  await modest.write('{}')
  await until('an answer', () => modest.answers().length > 0 || undefined)
  t.match(modest.answers(), [{ status: 201 }])
})

t.test('an admin who calls for the first time gets in, however busy the server is', async (t) => {
  const { app, store } = startServer(t, { callsMax: 1, gatekeeper: byName })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  store.pending = 1
  const as = (user: string) => fetch(`${url}/ipam/v1/handles/a`, { headers: { authorization: `Bearer ${user}` } })
  for (const user of ['alice', 'alice', 'admin', 'alice'])
    t.equal((await as(user)).status, user === 'admin' ? 404 : 503, user)
})
