import t from 'tap'
import { DatastoreUnavailable } from '../../../src/datastore/index.ts'
import { causesOf, startServer } from '../server-in-memory.ts'

t.test('a server is alive, whatever its datastore does', async (t) => {
  const { call, store } = startServer(t)
  store.state = { ready: false, checks: [{ name: 'etcd', ok: false, message: 'does not answer' }] }
  t.match(await call('GET', '/livez'), { status: 200, body: { status: 'ok', checks: [] } })
})

t.test('a server is ready when its datastore is, and says what is missing', async (t) => {
  const { call, store } = startServer(t)
  const ready = await call('GET', '/readyz?verbose')
  t.strictSame([ready.status, ready.body], [200, { status: 'ok', checks: [{ name: 'etcd', message: 'answers' }] }])
  store.state = {
    ready: false,
    checks: [
      { name: 'etcd', ok: false, message: 'does not answer' },
      { name: 'watch', ok: true, message: 'follows etcd' },
    ],
  }
  const away = await call('GET', '/readyz')
  t.match(away, {
    status: 503,
    headers: { 'retry-after': '1' },
    body: { kind: 'Status', reason: 'ServiceUnavailable', message: /etcd does not answer/ },
  })
  t.strictSame(causesOf(away), [['etcd', 'UnexpectedServerResponse']])
})

t.test(
  'the version is in the fields in which kubectl looks for it, and etcd being away does not hide it',
  async (t) => {
    const { call, store } = startServer(t, { version: '1.2.3' })
    t.match(await call('GET', '/version'), {
      status: 200,
      body: {
        ippooldVersion: '1.2.3',
        etcdVersions: ['3.5.16'],
        major: '1',
        minor: /^\d+$/,
        gitVersion: /^v1\.\d+\.0$/,
        platform: /\//,
      },
    })
    store.fault = new DatastoreUnavailable('ServiceUnavailable', 'away')
    t.match(await call('GET', '/version'), { status: 200, body: { ippooldVersion: '1.2.3', etcdVersions: [] } })
    store.fault = new Error('a bug')
    t.match(await call('GET', '/version'), { status: 500, body: { reason: 'InternalError' } })
  },
)

t.test('the OpenAPI document is served, and pages to read it that load nothing from elsewhere', async (t) => {
  const { app, call } = startServer(t)
  t.match(await call('GET', '/openapi.json'), { status: 200, body: { openapi: '3.1.0', paths: { '/livez': {} } } })
  t.strictSame((await call('GET', '/openapi.json')).body, (await call('GET', '/openapi.json')).body)
  const page = await app.inject({ url: '/docs', headers: { accept: 'text/html' } })
  t.match(page, {
    statusCode: 200,
    headers: { 'content-type': /^text\/html/, 'content-security-policy': /default-src 'self'/ },
  })
  t.notMatch(page.body, /https?:\/\//)
  t.match(await app.inject('/docs/static/swagger-ui.css'), { statusCode: 200 })
  t.match(await call('GET', '/docs/static/..%2f..%2fpackage.json'), { status: 404, body: { reason: 'NotFound' } })
})
