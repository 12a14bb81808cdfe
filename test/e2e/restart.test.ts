import t from 'tap'
import type { Test } from 'tap'
import { endpointOf, recallMember } from '../../src/embedded-etcd/member.ts'
import { Account } from '../support/account.ts'
import { startEtcdCluster, temporaryFolder, type TestMember } from '../support/etcd.ts'
import { HttpClient, type Answer } from '../support/http-client.ts'
import { createPool, refusalIn } from '../support/ippoold.ts'
import { RawConnection, rawRequest } from '../support/raw-http.ts'
import { etcdOf, startServer, type TestServer } from '../support/server.ts'
import { disagreements, readStoredState } from '../support/stored.ts'
import { until } from '../support/until.ts'

const callers = 16

/** Callers that take and give back addresses until told to stop. */
interface Load {
  readonly account: Account
  /** Waits until this many more calls have been carried out. */
  progress(count: number): Promise<void>
  stop(): Promise<void>
}

function startLoad(client: HttpClient, name: string, account = new Account()): Load {
  let isOver = false
  const working = Promise.all(
    Array.from({ length: callers }, (_, number) => {
      const wish = number % 4 === 0 ? {} : { node: `node-${String(number % 4)}` }
      return account.work(client, `${name}-${String(number)}`, wish, 8, () => isOver)
    }),
  )
  return {
    account,
    progress: async (count) => {
      const wanted = account.outcomes.done + count
      await until(`${String(count)} calls are carried out`, () => account.outcomes.done >= wanted || undefined)
    },
    stop: async () => {
      isOver = true
      await working
    },
  }
}

/** What was acknowledged is stored, and nothing that was not asked for. */
async function isTrue(t: Test, { account }: Load, endpoint: string): Promise<void> {
  const state = await readStoredState(endpoint)
  t.comment(JSON.stringify({ ...account.outcomes, held: account.held.length, stored: state.holders.size }))
  t.strictSame(account.violations, [], 'no call was answered wrongly')
  t.strictSame(account.differences(state.holders), [], 'what was acknowledged is stored, and nothing else')
  t.strictSame(disagreements(state), [], 'blocks, handles and affinities agree')
}

async function endpointIn(dataDir: string): Promise<string> {
  const member = await recallMember(dataDir)
  if (member === undefined) throw new Error('There is no embedded etcd.')
  return endpointOf(member)
}

const poolSpec = { cidr: '10.110.0.0/16', blockSize: 28 }

/** A server on an etcd of one member, which a test may freeze or kill. */
async function startOnMember(t: Test, env: Readonly<Record<string, string>> = {}) {
  const { members, endpoints } = await startEtcdCluster(t, 1)
  const [member] = members
  if (member === undefined) throw new Error('there is no etcd')
  const server = await startServer(t, { env: { ETCD_ENDPOINTS: endpoints.join(','), ...env } })
  const client = new HttpClient(t, server.url)
  await createPool((...request) => client.call(...request), 'load', poolSpec)
  return { member, server, client }
}

const isReady = async (client: HttpClient, wanted: 200 | 503): Promise<true | undefined> =>
  (await client.call('GET', '/readyz')).status === wanted || undefined

t.test('a server killed under load, and started again: everything acknowledged is there', async (t) => {
  const dataDir = await temporaryFolder(t)
  const env = { IPPOOLD_DATA_DIR: dataDir }
  const first = await startServer(t, { env })
  const client = new HttpClient(t, first.url)
  await createPool((...request) => client.call(...request), 'load', poolSpec)
  const load = startLoad(client, 'before')
  await load.progress(300)
  await first.stop('SIGKILL')
  await load.stop()

  const second = await startServer(t, { env })
  await isTrue(t, load, await endpointIn(dataDir))
  const next = new HttpClient(t, second.url)
  for (const held of load.account.held)
    t.match((await next.call('GET', `/ipam/v1/addresses/${held.address}`)).body, held)
  const more = startLoad(next, 'after', load.account)
  await more.progress(100)
  await more.stop()
  await isTrue(t, more, await endpointIn(dataDir))
})

t.test('SIGTERM while calls are under way: each is answered, and the exit code is 0', async (t) => {
  const { member, server, client } = await startOnMember(t)
  await member.freeze()
  const asked = Array.from({ length: 32 }, (_, number) =>
    client.call('POST', '/ipam/v1/assign', { handle: `h-${String(number)}` }),
  )
  // Noticed two seconds after etcd has fallen silent: by then the calls have long arrived.
  const probe = new HttpClient(t, server.url)
  await until('the server misses etcd', () => isReady(probe, 503))
  const ending = server.stop('SIGTERM')
  await until('the server takes no more calls', () => refuses(server))
  member.thaw()
  const answers = await Promise.all(asked)
  t.strictSame(
    answers.map(({ status }) => status),
    answers.map(() => 201),
  )
  t.strictSame(await ending, { code: 0, signal: null })
  const { holders } = await readStoredState(member.endpoint)
  t.strictSame([...holders.values()].sort(), answers.map(({ body }) => String(body['handle'])).sort())
})

