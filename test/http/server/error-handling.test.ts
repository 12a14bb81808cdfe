import type { ServerOptions } from 'node:http'
import { connect } from 'node:net'
import fastify, { type FastifyInstance, LogController } from 'fastify'
import t, { type Test } from 'tap'
import { DatastoreUnavailable, silentProbe } from '../../../src/datastore/index.ts'
import { answerConnectionErrors } from '../../../src/http/server/connection-errors.ts'
import { answerUnreadablePath, handleErrors } from '../../../src/http/server/error-handling.ts'
import { RefusalError } from '../../../src/http/wire/index.ts'

/** An application with one route, which throws what it is given, and the lines of its log. */
function startApp(
  t: Test,
  error: unknown,
  http: ServerOptions = {},
): {
  readonly app: FastifyInstance
  readonly lines: Record<string, unknown>[]
  /** The faults that the probe heard of. */
  readonly unavailable: readonly DatastoreUnavailable[]
} {
  const lines: Record<string, unknown>[] = []
  const stream = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) }
  const app = fastify({
    logger: { level: 'warn', stream },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => 'request-7',
    http,
    frameworkErrors: answerUnreadablePath,
  })
  t.teardown(() => app.close())
  const unavailable: DatastoreUnavailable[] = []
  handleErrors(app, { ...silentProbe, requestUnavailable: ({ fault }) => void unavailable.push(fault) })
  answerConnectionErrors(app)
  app.post('/thing/:name', () => {
    throw error
  })
  return { app, lines, unavailable }
}

t.test('a fault of the datastore tells what it means to the caller', async (t) => {
  const cases = [
    ['ServiceUnavailable', 503, '4'],
    ['Timeout', 504, undefined],
    ['RequestEntityTooLarge', 413, undefined],
  ] as const
  for (const [code, status, retryAfter] of cases) {
    const fault = new DatastoreUnavailable(code, 'Nothing was changed.', { retryAfterSeconds: 4 })
    const { app, lines, unavailable } = startApp(t, fault)
    const answer = await app.inject({ method: 'POST', url: '/thing/a' })
    t.equal(answer.statusCode, status)
    t.equal(answer.headers['retry-after'], retryAfter)
    t.match(answer.json(), { reason: code, message: 'Nothing was changed.', code: status })
    t.strictSame(unavailable, code === 'ServiceUnavailable' ? [fault] : [], 'the probe counts what is not available')
    t.strictSame(lines, [], 'and the log has no line for each')
  }
})

t.test(
  'an unknown outcome is told as such, with the way to find out, and no invitation to repeat blindly',
  async (t) => {
    const { app, lines } = startApp(t, new DatastoreUnavailable('OutcomeUnknown', 'It may have been made.'))
    const answer = await app.inject({ method: 'POST', url: '/thing/a' })
    t.match(answer.json(), {
      reason: 'OutcomeUnknown',
      code: 500,
      message: /^It may have been made.*Idempotency-Key.*GET/,
    })
    t.equal(answer.statusCode, 500)
    t.notOk(answer.headers['retry-after'])
    t.match(lines, [{ level: 50, reqId: 'request-7' }])
  },
)

t.test('a bug is logged with its stack, and answered with nothing but the request id', async (t) => {
  for (const bug of [
    new TypeError('secret detail'),
    'secret text',
    undefined,
    Object.assign(new Error('secret'), { statusCode: 502 }),
  ]) {
    const { app, lines } = startApp(t, bug)
    const answer = await app.inject({ method: 'POST', url: '/thing/a' })
    t.equal(answer.statusCode, 500)
    t.match(answer.json(), { reason: 'InternalError', message: /request-7$/, code: 500 })
    t.notMatch(answer.body, /secret/)
    if (bug instanceof Error) t.match(lines, [{ level: 50, err: { stack: /error-handling/ } }])
  }
})

t.test('a refusal may bring headers and say when to try again', async (t) => {
  const refusal = { reason: 'TooManyRequests', message: 'slow down', causes: [] } as const
  const { app } = startApp(t, new RefusalError(refusal, { retryAfterSeconds: 9, headers: { 'x-limit': '5' } }))
  const answer = await app.inject({ method: 'POST', url: '/thing/a' })
  t.match(answer, { statusCode: 429, headers: { 'retry-after': '9', 'x-limit': '5' } })
  t.strictSame(answer.json<{ details: unknown }>().details, { retryAfterSeconds: 9 })
})

