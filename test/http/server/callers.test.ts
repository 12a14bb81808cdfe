import t from 'tap'
import { RawConnection, rawRequest } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'
import { startServer } from '../server-in-memory.ts'

const ours = 'https://ours.example'
const callers = { hosts: { listening: '127.0.0.1', allowed: ['ipam.lan'] }, allowedOrigins: [ours] }
const assign = ['POST', '/ipam/v1/assign', { handle: 'a' }] as const

t.test('a request for a host that is not served is refused, whatever it asks for', async (t) => {
  const { call, store } = startServer(t, { callers })
  const revision = store.view.revision
  for (const [method, url] of [
    assign,
    ['GET', '/livez'],
    ['GET', '/nothing'],
    ['GET', '/docs/static/index.html'],
  ] as const) {
    const answer = await call(method, url, method === 'POST' ? {} : undefined, { host: 'evil.example:8080' })
    t.match(
      answer,
      { status: 421, body: { reason: 'MisdirectedRequest', message: /"evil\.example:8080".*IPPOOLD_ALLOWED_HOSTS/ } },
      url,
    )
  }
  t.match(await call(...assign, { host: 'a b' }), { status: 400, body: { reason: 'BadRequest' } })
  t.equal(store.view.revision, revision, 'nothing was changed')
  t.match(await call(...assign, { host: 'ipam.lan' }), { status: 201 })
})

t.test('the host of a whole URL counts, and two hosts are none', async (t) => {
  const { app } = startServer(t, { callers })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const statusOf = async (...lines: readonly string[]): Promise<number | undefined> => {
    const connection = await RawConnection.open(url)
    t.teardown(() => connection.cut())
    await connection.write([...lines, '', ''].join('\r\n'))
    return until('an answer', () => connection.answers()[0]?.status)
  }
  t.equal(await statusOf('GET http://evil/livez HTTP/1.1', 'host: localhost'), 421)
  t.equal(await statusOf('GET http://localhost/livez HTTP/1.1', 'host: evil'), 200)
  t.equal(await statusOf('GET /livez HTTP/1.1', 'host: localhost', 'Host: localhost'), 400)
  t.equal(await statusOf('GET /livez HTTP/1.1'), 400)
  t.equal(await statusOf('GET /livez HTTP/1.1', 'host:'), 400)
  t.equal(await statusOf('GET /livez HTTP/1.1', 'HOST: localhost'), 200)
  t.equal(await statusOf('GET /livez HTTP/1.0'), 200)
})

t.test('what a foreign page makes a browser send is refused, and changes nothing', async (t) => {
  const { call, store } = startServer(t, { callers })
  await call(...assign)
  const revision = store.view.revision
  const foreign = { origin: 'http://evil.example', 'sec-fetch-site': 'cross-site' }
  const requests = [
    assign,
    ['POST', '/ipam/v1/assign', undefined],
    ['POST', '/ipam/v1/release', { handle: 'a' }],
    ['POST', '/apis/projectcalico.org/v3/ippools', '{}'],
    ['DELETE', '/ipam/v1/handles/a', undefined],
    ['GET', '/ipam/v1/check', undefined],
    ['OPTIONS', '/ipam/v1/assign', undefined],
  ] as const
  for (const [method, url, payload] of requests) {
    const answer = await call(method, url, payload, { ...foreign, 'access-control-request-method': 'POST' })
    t.match(
      answer,
      { status: 403, body: { reason: 'Forbidden', message: /"http:\/\/evil\.example".*IPPOOLD_ALLOWED_ORIGINS/ } },
      url,
    )
    t.notOk(answer.headers['access-control-allow-origin'])
  }
  t.match(await call('GET', '/livez', undefined, { 'sec-fetch-site': 'same-site' }), { status: 403 })
  t.equal(store.view.revision, revision)
  t.match(await call(...assign, { origin: 'http://localhost:80', 'sec-fetch-site': 'same-origin' }), { status: 201 })
})

t.test('a page of an allowed origin may call the server, and read every answer', async (t) => {
  const { call } = startServer(t, { callers })
  const page = { origin: ours, 'sec-fetch-site': 'cross-site' }
  const cors = { 'access-control-allow-origin': ours, 'access-control-expose-headers': /retry-after/, vary: 'origin' }
  const preflight = {
    ...page,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type',
  }
  t.match(await call('OPTIONS', '/ipam/v1/assign', undefined, preflight), {
    status: 204,
    headers: { ...cors, 'access-control-allow-methods': /POST/, 'access-control-allow-headers': 'content-type' },
  })
  t.match(await call(...assign, page), { status: 201, headers: cors })
  t.match(await call('GET', '/nothing', undefined, page), { status: 404, headers: cors })
  t.match(await call('OPTIONS', '/ipam/v1/assign', undefined, page), { status: 405, headers: cors }, 'no preflight')
  t.match(await call('GET', '/openapi/v3', undefined, page), { status: 200, headers: { ...cors, vary: /origin/ } })
  const { headers } = await call('GET', '/livez')
  t.equal(headers['vary'], 'origin', 'a cache must know that the origin matters')
  t.notOk(headers['access-control-allow-origin'])
})

t.test('every answer says that it is only what its type says, and is not kept', async (t) => {
  const { app, call } = startServer(t, { callers, callsMax: 0 })
  const safe = {
    'x-content-type-options': 'nosniff',
    'content-security-policy': /^default-src 'none'/,
    'cache-control': 'no-store',
  }
  const requests = [
    ['GET', '/livez', 200],
    ['GET', '/openapi.json', 200],
    ['GET', '/apis/projectcalico.org/v3/ippools', 200],
    ['GET', '/nothing', 404],
    ['PUT', '/livez', 405],
    ['GET', '/%zz', 400],
  ] as const
  for (const [method, path, status] of requests) t.match(await call(method, path), { status, headers: safe }, path)
  t.match(await call('GET', '/livez', undefined, { host: 'evil' }), { status: 421, headers: safe })
  t.match(await call('GET', '/livez', undefined, { origin: 'http://evil' }), { status: 403, headers: safe })

  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const headOf = async (bytes: string): Promise<string> => {
    const connection = await RawConnection.open(url)
    t.teardown(() => connection.cut())
    await connection.write(bytes)
    return until('an answer', () => connection.answers()[0]?.head)
  }
  for (const bytes of ['nonsense\r\n\r\n', rawRequest('POST', '/ipam/v1/assign', '{}')]) {
    const head = await headOf(bytes)
    t.match(head, /^HTTP\/1.1 (400|503) /)
    for (const name of Object.keys(safe)) t.match(head, new RegExp(`^${name}: `, 'im'), name)
  }
})

t.test('pages and their files may be shown and kept', async (t) => {
  const { call } = startServer(t, { callers })
  const page = await call('GET', '/docs')
  t.match(page, {
    status: 200,
    headers: { 'x-content-type-options': 'nosniff', 'content-security-policy': /^default-src 'self'/ },
  })
  const file = await call('GET', '/docs/static/swagger-ui.css')
  t.match(file, { status: 200, headers: { 'cache-control': /public/ } })
})
