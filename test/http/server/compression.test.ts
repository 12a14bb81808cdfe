import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { putPool, startServer } from '../server-in-memory.ts'

const encoding = { 'accept-encoding': 'gzip, deflate, br' }

t.test('large answers to reads, documents and files of pages are compressed for clients that ask for it', async (t) => {
  const { app, store } = startServer(t)
  for (let index = 0; index < 50; index++) putPool(store, `pool-${String(index)}`, `10.2.${String(index)}.0/24`, 26)
  const urls = [
    ...['/apis/projectcalico.org/v3/ippools', '/openapi.json', '/openapi/v3/apis/projectcalico.org/v3', '/docs/json'],
    ...['/docs/static/swagger-ui.css', '/docs/static/swagger-ui-bundle.js'],
  ]
  for (const url of urls) {
    const plain = await app.inject(url)
    const zipped = await app.inject({ url, headers: encoding })
    t.match(plain.headers['content-encoding'], undefined, url)
    t.match(zipped, { statusCode: 200, headers: { 'content-encoding': 'gzip', vary: /accept-encoding/ } }, url)
    t.match(plain.headers['vary'], /accept-encoding/, url)
    t.ok(zipped.rawPayload.length < plain.rawPayload.length / 3, url)
    t.ok(gunzipSync(zipped.rawPayload).equals(plain.rawPayload), url)
    t.equal(zipped.headers['content-type'], plain.headers['content-type'], url)
    const length = zipped.headers['content-length']
    t.ok(length === undefined || Number(length) === zipped.rawPayload.length, url)
  }
})

t.test('what is small, a change, a stream of entries or not asked for is sent as it is', async (t) => {
  const { app } = startServer(t)
  const wish = { handle: 'many', ipv4: 200 }
  const cases = [
    ['small', { url: '/livez', headers: encoding }],
    ['refused', { url: '/nothing', headers: encoding }],
    ['an assign of many addresses', { method: 'POST', url: '/ipam/v1/assign', payload: wish, headers: encoding }],
    ['a report that grows', { url: '/ipam/v1/check', headers: encoding }],
    ['no header', { url: '/openapi.json' }],
    ['another encoding', { url: '/openapi.json', headers: { 'accept-encoding': 'identity' } }],
    ['gzip not wanted', { url: '/openapi.json', headers: { 'accept-encoding': 'gzip;q=0, identity' } }],
    ['only the head', { method: 'HEAD', url: '/openapi.json', headers: encoding }],
  ] as const
  for (const [name, request] of cases) t.equal((await app.inject(request)).headers['content-encoding'], undefined, name)
  const { headers } = await app.inject({ url: '/docs/static/swagger-ui.css', headers: encoding })
  const known = { ...encoding, 'if-none-match': String(headers['etag']) }
  t.match(await app.inject({ url: '/docs/static/swagger-ui.css', headers: known }), { statusCode: 304, body: '' })
})