t.test('an unknown path is 404, and a known one with another method 405', async (t) => {
  const { app } = startApp(t, new Error('not reached'))
  const cases = [
    ['POST', '/nothing?a=b', 404, undefined],
    ['POST', '/thing', 404, undefined],
    ['POST', '/thing/a/', 404, undefined],
    ['GET', '/thing/a', 405, 'POST'],
    ['HEAD', '/thing/a', 405, 'POST'],
    ['PUT', '/thing/a', 405, 'POST'],
    ['OPTIONS', '/thing/a', 405, 'POST'],
    ['DELETE', '/', 404, undefined],
  ] as const
  for (const [method, url, status, allow] of cases) {
    // The body is not looked at: what it holds does not matter where there is no route.
    const answer = await app.inject({
      method,
      url,
      ...(method !== 'GET' && method !== 'HEAD' && { payload: '{', headers: { 'content-type': 'application/json' } }),
    })
    t.equal(answer.statusCode, status, `${method} ${url}`)
    t.equal(answer.headers.allow, allow)
    if (method !== 'HEAD')
      t.match(answer.json(), { kind: 'Status', reason: status === 404 ? 'NotFound' : 'MethodNotAllowed' })
  }
})

t.test('what Fastify blames on the caller is a Status too', async (t) => {
  const { app } = startApp(t, new Error('not reached'))
  const cases = [
    ['/thing/%zz', {}, '', 400, 'BadRequest'],
    [`/thing/${'x'.repeat(200)}`, {}, '', 400, 'BadRequest'],
    ['/thing/a', { 'content-type': 'application/json' }, '{', 400, 'BadRequest'],
    ['/thing/a', { 'content-type': 'image/png' }, 'x', 415, 'UnsupportedMediaType'],
    ['/thing/a', { 'content-type': 'application/json' }, `"${'x'.repeat(1024 * 1024)}"`, 413, 'RequestEntityTooLarge'],
  ] as const
  for (const [url, headers, payload, status, reason] of cases) {
    const answer = await app.inject({ method: 'POST', url, headers, payload })
    t.equal(answer.statusCode, status, reason)
    t.match(answer.json(), { kind: 'Status', reason, code: status })
    t.ok(answer.body.length < 1_000)
  }
})

t.test(
  'a connection on which no whole request arrives in time is answered 408, as clients expect of a spare one',
  async (t) => {
    const { app } = startApp(t, new Error('not reached'), { connectionsCheckingInterval: 20, headersTimeout: 50 })
    const port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
    for (const bytes of ['', 'GET / HTTP/1.1\r\nhost: a\r\n']) {
      const [head = '', body = ''] = (await exchange(port, bytes)).split('\r\n\r\n')
      t.match(head, /^HTTP\/1.1 408 Request Timeout\r\n[^]*connection: close/, JSON.stringify(bytes))
      t.match(JSON.parse(body), { kind: 'Status', reason: 'RequestTimeout', code: 408 })
    }
  },
)

/** Sends bytes to a port and gives all that comes back until the other side closes. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()))
    socket.on('error', reject)
  })
}

t.test('what is not HTTP is answered with a Status, and the connection ends', async (t) => {
  const { app } = startApp(t, new Error('not reached'))
  const port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
  const cases = [
    ['nonsense', 'HELO\r\n\r\n', 400, 'BadRequest'],
    [
      'headers that are too long',
      `GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`,
      413,
      'RequestEntityTooLarge',
    ],
    [
      'two lengths',
      'POST /thing/a HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}',
      400,
      'BadRequest',
    ],
    [
      'a length and chunks',
      'POST /thing/a HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'BadRequest',
    ],
  ] as const
  for (const [name, bytes, status, reason] of cases) {
    const [head = '', body = ''] = (await exchange(port, bytes)).split('\r\n\r\n')
    t.match(head, new RegExp(`^HTTP/1.1 ${status} `), name)
    t.match(JSON.parse(body), { kind: 'Status', reason, code: status })
  }
})
