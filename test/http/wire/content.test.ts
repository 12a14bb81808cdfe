import { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { handleErrors } from '../../../src/http/server/error-handling.ts'
import { answerJson, readBodies } from '../../../src/http/wire/index.ts'
import { RawConnection } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'

/** An application that answers with the body it was sent. */
function startEcho(t: Test, bodyLimit = 100): FastifyInstance {
  const app = fastify({ bodyLimit })
  t.teardown(() => app.close())
  handleErrors(app)
  readBodies(app)
  void app.register((api, _options, done) => {
    answerJson(api)
    api.route({
      method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      url: '/echo',
      handler: (request) => Promise.resolve({ body: request.body }),
    })
    done()
  })
  app.get('/page', (_request, reply) => reply.type('text/html').send('<p>'))
  return app
}

t.test('a body is read by its media type, and refused when that is not known', async (t) => {
  const app = startEcho(t)
  const refused = { reason: 'UnsupportedMediaType', code: 415 }
  const cases = [
    ['POST', 'application/json', '{"a":1}', { body: { a: 1 } }],
    ['POST', 'application/json; charset=utf-8', '{"a":1}', { body: { a: 1 } }],
    ['POST', 'Application/JSON', '{"a":1}', { body: { a: 1 } }],
    ['POST', 'application/json', 'a: 1', { reason: 'BadRequest', code: 400 }],
    ['POST', 'application/json', '', {}],
    ['POST', 'application/yaml', 'a: 1', { body: { a: 1 } }],
    ['POST', 'text/yaml', 'a: 1', { body: { a: 1 } }],
    ['POST', 'application/x-yaml', 'a: 1', { body: { a: 1 } }],
    ['POST', 'application/yaml', '', {}],
    ['PUT', undefined, 'a: 1', refused],
    ['POST', undefined, '{"a":1}', refused],
    ['POST', undefined, '', refused],
    ['POST', undefined, undefined, {}],
    ['DELETE', undefined, undefined, {}],
    ['DELETE', undefined, '', {}],
    ['DELETE', undefined, '{"a":1}', refused],
    ['DELETE', 'application/json', '', {}],
    ['DELETE', 'application/json', '{"a":1}', { body: { a: 1 } }],
    ['PATCH', 'application/merge-patch+json', '{"a":null}', { body: { a: null } }],
    ['PATCH', 'application/json-patch+json', '[]', { body: [] }],
    ['PATCH', 'application/strategic-merge-patch+json', '{}', refused],
    ['PATCH', 'application/apply-patch+yaml', 'a: b', { body: { a: 'b' } }],
    ['PATCH', 'application/apply-patch+yaml', '{"a":1}', { body: { a: 1 } }],
    ['PATCH', 'application/json', '{}', refused],
    ['POST', 'application/merge-patch+json', '{}', refused],
    ['POST', 'application/x-www-form-urlencoded', 'a=1', refused],
    ['POST', 'text/plain', 'a: 1', refused],
    ['POST', 'multipart/form-data; boundary=a', '--a--', refused],
    ['POST', 'nonsense', 'a', refused],
    ['POST', 'application/json; charset', '{}', { body: {} }],
    ['POST', '', '{}', refused],
    ['GET', 'text/plain', undefined, {}],
  ] as const
  for (const [method, type, payload, want] of cases) {
    const headers = type === undefined ? {} : { 'content-type': type }
    const answer = await app.inject({
      method,
      url: '/echo',
      headers,
      ...(payload !== undefined && { payload: Buffer.from(payload) }),
    })
    t.match(answer.json(), want, `${method} ${type ?? 'without a type'}`)
    if (!('reason' in want)) t.equal(answer.statusCode, 200)
  }
})

t.test('a refusal names the media types that would do', async (t) => {
  const app = startEcho(t)
  const send = async (method: 'POST' | 'PATCH'): Promise<string> => {
    const answer = await app.inject({ method, url: '/echo', headers: { 'content-type': 'image/png' }, payload: 'x' })
    return answer.json<{ message: string }>().message
  }
  t.match(await send('POST'), /application\/json, application\/yaml$/)
  t.match(
    await send('PATCH'),
    /application\/merge-patch\+json, application\/json-patch\+json, application\/apply-patch\+yaml$/,
  )
})

t.test('a compressed body is refused before it is read', async (t) => {
  const app = startEcho(t)
  for (const encoding of ['gzip', 'br', 'deflate, gzip']) {
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding }
    const answer = await app.inject({ method: 'POST', url: '/echo', headers, payload: '{}' })
    t.match(answer.json(), { reason: 'UnsupportedMediaType' })
  }
  const headers = { 'content-type': 'application/json', 'content-encoding': 'identity' }
  t.match(await app.inject({ method: 'POST', url: '/echo', headers, payload: '{}' }), { statusCode: 200 })
})

