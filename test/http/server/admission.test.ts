import { connect } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { RawConnection, rawRequest } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'
import { startServer } from '../server-in-memory.ts'

const refused = { status: 503, head: /^retry-after: 1$/im, body: /"More calls are in flight .*nothing was changed/ }

/** Sends a request over a connection of its own. */
async function ask(url: string, path: string, method = 'GET', body?: string, headers: readonly string[] = []) {
  const connection = await RawConnection.open(url)
  await connection.write(rawRequest(method, path, body, ['connection: close', ...headers]))
  await until('an answer', () => connection.isClosed || undefined)
  const [answer] = connection.answers()
  if (answer === undefined) throw new Error(`There is no answer: ${connection.received}`)
  return answer
}

t.test('beyond the limit a call is turned away by its head alone, and the server still says how it is', async (t) => {
  const { app, store } = startServer(t, { callsMax: 3 })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const head = rawRequest('POST', '/ipam/v1/assign', '{"handle":"a"}').slice(0, -14)
  const held = await Promise.all([1, 2, 3].map(() => RawConnection.open(url)))
  for (const connection of held) await connection.write(head)
  await until('all to be under way', async () => (await ask(url, '/ipam/v1/handles/a')).status === 503 || undefined)
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
  t.match(await ask(url, '/apis/projectcalico.org/v3/ippools'), refused)
  for (const path of ['/livez', '/readyz', '/version']) t.match(await ask(url, path), { status: 200 }, path)

  await first.write('{"handle":"a"}')
  await until('it to be answered', () => first.answers().length > 0 || undefined)
  t.match(first.answers(), [{ status: 201 }], 'what is under way is carried out')
  t.match(await ask(url, '/ipam/v1/handles/a'), { status: 200 }, 'there is room again')
  for (const connection of held) connection.cut()
})

t.test('a caller that hangs up makes room; what it had begun does not until it is over', async (t) => {
  const { app, store } = startServer(t, { callsMax: 3 })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const head = rawRequest('POST', '/ipam/v1/assign', '{}').slice(0, -2)
  const sockets = [1, 2, 3].map(() => connect(Number(new URL(url).port), '127.0.0.1'))
  for (const socket of sockets) socket.write(head)
  await until('all to be under way', async () => (await ask(url, '/ipam/v1/handles/a')).status === 503 || undefined)
  for (const socket of sockets) socket.destroy()
  await until('room again', async () => (await ask(url, '/ipam/v1/handles/a')).status === 404 || undefined)
  store.pending = 3
  t.match(await ask(url, '/ipam/v1/handles/a'), refused)
  store.pending = 2
  t.match(await ask(url, '/ipam/v1/handles/a'), { status: 404 })
})

const resources = '/apis/projectcalico.org/v3/ippools'

t.test('who is turned away before Fastify is told the same', async (t) => {
  const { app } = startServer(t, { callsMax: 0 })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const answerTo = async (
    method: string,
    path: string,
    body?: string,
    headers: readonly string[] = [],
  ): Promise<string> => {
    const connection = await RawConnection.open(url)
    await connection.write(rawRequest(method, path, body, ['connection: close', ...headers, 'x-request-id: me']))
    await until('an answer', () => connection.isClosed || undefined)
    return connection.received.replace(/^date: .*$/im, 'date')
  }
  // A call of a web page is left to Fastify.
  const byFastify = await answerTo('POST', '/ipam/v1/assign', '{}', ['sec-fetch-site: none'])
  t.match(
    byFastify,
    /^HTTP\/1.1 503 [^]*x-request-id: me\r\n[^]*retry-after: 1\r\n[^]*\r\n\r\n{.*More calls are in flight/,
  )
  for (const path of [
    '/ipam/v1/assign',
    '/%69pam/v1/assign',
    `${url}/ipam/v1/assign`,
    resources,
    `${resources}?watched=1`,
  ]) {
    t.equal(await answerTo('POST', path, '{}'), byFastify, path)
  }
  const head = await answerTo('HEAD', '/ipam/v1/handles/a', undefined, ['sec-fetch-site: none'])
  t.equal(await answerTo('HEAD', '/ipam/v1/handles/a'), head)
  t.match(await answerTo('GET', '/ipam/v1/handles/a', undefined, ['x-request-id: not fit']), /x-request-id: uid-\d+\r/)
  t.match(await answerTo('GET', `${resources}?watch=false`), /^HTTP\/1.1 503/)
  t.notMatch(await answerTo('GET', `${resources}?watch=true`), /More calls/, 'a watch needs no place')
  for (const path of ['/livez', '/apis/projectcalico.org/v3', '/ipam', '/openapi/v3', '/docs']) {
    t.notMatch(await answerTo('GET', path), /^HTTP\/1.1 503/, path)
  }
})

for (const [claim, callsMax, status] of [
  ['begins only so many calls', 1_000, 404],
  ['turns away only so many', 0, 503],
] as const) {
  t.test(`a turn of the event loop ${claim}, and health does not wait for the others`, async (t) => {
    const { app } = startServer(t, { callsMax })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const [probe, ...connections] = await Promise.all(Array.from({ length: 401 }, () => RawConnection.open(url)))
    if (probe === undefined) throw new Error('There are 401.')
    const answered = (count: number) =>
      until('an answer to each', () => connections.every((one) => one.answers().length === count) || undefined)
    // All have been accepted when all are answered.
    for (const connection of connections) await connection.write(rawRequest('GET', '/livez'))
    await answered(1)
    let sent = 0
    let sentBeforeHealth = 0
    app.server.prependListener('request', (request, response) => {
      response.once('finish', () => {
        if (request.url === '/livez') sentBeforeHealth = sent
        else sent++
      })
    })
    for (const connection of connections) void connection.write(rawRequest('GET', '/ipam/v1/handles/a'))
    void probe.write(rawRequest('GET', '/livez'))
    let most = 0
    while (sent < connections.length) {
      const before = sent
      await nextTurn()
      most = Math.max(most, sent - before)
    }
    await answered(2)
    t.match(connections[0]?.answers()[1], { status })
    // The turn of this loop may lie across two of the server's.
    t.ok(most <= 128, `${most} in a turn`)
    t.ok(sentBeforeHealth < 300, `${sentBeforeHealth} before health`)
    for (const connection of [probe, ...connections]) connection.cut()
  })
}

t.test('a call whose caller has hung up before its turn is not begun', async (t) => {
  const { app, store } = startServer(t)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const [connection, other] = await Promise.all([RawConnection.open(url), RawConnection.open(url)])
  const count = 200
  const requests = Array.from({ length: count }, (_, n) => rawRequest('POST', '/ipam/v1/assign', `{"handle":"h-${n}"}`))
  app.server.prependListener('request', ({ socket, headers }) => {
    if (headers['x-leaves'] !== undefined) socket.destroy()
  })
  // All of them arrive in one turn, and the client has gone at its end.
  await connection.write(`${requests.join('')}${rawRequest('GET', '/livez', undefined, ['x-leaves: yes'])}`)
  await until('the connection is closed', () => connection.isClosed || undefined)
  await other.write(rawRequest('POST', '/ipam/v1/assign', '{"handle":"last"}'))
  await until('an answer', () => other.answers().length > 0 || undefined)
  const held = requests.filter((_, n) => store.view.text(`/calico/ipam/v2/handle/h-${n}`) !== undefined).length
  t.ok(held > 0 && held < count, `${held} have begun`)
  other.cut()
})

t.test('while calls wait for too long, only so many may be open', async (t) => {
  const { app, store } = startServer(t, { deadlineMs: 10_000 })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  store.waitedMs = 3_500
  t.match(await ask(url, '/ipam/v1/handles/a'), { status: 404 }, 'few calls')
  const head = rawRequest('POST', '/ipam/v1/assign', '{}').slice(0, -2)
  // Some more: the questions below may take the place of one.
  const held = await Promise.all(Array.from({ length: 530 }, () => RawConnection.open(url)))
  for (const connection of held) await connection.write(head)
  t.match(
    await until('a refusal', async () => {
      const answer = await ask(url, '/ipam/v1/handles/a')
      return answer.status === 503 ? answer : undefined
    }),
    refused,
  )
  t.match(await ask(url, '/livez'), { status: 200 })
  for (const connection of held) connection.cut()
  await until('room again', async () => (await ask(url, '/ipam/v1/handles/a')).status === 404 || undefined)
})

t.test('how many were turned away is logged once a second', async (t) => {
  const lines: string[] = []
  const stream = { write: (line: string) => lines.push(line) }
  const { app } = startServer(t, { callsMax: 0, logger: { level: 'warn', stream } })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const connection = await RawConnection.open(url)
  t.teardown(() => connection.cut())
  for (let n = 0; n < 3; n++) await connection.write(rawRequest('GET', '/ipam/v1/handles/a'))
  const counts = (): number[] => lines.map((line) => (JSON.parse(line) as { calls: number }).calls)
  await until('all to be counted', () => counts().reduce((sum, calls) => sum + calls, 0) === 3 || undefined)
  t.match(JSON.parse(lines[0] ?? ''), { msg: /calls were refused/, inFlight: 0, waitedMs: 0 })
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
