import { gzipSync } from 'node:zlib'
import t from 'tap'
import type { Test } from 'tap'
import { createPool, startIppoold } from '../support/ippoold.ts'
import { type RawAnswer, RawConnection, rawRequest } from '../support/raw-http.ts'
import { disagreements, readStoredState } from '../support/stored.ts'
import { until } from '../support/until.ts'

/** Callers break their connections in many ways: the server answers what it has read, and continues. */

const { call, etcd, servers } = await startIppoold(t)
await createPool(call, 'sockets', { cidr: '10.130.0.0/20' })
const url = servers[0]?.url ?? ''
const assign = '/ipam/v1/assign'

/** Sends bytes over a connection of their own, and waits for so many answers. */
async function exchange(bytes: string | Buffer, count = 1): Promise<readonly RawAnswer[]> {
  const connection = await RawConnection.open(url)
  await connection.write(bytes)
  const answers = await until('there is an answer', () => {
    const answers = connection.answers()
    return answers.length >= count || connection.isClosed ? answers : undefined
  })
  connection.cut()
  return answers
}

function isRefused(t: Test, answer: RawAnswer | undefined, status: number, reason: string, what: string): void {
  const body: unknown = answer === undefined || answer.body === '' ? undefined : JSON.parse(answer.body)
  t.match(
    { status: answer?.status, body },
    { status, body: { kind: 'Status', status: 'Failure', reason, code: status } },
    what,
  )
  t.match(answer?.head, /^content-type: application\/json/im, what)
}

/** It still does its work, and what is stored is in order. */
async function isWell(t: Test): Promise<ReadonlyMap<string, string>> {
  t.equal((await call('GET', '/readyz')).status, 200)
  const { status, body } = await call('POST', assign, { handle: 'well' })
  t.equal(status, 201, JSON.stringify(body))
  t.equal((await call('DELETE', '/ipam/v1/handles/well')).status, 200)
  const state = await readStoredState(etcd.endpoint)
  t.strictSame(disagreements(state), [])
  return state.holders
}

t.test('requests that break off half-way are forgotten', async (t) => {
  const whole = rawRequest('POST', assign, '{"handle":"half"}')
  const cuts = [1, 5, 20, whole.indexOf('\r\n\r\n') + 2, whole.indexOf('\r\n\r\n') + 4, whole.length - 1]
  for (const length of cuts) {
    for (let repetition = 0; repetition < 20; repetition++) {
      const connection = await RawConnection.open(url)
      await connection.write(whole.slice(0, length))
      connection.cut()
    }
  }
  t.notOk([...(await isWell(t)).values()].includes('half'), 'nothing was assigned')
})

t.test('callers who leave before the answer hold what they asked for, or nothing', async (t) => {
  await Promise.all(
    Array.from({ length: 60 }, async (_, number) => {
      const connection = await RawConnection.open(url)
      await connection.write(rawRequest('POST', assign, `{"handle":"left-${String(number)}","ipv4":2}`))
      connection.cut()
    }),
  )
  const holders = [...(await isWell(t)).values()].filter((handle) => handle.startsWith('left-'))
  const counts = new Map<string, number>()
  for (const handle of holders) counts.set(handle, (counts.get(handle) ?? 0) + 1)
  t.ok(
    [...counts.values()].every((count) => count === 2),
    'all or nothing',
  )
})

t.test('requests that are sent in one go are answered in their order', async (t) => {
  const requests = Array.from({ length: 20 }, (_, number) =>
    rawRequest('POST', assign, `{"handle":"pipe-${String(number)}"}`),
  )
  const mixed = [
    ...requests,
    rawRequest('GET', '/ipam/v1/handles/pipe-0'),
    rawRequest('GET', '/no/such/thing'),
    rawRequest('GET', '/livez'),
  ]
  const answers = await exchange(mixed.join(''), mixed.length)
  t.strictSame(
    answers.map(({ status }) => status),
    [...requests.map(() => 201), 200, 404, 200],
  )
  const handles = answers.slice(0, requests.length).map(({ body }) => (JSON.parse(body) as { handle: string }).handle)
  t.strictSame(
    handles,
    requests.map((_, number) => `pipe-${String(number)}`),
  )
})

t.test('what was sent before rubbish is answered before the rubbish is refused', async (t) => {
  const assigned = [0, 1].map((number) => rawRequest('POST', assign, `{"handle":"before-rubbish-${String(number)}"}`))
  const broken = `POST ${assign} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`
  for (const [claim, rubbish] of [
    ['no HTTP', 'rubbish\r\n\r\n'],
    ['a request whose body is broken', broken],
  ] as const) {
    const connection = await RawConnection.open(url)
    await connection.write(`${assigned.join('')}${rubbish}`)
    // More of it comes while the answers are on their way.
    await connection.write(rubbish)
    await until('the connection is closed', () => connection.isClosed || undefined)
    t.strictSame(
      connection.answers().map(({ status }) => status),
      [201, 201, 400],
      claim,
    )
    for (const number of [0, 1]) await call('DELETE', `/ipam/v1/handles/before-rubbish-${String(number)}`)
  }
  await isWell(t)
})

t.test('a request may arrive in very small pieces', async (t) => {
  const connection = await RawConnection.open(url)
  for (const letter of rawRequest('POST', assign, '{"handle":"slow"}')) await connection.write(letter)
  const [answer] = await until('there is an answer', () =>
    connection.answers().length > 0 ? connection.answers() : undefined,
  )
  t.equal(answer?.status, 201)
  connection.cut()
})