t.test('a body over the limit is refused', async (t) => {
  const app = startEcho(t)
  const send = (length: number): Promise<{ statusCode: number }> =>
    app.inject({
      method: 'POST',
      url: '/echo',
      headers: { 'content-type': 'application/json' },
      payload: `"${'x'.repeat(length - 2)}"`,
    })
  t.match(await send(100), { statusCode: 200 })
  t.match(await send(101), { statusCode: 413 })
})

t.test('an Accept that excludes JSON is refused where there is nothing else', async (t) => {
  const app = startEcho(t)
  const cases = [
    [undefined, 200],
    ['*/*', 200],
    ['application/json', 200],
    ['application/*;q=0.5', 200],
    ['text/html, application/JSON; charset=utf-8', 200],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 200],
    ['application/json;as=Table;v=v1;g=meta.k8s.io', 200],
    ['text/html', 406],
    ['application/yaml', 406],
    ['application/json;q=0', 406],
    ['application/json;q=0.0, text/html', 406],
    ['', 406],
  ] as const
  for (const [accept, status] of cases) {
    const answer = await app.inject({ url: '/echo', headers: accept === undefined ? {} : { accept } })
    t.equal(answer.statusCode, status, `accept: ${accept ?? 'anything'}`)
    if (status === 406) t.match(answer.json(), { reason: 'NotAcceptable' })
  }
  t.match(await app.inject({ url: '/page', headers: { accept: 'text/html' } }), { statusCode: 200 })
})

t.test('a body may arrive in many pieces, but not in thousands of tiny ones', async (t) => {
  const app = startEcho(t, 100_000)
  const send = (count: number, bytes: number): Promise<{ statusCode: number; headers: Record<string, unknown> }> => {
    const piece = Buffer.alloc(bytes, 'x')
    const headers = { 'content-type': 'application/json' }
    const payload = Readable.from([Buffer.from('"'), ...Array<Buffer>(count).fill(piece), Buffer.from('"')])
    return app.inject({ method: 'POST', url: '/echo', headers, payload })
  }
  t.match(await send(1_000, 1), { statusCode: 200 })
  t.match(await send(1_100, 64), { statusCode: 200 })
  t.match(await send(1_100, 1), { statusCode: 413, headers: { connection: 'close' } })
  t.match(await send(90_000, 1), { statusCode: 413 })
})

t.test('a body that nobody reads may arrive in any pieces', async (t) => {
  const app = startEcho(t)
  app.get('/slow', () => setTimeout(100, {}))
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const pieces = '1\r\n1\r\n'.repeat(2_000)
  for (const [start, status] of [
    ['GET /slow', 200],
    ['GET /nothing', 404],
    ['POST /echo', 413],
  ] as const) {
    const connection = await RawConnection.open(url)
    const head = [`${start} HTTP/1.1`, 'host: a', 'content-type: application/json', 'transfer-encoding: chunked']
    await connection.write(`${head.join('\r\n')}\r\n\r\n${pieces}`)
    await connection.write(`${pieces}0\r\n\r\n`)
    await until(`${start} is answered`, () => Promise.resolve(connection.answers().length === 1 || undefined))
    t.equal(connection.answers()[0]?.status, status, start)
    connection.cut()
  }
})
