import t from 'tap'
import { startServer } from '../server-in-memory.ts'

const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'

/** Who may call a server that has this name. */
const callersOf = (name: string) => ({ hosts: { listening: 'localhost', allowed: [name] }, allowedOrigins: [] })

t.test('a person who opens the server reads what it is, how it does, and where to go on', async (t) => {
  const { app, store } = startServer(t, { version: '1.2.3', callers: callersOf('pools.example') })
  const open = () => app.inject({ url: '/', headers: { accept: browser, host: 'pools.example:8080' } })
  const page = await open()
  t.match(page, { statusCode: 200, headers: { 'content-type': 'text/html; charset=utf-8' } })
  t.match(page.body, /<title>ippoold<\/title>[^]*Ready[^]*version 1\.2\.3/)
  t.match(page.body, 'kubectl --server=http://pools.example:8080 get ippools')
  const links = [...page.body.matchAll(/ href="(\/[^"]*)"/g)].map(([, link = '']) => link)
  t.ok(links.includes('/docs') && links.length > 4)
  for (const link of links) t.match(await app.inject(link), { statusCode: 200 }, link)

  store.state = { ready: false, checks: [{ name: 'etcd', ok: false, message: 'does not answer <b>' }] }
  t.match((await open()).body, /Not ready[^]*etcd: does not answer &#60;b&#62;/, 'and what is wrong')
})

t.test('the page runs no script and loads nothing', async (t) => {
  const { app } = startServer(t)
  const { body, headers } = await app.inject({ url: '/', headers: { accept: browser } })
  t.notMatch(body, /<script| on\w+=| (src|href)="(?!\/|data:)/i)
  const policy = String(headers['content-security-policy'])
  t.match(policy, /^default-src 'none'; style-src 'sha256-[\w+/]+=*'; img-src data:; /)
  t.notMatch(policy, /unsafe|script/)
  t.match(headers, { 'x-content-type-options': 'nosniff', vary: /accept/ })
})

t.test('no host that could be more than a name in the page is served', async (t) => {
  const { app } = startServer(t, { callers: callersOf('*') })
  const headers = { accept: browser, host: '"><script>alert(1)</script>' }
  t.match(await app.inject({ url: '/', headers }), { statusCode: 400 })
})

t.test('programs that ask for no page get the paths in JSON, as from Kubernetes', async (t) => {
  const { call } = startServer(t)
  for (const accept of [
    '*/*',
    'application/json',
    'application/json, */*',
    undefined,
    'text/html;q=0.1, application/json',
  ]) {
    const headers = accept === undefined ? {} : { accept }
    t.match(
      await call('GET', '/', undefined, headers),
      { status: 200, headers: { 'content-type': /^application\/json/ }, body: { paths: ['/api', '/apis'] } },
      String(accept),
    )
  }
  const { paths } = (await call('GET', '/')).body as { paths: readonly string[] }
  for (const path of paths) t.match(await call('GET', path), { status: 200 }, path)
  t.match(await call('GET', '/', undefined, { accept: 'image/png' }), {
    status: 406,
    body: { reason: 'NotAcceptable' },
  })
  t.match(await call('POST', '/'), { status: 405 })
})
