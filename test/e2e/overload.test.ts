import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { HttpClient } from '../support/http-client.ts'
import { createPool, startIppoold } from '../support/ippoold.ts'
import { readMetrics } from '../support/metrics.ts'
import { type RawAnswer, RawConnection, rawRequest } from '../support/raw-http.ts'
import { disagreements, readStoredState } from '../support/stored.ts'
import { startEtcdCluster } from '../support/etcd.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/** One answer of the server over a connection of its own. */
async function ask(url: string, path: string, body?: string) {
  const connection = await RawConnection.open(url)
  const method = body === undefined ? 'GET' : 'POST'
  await connection.write(rawRequest(method, path, body, ['connection: close']))
  await until('the connection is closed', () => connection.isClosed || undefined)
  const [answer] = connection.answers()
  if (answer === undefined) throw new Error(`There is no answer: ${connection.received}`)
  return answer
}

/** The seconds that a refused caller has to wait. */
function retryAfterOf(head: string): number {
  return Number(/^retry-after: (\d+)\r?$/im.exec(head)?.[1])
}

t.test('a crowd is served by and by if it waits as it is told, and nothing is lost or done twice', async (t) => {
  const { call, etcd, servers } = await startIppoold(t, { env: { IPPOOLD_QUEUE_LIMIT: '40' } })
  const url = servers[0]?.url ?? ''
  await createPool(call, 'crowd', { cidr: '10.140.0.0/16' })
  let refusals = 0
  const over = new AbortController()
  const health = (async () => {
    const statuses = new Set<number>()
    while (!over.signal.aborted)
      for (const path of ['/livez', '/readyz', '/metrics']) statuses.add((await ask(url, path)).status)
    return [...statuses]
  })()
  const callers = Array.from({ length: 300 }, async (_, number) => {
    for (;;) {
      const { status, head } = await ask(url, '/ipam/v1/assign', `{"handle":"caller-${number}"}`)
      if (status === 201) return
      if (status !== 503) throw new Error(head)
      refusals++
      const seconds = retryAfterOf(head)
      if (!(seconds >= 1 && seconds <= 60)) throw new Error(head)
      await sleep(seconds * 1_000 * (1 + Math.random() / 2))
    }
  })
  await Promise.all(callers)
  over.abort()
  t.strictSame(await health, [200], 'health and metrics are never refused')
  t.ok(refusals > 0, `${refusals} were refused`)
  const state = await readStoredState(etcd.endpoint)
  t.strictSame(disagreements(state), [])
  t.equal(state.holders.size, callers.length, 'each has one address')
  t.equal(new Set(state.holders.values()).size, callers.length)
  const after = await Promise.all(Array.from({ length: 20 }, () => ask(url, '/ipam/v1/assign', '{}')))
  t.ok(after.every(({ status }) => status === 201))
  const lines = servers[0]?.output().split('\n') ?? []
  const logged = lines
    .filter((line) => line.includes('calls were refused'))
    .map((line) => JSON.parse(line) as { calls: number })
  t.ok(logged.length > 0 && logged.length < refusals, `${logged.length} lines`)
})

t.test('while etcd is slow, calls beyond a few hundred are refused before they have waited for long', async (t) => {
  const { members } = await startEtcdCluster(t, 1)
  const [member] = members
  if (member === undefined) throw new Error('A cluster of one has a member.')
  const requestTimeoutMs = 10_000
  const env = { ETCD_ENDPOINTS: member.endpoint, IPPOOLD_REQUEST_TIMEOUT_MS: String(requestTimeoutMs) }
  const server = await startServer(t, { env })
  const client = new HttpClient(t, server.url)
  await createPool((...request) => client.call(...request), 'slow', { cidr: '10.141.0.0/16' })
  await client.call('PUT', '/ipam/v1/handles/first', {})
  await member.freeze()
  const connections = await Promise.all(Array.from({ length: 600 }, () => RawConnection.open(server.url)))
  for (const [number, connection] of connections.entries())
    await connection.write(rawRequest('POST', '/ipam/v1/assign', `{"handle":"slow-${number}"}`))
  // Those that are not refused wait as the others do.
  const refusals: RawAnswer[] = []
  const asked: Promise<void>[] = []
  const refused = await until('a refusal', () => {
    const question = ask(server.url, '/ipam/v1/handles/nobody').then((answer) => {
      if (answer.status === 503) refusals.push(answer)
    })
    asked.push(question)
    return refusals[0]
  })
  t.match(refused, { head: /^retry-after: \d+\r?$/im, body: /"More calls are in flight/ })
  t.equal((await ask(server.url, '/livez')).status, 200)
  const samples = await readMetrics(server.url)
  const inFlight = samples.get('ippoold_calls_in_flight') ?? 0
  t.ok(inFlight >= 500, `${inFlight} calls are in flight`)
  // The last call to arrive began to wait after every other event.
  t.equal(samples.get('ippoold_calls_waiting'), inFlight - 128, 'all that have no place wait')
  member.thaw()
  await Promise.all(asked)
  await until('all to be answered', () => connections.every((one) => one.answers().length > 0) || undefined)
  const statuses = connections.map((connection) => connection.answers()[0]?.status)
  t.ok(
    statuses.every((status) => status === 201 || status === 500 || status === 503 || status === 504),
    [...new Set(statuses)].join(),
  )
  await until('the server to do as before', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(server.url, '/ipam/v1/assign', '{}')))
    return answers.every(({ status }) => status === 201) || undefined
  })
  const { holders } = await readStoredState(member.endpoint)
  const held = new Set(holders.values())
  for (const [number, status] of statuses.entries()) {
    if (status === 201) t.ok(held.has(`slow-${number}`))
    if (status === 503 || status === 504) t.notOk(held.has(`slow-${number}`), 'nothing was changed')
  }
  for (const connection of connections) connection.cut()
})

t.test('credentials that nobody has proved share what their address has', async (t) => {
  const { call, servers } = await startIppoold(t, { env: { IPPOOLD_QUEUE_LIMIT: '10' } })
  const url = servers[0]?.url ?? ''
  await createPool(call, 'made-up', { cidr: '10.142.0.0/16' })
  const head = (number: number): string =>
    rawRequest('POST', '/ipam/v1/assign', '{}', [`authorization: Bearer made-up-${number}`]).slice(0, -2)
  // Some more than the limit: the question below may take the place of one.
  const held = await Promise.all(Array.from({ length: 15 }, () => RawConnection.open(url)))
  for (const [number, connection] of held.entries()) await connection.write(head(number))
  await until('a refusal', async () => (await ask(url, '/ipam/v1/handles/a')).status === 503 || undefined)
  const other = new HttpClient(t, url, 1, '127.0.0.9')
  t.equal((await other.call('POST', '/ipam/v1/assign', {})).status, 201, 'another address has a share')
  for (const connection of held) connection.cut()
})