t.test('a body of 10 MB is refused, whether its length is announced or not', async (t) => {
  const body = `{"handle":"${'x'.repeat(10 * 1024 * 1024)}"}`
  const [announced] = await exchange(rawRequest('POST', assign, body))
  isRefused(t, announced, 413, 'RequestEntityTooLarge', 'with a length')

  const connection = await RawConnection.open(url)
  await connection.write(
    `POST ${assign} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
  )
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
  for (let sent = 0; sent < 160 && connection.answers().length === 0 && !connection.isClosed; sent++)
    await connection.write(chunk)
  const [chunked] = await until('there is an answer', () =>
    connection.answers().length > 0 ? connection.answers() : undefined,
  )
  isRefused(t, chunked, 413, 'RequestEntityTooLarge', 'in chunks')
  connection.cut()
  await isWell(t)
})

/** Requests that are not what they should be, and what they get. */
const odd: readonly (readonly [claim: string, bytes: string | Buffer, status: number, reason: string])[] = [
  ['a compressed body', rawRequest('POST', assign, '{}', ['content-encoding: gzip']), 415, 'UnsupportedMediaType'],
  ['a gzip bomb', compressed(Buffer.alloc(20 * 1024 * 1024)), 415, 'UnsupportedMediaType'],
  ['no HTTP', 'hello\r\n\r\n', 400, 'BadRequest'],
  ['TLS', Buffer.from('16030100c4010000c00303', 'hex'), 400, 'BadRequest'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'BadRequest'],
  ['no host', 'GET /livez HTTP/1.1\r\n\r\n', 400, 'BadRequest'],
  ['two hosts', 'GET /livez HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n', 400, 'BadRequest'],
  ['a foreign host', 'GET /livez HTTP/1.1\r\nhost: evil.example\r\n\r\n', 421, 'MisdirectedRequest'],
  [
    'an empty beacon of a foreign page',
    `POST ${assign} HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\ncontent-length: 0\r\n\r\n`,
    403,
    'Forbidden',
  ],
  [
    'an empty body without a type',
    `POST ${assign} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n`,
    415,
    'UnsupportedMediaType',
  ],
  [
    'a body without a type',
    `POST ${assign} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}`,
    415,
    'UnsupportedMediaType',
  ],
  ['a method that is none', 'FETCH /livez HTTP/1.1\r\nhost: localhost\r\n\r\n', 400, 'BadRequest'],
  [
    'two lengths',
    `POST ${assign} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x`,
    400,
    'BadRequest',
  ],
  [
    'a length and chunks',
    `POST ${assign} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    'BadRequest',
  ],
  [
    'a length that is none',
    `POST ${assign} HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n{}`,
    400,
    'BadRequest',
  ],
  [
    'a chunk that is none',
    `POST ${assign} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
    400,
    'BadRequest',
  ],
  [
    'headers without end',
    `GET /livez HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(100_000)}`,
    413,
    'RequestEntityTooLarge',
  ],
  ['a path without end', `GET /${'x'.repeat(100_000)}`, 413, 'RequestEntityTooLarge'],
  [
    'a control character in a header',
    'GET /livez HTTP/1.1\r\nhost: localhost\r\nx: a\u0000b\r\n\r\n',
    400,
    'BadRequest',
  ],
  ['a path that is not percent-encoded', rawRequest('GET', '/ipam/v1/handles/%zz'), 400, 'BadRequest'],
]

function compressed(content: Buffer): Buffer {
  const body = gzipSync(content)
  const head = `POST ${assign} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: ${String(body.length)}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}

t.test('what is not a proper request is refused with a Status', async (t) => {
  for (const [claim, bytes, status, reason] of odd) {
    const [answer] = await exchange(bytes)
    isRefused(t, answer, status, reason, claim)
  }
  await isWell(t)
})

t.test('a caller that waits for leave to send its body gets it', async (t) => {
  const connection = await RawConnection.open(url)
  const body = '{"handle":"polite"}'
  await connection.write(rawRequest('POST', assign, body, ['expect: 100-continue']).slice(0, -body.length))
  await until('it may go on', () => (connection.answers()[0]?.status === 100 ? true : undefined))
  await connection.write(body)
  const answers = await until('there is an answer', () =>
    connection.answers().length > 1 ? connection.answers() : undefined,
  )
  t.equal(answers[1]?.status, 201)
  connection.cut()
})

t.test('an expectation that nobody knows is passed over', async (t) => {
  const [answer] = await exchange(rawRequest('POST', assign, '{"handle":"hopeful"}', ['expect: the-unexpected']))
  t.equal(answer?.status, 201)
})

t.test('HEAD is answered as GET without a body', async (t) => {
  for (const [path, status] of [
    ['/livez', 200],
    ['/ipam/v1/handles/nobody', 404],
    ['/no/such/thing', 404],
  ] as const) {
    const connection = await RawConnection.open(url)
    await connection.write(rawRequest('HEAD', path, undefined, ['connection: close']))
    await until('the connection is closed', () => connection.isClosed || undefined)
    t.match(connection.received, new RegExp(`^HTTP/1.1 ${String(status)} [^]*\\r\\n\\r\\n$`), path)
    t.notMatch(connection.received, '{')
  }
  await isWell(t)
})
