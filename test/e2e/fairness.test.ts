import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Pool } from 'undici'
import { policiesPath } from '../support/access.ts'
import { temporaryFolder } from '../support/etcd.ts'
import { poolOf, poolsPath, startIppoold } from '../support/ippoold.ts'
import { RawConnection, rawRequest } from '../support/raw-http.ts'
import { until } from '../support/until.ts'

/** The answer to a call. */
interface Answered {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  readonly retryAfter: unknown
  readonly ms: number
}

/** A server with an admin, and users who may assign addresses; and how to call it as one of them. */
async function startWithUsers(t: Test, env: Readonly<Record<string, string>> = {}, limits?: object) {
  const folder = await temporaryFolder(t)
  const file = join(folder, 'tokens.csv')
  const users = ['admin', 'greedy', 'modest', 'limited']
  const groups = (user: string): string => (user === 'admin' ? 'ippoold:admins' : 'workers')
  await writeFile(file, users.map((user) => `${user}-token,${user},${user},"${groups(user)}"\n`).join(''))
  const { servers } = await startIppoold(t, { env: { IPPOOLD_TOKEN_FILE: file, ...env } })
  const url = servers[0]?.url ?? ''
  const pool = new Pool(url, { connections: 600, headersTimeout: 60_000, bodyTimeout: 60_000 })
  t.teardown(() => pool.close())
  const call = async (user: string, method: 'GET' | 'POST', path: string, body?: object): Promise<Answered> => {
    const start = performance.now()
    const response = await pool.request({
      method,
      path,
      headers: {
        authorization: `Bearer ${user}-token`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.body.text()
    const parsed = text.startsWith('{') ? (JSON.parse(text) as Answered['body']) : {}
    const retryAfter = response.headers['retry-after']
    return { status: response.statusCode, body: parsed, retryAfter, ms: performance.now() - start }
  }
  const policy = (name: string, spec: object): object => {
    return { apiVersion: 'ippoold.io/v1', kind: 'AccessPolicy', metadata: { name }, spec }
  }
  const rules = [{ verbs: ['*'], resources: ['addresses', 'handles'] }]
  // Policies act in the order in which they were made: when the last one does, all do.
  const policies = [
    ...(limits === undefined ? [] : [policy('few', { subjects: [{ kind: 'User', name: 'limited' }], limits })]),
    policy('workers', { subjects: [{ kind: 'Group', name: 'workers' }], rules }),
  ]
  const created = [await call('admin', 'POST', poolsPath, poolOf('p', { cidr: '10.0.0.0/8' }))]
  for (const one of policies) created.push(await call('admin', 'POST', policiesPath, one))
  for (const { status, body } of created) if (status !== 201) throw new Error(JSON.stringify(body))
  await until('the policy to hold', async () => {
    return (await call('modest', 'GET', '/ipam/v1/addresses')).status === 200 || undefined
  })
  return { url, call }
}

t.test('a caller with one call does not wait for the hundreds of another', async (t) => {
  const { call } = await startWithUsers(t)
  let isOver = false
  const greedyMs: number[] = []
  const greedy = Promise.all(
    Array.from({ length: 500 }, async () => {
      while (!isOver) greedyMs.push((await call('greedy', 'POST', '/ipam/v1/assign', {})).ms)
    }),
  )
  await until('the greedy one to be served', () => greedyMs.length > 1_000 || undefined)
  const modestMs: number[] = []
  for (let n = 0; n < 50; n++) {
    const { status, body, ms } = await call('modest', 'POST', '/ipam/v1/assign', {})
    t.equal(status, 201, String(body['message']))
    modestMs.push(ms)
  }
  isOver = true
  await greedy
  const [modest, others] = [middleOf(modestMs), middleOf(greedyMs)]
  t.ok(modest < others / 2, `${modest.toFixed(1)} ms beside ${others.toFixed(1)} ms`)
})

t.test('who fills the server is refused, others and admins are not', async (t) => {
  const { url, call } = await startWithUsers(t, { IPPOOLD_QUEUE_LIMIT: '10' })
  const head = rawRequest('POST', '/ipam/v1/assign', '{"handle":"a"}', ['authorization: Bearer greedy-token'])
  const held = await Promise.all(Array.from({ length: 10 }, () => RawConnection.open(url)))
  for (const connection of held) await connection.write(head.slice(0, -1))
  await untilRead(call)
  t.teardown(() => {
    for (const connection of held) connection.cut()
  })
  const refused = await until('a refusal', async () => {
    const answer = await call('greedy', 'GET', '/ipam/v1/handles/a')
    return answer.status === 503 ? answer : undefined
  })
  t.match(refused, { retryAfter: '1', body: { message: /More calls are in flight/ } })
  t.equal((await call('modest', 'POST', '/ipam/v1/assign', {})).status, 201)
  t.equal((await call('admin', 'GET', poolsPath)).status, 200)
  t.equal((await call('modest', 'GET', '/readyz')).status, 200)
})

t.test('a limit of a policy is kept, with 429, for its subject alone', async (t) => {
  const { call } = await startWithUsers(t, {}, { requestsPerSecond: 1, burst: 3 })
  const burst = await until('the limit to hold', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => call('limited', 'POST', '/ipam/v1/assign', {})))
    return answers.some(({ status }) => status === 429) ? answers : undefined
  })
  t.match(
    burst.find(({ status }) => status === 429),
    {
      retryAfter: '1',
      body: { reason: 'TooManyRequests', message: /requestsPerSecond of AccessPolicy "few" for User "limited"/ },
    },
  )
  for (const user of ['modest', 'admin']) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => call(user, 'POST', '/ipam/v1/assign', {})))
    t.ok(
      answers.every(({ status }) => status === 201),
      user,
    )
  }
})

