import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliDecompressSync, brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { findPageFiles } from '../../../src/http/index.ts'
import { temporaryFolder } from '../../support/etcd.ts'
import { startServer } from '../server-in-memory.ts'

const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'
const script = `console.log(${JSON.stringify('x'.repeat(2_000))})`

/** A server with a page as Vite would have built it, and a compressed file beside the script. */
async function startWithPage(t: Test) {
  const folder = await temporaryFolder(t)
  mkdirSync(join(folder, 'assets'))
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>the page</title>')
  writeFileSync(join(folder, 'mark.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
  const path = join(folder, 'assets', 'index-a1b2c3.js')
  writeFileSync(path, script)
  writeFileSync(`${path}.br`, brotliCompressSync(script))
  writeFileSync(`${path}.gz`, gzipSync(script))
  const files = findPageFiles(folder)
  if (files === undefined) throw new Error('the page is not found')
  return startServer(t, { page: { files }, version: '1.2.3' })
}

t.test('the root leads browsers to the page, and programs to the paths', async (t) => {
  const { app } = await startWithPage(t)
  const page = await app.inject({ url: '/', headers: { accept: browser } })
  t.match(page, { statusCode: 302, headers: { location: '/ui/', vary: /accept/ } })
  t.match(await app.inject({ url: '/' }), { statusCode: 200, headers: { 'content-type': /^application\/json/ } })
  t.match(await app.inject('/ui'), { statusCode: 308, headers: { location: '/ui/' } })
})

t.test('the page is asked for each time, and not sent again while it is the same', async (t) => {
  const { app } = await startWithPage(t)
  const first = await app.inject('/ui/')
  t.match(first, { statusCode: 200, headers: { 'content-type': /^text\/html/, 'cache-control': 'no-cache' } })
  t.match(first.body, 'the page')
  const { etag } = first.headers
  t.ok(etag)
  t.match(await app.inject({ url: '/ui/', headers: { 'if-none-match': String(etag) } }), { statusCode: 304, body: '' })
  t.match(await app.inject({ method: 'HEAD', url: '/ui/' }), { statusCode: 200, body: '' })
})

t.test('files whose names tell their content are kept for ever, and sent compressed', async (t) => {
  const { app } = await startWithPage(t)
  const get = (encoding?: string) =>
    app.inject({ url: '/ui/assets/index-a1b2c3.js', ...(encoding && { headers: { 'accept-encoding': encoding } }) })
  const kept = { 'cache-control': 'public, max-age=31536000, immutable', vary: /accept-encoding/ }
  const plain = await get()
  t.match(plain, { statusCode: 200, headers: { ...kept, 'content-type': /javascript/ }, body: script })
  t.equal(plain.headers['content-encoding'], undefined)
  const brotli = await get('gzip, br')
  t.match(brotli, { statusCode: 200, headers: { ...kept, 'content-encoding': 'br', 'content-type': /javascript/ } })
  t.equal(brotliDecompressSync(brotli.rawPayload).toString(), script)
  const gzip = await get('gzip')
  t.match(gzip.headers, { ...kept, 'content-encoding': 'gzip' })
  t.equal(gunzipSync(gzip.rawPayload).toString(), script)
})

t.test('what is no file is for the page to show, but a missing script is not answered with a page', async (t) => {
  const { app } = await startWithPage(t)
  for (const path of ['pools/my.ippool-1', 'addresses/10.1.0.7', 'nothing', '../package.json', '%2e%2e/package.json']) {
    const found = await app.inject(`/ui/${path}`)
    t.notMatch(found.body, '"version"', path)
    if (!path.includes('package.json')) t.match(found, { statusCode: 200, body: /the page/ }, path)
  }
  t.match(await app.inject('/ui/mark.svg'), {
    statusCode: 200,
    headers: { 'content-type': /svg/, 'cache-control': 'no-cache' },
  })
  for (const path of ['assets/index-old.js', 'assets/', 'assets/../index.html']) {
    const { statusCode, headers } = await app.inject(`/ui/${path}`)
    t.ok(statusCode === 404 || path.includes('..'), path)
    t.notMatch(headers['cache-control'], /immutable/, path)
  }
  t.match(await app.inject({ method: 'POST', url: '/ui/nothing' }), { statusCode: 405 })
})

t.test('the page may load nothing from elsewhere, nor run a script within itself', async (t) => {
  const { app } = await startWithPage(t)
  for (const url of ['/ui/', '/ui/pools', '/ui/assets/index-a1b2c3.js']) {
    const { headers } = await app.inject(url)
    const policy = String(headers['content-security-policy'])
    t.match(policy, /^default-src 'none'; script-src 'self'; /, url)
    t.match(policy, /frame-ancestors 'none'/, url)
    t.notMatch(policy, /unsafe|https?:|\*/, url)
    t.match(headers, { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' }, url)
  }
})

t.test('without a page, there is nothing under /ui/', async (t) => {
  const { app } = startServer(t)
  for (const url of ['/ui', '/ui/', '/ui/config.json']) t.match(await app.inject(url), { statusCode: 404 }, url)
  t.equal(findPageFiles(await temporaryFolder(t)), undefined, 'a folder that has none')
})

t.test('a server that needs no credential says so, and has nobody to ask for one', async (t) => {
  const { call } = await startWithPage(t)
  t.match(await call('GET', '/ui/config.json'), {
    status: 200,
    headers: { 'cache-control': 'no-store' },
    body: { version: '1.2.3', signIn: { isNeeded: false, allowsAnonymous: true, oidc: null } },
  })
  t.match(await call('POST', '/ui/token', { refreshToken: 'x' }), { status: 401, body: { reason: 'Unauthorized' } })
})