t.test('SIGTERM under load: what was acknowledged is there, and the exit code is 0', async (t) => {
  const { member, server, client } = await startOnMember(t)
  const load = startLoad(client, 'load')
  await load.progress(300)
  const ending = await server.stop('SIGTERM')
  await load.stop()
  t.strictSame(ending, { code: 0, signal: null })
  await isTrue(t, load, member.endpoint)
  // A connection that the server has yet to accept is refused by the system, at times after the call was sent.
  const { holders } = await readStoredState(member.endpoint)
  t.strictSame(load.account.unanswered(holders), [], 'what was carried out was answered')
})

t.test('SIGTERM: the server is not ready, and serves until load balancers have had time', async (t) => {
  const { server, client } = await startOnMember(t, { IPPOOLD_DRAIN_MS: '3000' })
  const ending = server.stop('SIGTERM')
  await until('it is not ready', () => isReady(client, 503))
  for (let number = 0; number < 20; number++) {
    const connection = await RawConnection.open(server.url)
    await connection.write(rawRequest('POST', '/ipam/v1/assign', '{}'))
    await until('there is an answer', () => connection.answers().length > 0 || undefined)
    t.match(connection.answers(), [{ status: 201 }])
    t.notMatch(connection.received, /connection: close/i)
    connection.cut()
  }
  t.strictSame(await ending, { code: 0, signal: null })
})

t.test('SIGTERM: who sends over a connection that is open just then gets an answer', async (t) => {
  const { server } = await startOnMember(t)
  const connections = await Promise.all(Array.from({ length: 20 }, () => RawConnection.open(server.url)))
  for (const connection of connections) await connection.write(rawRequest('GET', '/livez'))
  await until(
    'all are answered',
    () => connections.every((connection) => connection.answers().length === 1) || undefined,
  )
  const ending = server.stop('SIGTERM')
  for (const connection of connections) await connection.write(rawRequest('GET', '/livez'))
  await until('all are closed', () => connections.every((connection) => connection.isClosed) || undefined)
  for (const connection of connections) {
    const [, last] = connection.answers()
    t.match(last?.status, /^(200|503)$/)
    if (last?.status === 503) t.match(last.head, /^connection: close$/im)
  }
  t.strictSame(await ending, { code: 0, signal: null })
})

t.test('the embedded etcd killed under load: no answer is wrong, and service is back within seconds', async (t) => {
  const server = await startServer(t)
  const client = new HttpClient(t, server.url)
  await createPool((...request) => client.call(...request), 'load', poolSpec)
  const load = startLoad(client, 'load')
  for (let round = 0; round < 2; round++) {
    await load.progress(200)
    const etcd = await until('etcd is there', () => etcdOf(server.dataDir))
    const killedAt = Date.now()
    process.kill(etcd.pid, 'SIGKILL')
    await until('another etcd is there', async () => {
      const next = await etcdOf(server.dataDir)
      return next !== undefined && next.pid !== etcd.pid ? next : undefined
    })
    await load.progress(50)
    const awayMs = Date.now() - killedAt
    t.ok(awayMs < 10_000, `service was back after ${String(awayMs)} ms`)
  }
  await until('the server is ready', () => isReady(client, 200))
  await load.stop()
  t.equal(load.account.outcomes.doubtful, 0, 'every call was answered')
  await isTrue(t, load, await endpointIn(server.dataDir))
})

const deadlineMs = 1_000

/** All kinds of calls, each with what it may be answered while etcd is away. */
const anyCalls: readonly (readonly ['GET' | 'POST' | 'DELETE', string, object?])[] = [
  ['POST', '/ipam/v1/assign', {}],
  ['POST', '/ipam/v1/assign', { addresses: ['10.110.3.3'] }],
  ['POST', '/ipam/v1/release', { addresses: ['10.110.0.1'] }],
  ['GET', '/ipam/v1/addresses/10.110.0.1'],
  ['GET', '/ipam/v1/handles/nobody'],
  ['DELETE', '/ipam/v1/handles/nobody'],
  ['GET', '/apis/projectcalico.org/v3/ippools'],
  ['POST', '/apis/projectcalico.org/v3/ippools', { metadata: { name: 'new' }, spec: { cidr: '10.111.0.0/16' } }],
  ['DELETE', '/apis/projectcalico.org/v3/ippools/load'],
]