t.test('so many calls of a subject may be in flight', async (t) => {
  const { url, call } = await startWithUsers(t, {}, { concurrentRequests: 2 })
  const request = rawRequest('POST', '/ipam/v1/assign', '{"handle":"a"}', ['authorization: Bearer limited-token'])
  const held = await Promise.all([RawConnection.open(url), RawConnection.open(url)])
  for (const connection of held) await connection.write(request.slice(0, -1))
  await untilRead(call)
  const refused = await until('a refusal', async () => {
    const answer = await call('limited', 'GET', '/ipam/v1/handles/a')
    return answer.status === 429 ? answer : undefined
  })
  t.match(refused.body, { message: /concurrentRequests of AccessPolicy "few".*2 calls are in flight/ })
  for (const connection of held) await connection.write('}')
  await until('their answers', () => held.every((one) => one.answers().length > 0) || undefined)
  for (let n = 0; n < 20; n++)
    t.equal((await call('limited', 'GET', '/ipam/v1/handles/a')).status, 200, 'one after the other')
  for (const connection of held) connection.cut()
})

t.test('limits that cannot be are refused', async (t) => {
  const { call } = await startWithUsers(t)
  const create = async (limits: object): Promise<unknown> => {
    const spec = { subjects: [{ kind: 'User', name: 'x' }], limits }
    const object = { apiVersion: 'ippoold.io/v1', kind: 'AccessPolicy', metadata: { name: 'x' }, spec }
    const { status, body } = await call('admin', 'POST', `${policiesPath}?dryRun=All`, object)
    return [status, body['message']]
  }
  t.match(await create({ requestsPerSecond: 0 }), [422, /spec\.limits\.requestsPerSecond/])
  t.match(await create({ concurrentRequests: 1_000_001 }), [422, /spec\.limits\.concurrentRequests/])
  t.match(await create({ burst: 5 }), [422, /spec\.limits\.burst/])
  t.match(await create({ burst: 5, requestsPerSecond: 1 }), [201])
  t.match(await create({ rate: 5 }), [/4\d\d/, /rate/])
})

/** Resolves when the server has read what was sent before: an answer takes it a turn of its event loop at least. */
async function untilRead(call: (user: string, method: 'GET', path: string) => Promise<Answered>): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await call('modest', 'GET', '/livez')
}

function middleOf(samples: number[]): number {
  return samples.toSorted((one, other) => one - other)[samples.length >> 1] ?? NaN
}