t.test('while etcd is away, calls are refused in time, and the server says that it is not ready', async (t) => {
  const { member, server, client } = await startOnMember(t, { IPPOOLD_REQUEST_TIMEOUT_MS: String(deadlineMs) })
  await member.kill()
  // From here on it is known that nothing that is sent can arrive.
  await until('the server is not ready', async () => {
    const { status, fields } = refusalIn(await client.call('GET', '/readyz'))
    return (status === 503 && fields.join() === 'etcd,watch') || undefined
  })
  const refused = (await inTime(t, client)) + (await inTime(t, client))
  t.equal((await client.call('GET', '/livez')).status, 200)
  await isLoggedEachSecond(t, server, refused)

  await member.start()
  const startedAt = Date.now()
  await until('the server is ready again', () => isReady(client, 200))
  t.equal((await client.call('POST', '/ipam/v1/assign', { handle: 'back' })).status, 201)
  const backMs = Date.now() - startedAt
  t.ok(backMs < 10_000, `service was back after ${String(backMs)} ms`)
  const { holders } = await readStoredState(member.endpoint)
  t.strictSame([...holders.values()], ['back'], 'nothing that was refused is held')
})

/** The log counts the calls that were refused, in one line a second and without a stack. */
async function isLoggedEachSecond(t: Test, server: TestServer, refused: number): Promise<void> {
  const warnings = () =>
    server
      .output()
      .split('\n')
      .filter((line) => line.includes('the datastore is not available'))
      .map((line) => JSON.parse(line) as { readonly time: string; readonly count: number; readonly reason: string })
  const sum = () => warnings().reduce((total, { count }) => total + count, 0)
  await until('all refused calls to be counted', () => sum() === refused || undefined)
  t.ok(refused > warnings().length, 'a line counts several calls')
  const times = warnings().map(({ time }) => Date.parse(time))
  t.ok(
    times.slice(1).every((time, index) => time - (times[index] ?? 0) > 900),
    'a second passes between two lines',
  )
  t.match(warnings()[0]?.reason, /etcd (cannot be reached|does not answer); nothing was changed/)
  t.notMatch(JSON.stringify(warnings()), '"stack"')
}

/** Every call is refused with 503 or 504, not long after its deadline. Returns how many were refused with 503. */
async function inTime(t: Test, client: HttpClient): Promise<number> {
  const calls = anyCalls.flatMap((call) => [call, call, call])
  const outcomes = await Promise.all(
    calls.map(async ([method, path, body]) => {
      const startedAt = Date.now()
      const answer = await client.call(method, path, body)
      return { path, answer, ms: Date.now() - startedAt }
    }),
  )
  for (const { path, answer, ms } of outcomes) {
    const { status, reason } = refusalIn(answer)
    t.ok([503, 504].includes(status), `${path} was answered with ${String(status)} ${String(reason)}`)
    t.ok(ms < deadlineMs + 1_000, `${path} was answered after ${String(ms)} ms`)
    if (status === 503) t.match(answer.headers['retry-after'], /^\d+$/)
  }
  return outcomes.filter(({ answer }) => answer.status === 503).length
}

t.test('an etcd that is silent for a while: who was refused holds nothing, who was not holds an address', async (t) => {
  const { member, server, client } = await startOnMember(t, { IPPOOLD_REQUEST_TIMEOUT_MS: String(deadlineMs) })
  const warm = await client.call('POST', '/ipam/v1/assign', { handle: 'warm' })
  t.equal(warm.status, 201)
  const silence = await freeze(member, async () => {
    const asked = Array.from({ length: 200 }, (_, number) =>
      client.call('POST', '/ipam/v1/assign', { handle: `h-${String(number)}`, node: `n-${String(number % 8)}` }),
    )
    // From then on the late commits themselves are what could go wrong.
    await until('a commit is missed', () => server.output().includes('answers to commits were lost') || undefined)
    return asked
  })
  const answers = await Promise.all(silence)
  const isRight = ({ status }: Answer): boolean => [201, 503, 504].includes(status)
  t.strictSame(
    answers.filter((answer) => !isRight(answer)).map(({ body }) => body),
    [],
  )
  const given = answers.filter(({ status }) => status === 201).map(({ body }) => String(body['handle']))
  t.comment(`${String(given.length)} of ${String(answers.length)} calls were carried out`)
  const state = await readStoredState(member.endpoint)
  t.strictSame([...state.holders.values()].sort(), ['warm', ...given].sort())
  t.strictSame(disagreements(state), [])
  t.equal((await client.call('POST', '/ipam/v1/assign', { handle: 'next' })).status, 201)
})

/** Does something while a member is frozen. */
async function freeze<Outcome>(member: TestMember, action: () => Promise<Outcome>): Promise<Outcome> {
  await member.freeze()
  try {
    return await action()
  } finally {
    member.thaw()
  }
}

async function refuses(server: TestServer): Promise<true | undefined> {
  try {
    const response = await fetch(`${server.url}/livez`, { headers: { connection: 'close' } })
    await response.arrayBuffer()
    return response.status === 503 || undefined
  } catch {
    return true
  }
}
