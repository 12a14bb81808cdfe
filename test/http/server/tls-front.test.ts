import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type ClientHttp2Session, connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2'
import { connect } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { type Credentials, openGate } from '../../../src/access/index.ts'
import { Listeners, TlsFront } from '../../../src/http/index.ts'
import { Authority, type CertificateFiles } from '../../support/authority.ts'
import { rawRequest } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'
import { startServer } from '../server-in-memory.ts'

const authority = await Authority.create(t)
const clients = await Authority.create(t, 'CA of clients')
const others = await Authority.create(t, 'CA of others')
const own = await authority.sign({ name: 'server', hosts: ['DNS:localhost', 'DNS:ipam.example.org', 'IP:127.0.0.1'] })

interface TestFront {
  readonly tls: TlsFront
  readonly port: number
  readonly app: ReturnType<typeof startServer>['app']
  /** What the gatekeeper was shown, by the path of the request. */
  readonly shown: Map<string, Credentials['certificate']>
}

/** A server with TLS that asks clients for certificates of `clients`. */
async function start(t: Test): Promise<TestFront> {
  const tls = new TlsFront(materialOf(own, clients))
  const listeners = new Listeners(tls)
  const shown = new Map<string, Credentials['certificate']>()
  let latest: Credentials['certificate']
  const { app } = startServer(t, {
    listeners,
    gatekeeper: {
      ...openGate,
      identify: (credentials) => {
        latest = credentials.certificate
        return openGate.identify(credentials)
      },
    },
    callers: {
      hosts: { listening: 'localhost', allowed: [], isCertified: (host) => tls.isFor(host) },
      allowedOrigins: [],
    },
  })
  app.addHook('onResponse', (request, _reply, done) => {
    shown.set(request.url, latest)
    done()
  })
  const url = await listeners.open(app, { host: '127.0.0.1', port: 0, backlog: 128 })
  t.match(url, /^https:/)
  return { tls, port: Number(new URL(url).port), app, shown }
}

function materialOf({ certificate, key }: CertificateFiles, ca?: Authority) {
  return {
    certificate: readFileSync(certificate),
    key: readFileSync(key),
    clientCa: ca === undefined ? undefined : Buffer.from(ca.pem),
    clientCrl: undefined,
  }
}

function optionsFor(client?: CertificateFiles): ConnectionOptions {
  const shown = client && { cert: readFileSync(client.certificate), key: readFileSync(client.key) }
  return { ca: authority.pem, servername: 'localhost', ...shown }
}

/** A connection of HTTP/1.1. */
async function openHttp1(
  t: Test,
  port: number,
  client?: CertificateFiles,
): Promise<{ get(path: string): Promise<number> }> {
  const socket = connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['http/1.1'], ...optionsFor(client) })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  const received = collect(socket)
  return {
    get: async (path) => {
      const before = received.text.length
      socket.write(rawRequest('GET', path))
      const head = await until(
        'an answer',
        () => /^HTTP\/1.1 (\d+)[^]*\r\n\r\n[^]/.exec(received.text.slice(before)) ?? undefined,
      )
      return Number(head[1])
    },
  }
}

function collect(socket: TLSSocket): { text: string } {
  const received = { text: '' }
  socket.on('data', (chunk: Buffer) => {
    received.text += chunk.toString()
  })
  return received
}

function openHttp2(t: Test, port: number, client?: CertificateFiles): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${port}`, optionsFor(client))
  session.on('error', () => undefined)
  t.teardown(() => session.destroy())
  return session
}

interface Answer {
  readonly status: number | undefined
  readonly body: string
}

async function send(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string): Promise<Answer> {
  const stream = session.request({ ':authority': 'localhost', ...headers }, { endStream: body === undefined })
  const answer: { status: number | undefined; body: string } = { status: undefined, body: '' }
  stream.on('response', (head) => {
    answer.status = head[':status']
  })
  stream.setEncoding('utf8').on('data', (text: string) => {
    answer.body += text
  })
  if (body !== undefined) stream.end(body)
  await once(stream, 'close')
  return answer
}

t.test('the gatekeeper gets what is in a client certificate that is valid, over HTTP/1.1 and HTTP/2', async (t) => {
  const { port, shown } = await start(t)
  const past = new Date(Date.now() - 60_000)
  const rows: [name: string, client: CertificateFiles | undefined, wanted: object | undefined][] = [
    [
      'valid',
      await clients.sign({ name: 'alice', organizations: ['blue', 'ippoold:admins'] }),
      { commonNames: ['alice'], organizations: ['blue', 'ippoold:admins'] },
    ],
    ['no-group', await clients.sign({ name: 'bob' }), { commonNames: ['bob'], organizations: [] }],
    ['expired', await clients.sign({ name: 'alice', endsAt: past }), undefined],
    ['of-another-ca', await others.sign({ name: 'alice' }), undefined],
    ['of-a-server', own, undefined],
    ['none', undefined, undefined],
  ]
  for (const [name, client, wanted] of rows) {
    const http1 = await openHttp1(t, port, client)
    t.equal(await http1.get(`/ipam/v1/handles/${name}-1`), 404, 'a client without a valid certificate is not cut off')
    t.match(shown.get(`/ipam/v1/handles/${name}-1`), wanted, `${name}, HTTP/1.1`)
    const http2 = openHttp2(t, port, client)
    t.equal((await send(http2, { ':path': `/ipam/v1/handles/${name}-2` })).status, 404)
    t.match(shown.get(`/ipam/v1/handles/${name}-2`), wanted, `${name}, HTTP/2`)
  }
})

t.test(
  'a client certificate counts until it expires or its CA is trusted no more, also on open connections',
  async (t) => {
    const { tls, port, shown } = await start(t)
    const endsAt = new Date(Date.now() + 4_000)
    const lasting = openHttp2(t, port, await clients.sign({ name: 'lasting' }))
    const ending = await openHttp1(t, port, await clients.sign({ name: 'ending', endsAt }))
    const shownBy = async (path: string, send: () => Promise<unknown>): Promise<readonly string[] | undefined> => {
      await send()
      const certificate = await until('the request has ended', () =>
        shown.has(path) ? { is: shown.get(path) } : undefined,
      )
      shown.delete(path)
      return certificate.is?.commonNames
    }
    const byEnding = () => shownBy('/ipam/v1/handles/e', () => ending.get('/ipam/v1/handles/e'))
    const byLasting = () => shownBy('/ipam/v1/handles/l', () => send(lasting, { ':path': '/ipam/v1/handles/l' }))
    t.strictSame(await byEnding(), ['ending'])
    await until('it has expired', () => Date.now() > endsAt.getTime() || undefined)
    t.equal(await byEnding(), undefined)

    t.strictSame(await byLasting(), ['lasting'])
    tls.renew({ ...materialOf(own), clientCa: Buffer.from(`${others.pem}${clients.pem}`) })
    t.strictSame(await byLasting(), ['lasting'], 'a CA that stays')
    tls.renew(materialOf(own, others))
    t.equal(await byLasting(), undefined, 'a CA that was removed')
    const next = openHttp2(t, port, await others.sign({ name: 'next' }))
    const byNext = () => shownBy('/ipam/v1/handles/n', () => send(next, { ':path': '/ipam/v1/handles/n' }))
    t.strictSame(await byNext(), ['next'], 'a CA that was added')
  },
)

t.test('HTTP/2 is answered as HTTP/1.1 is', async (t) => {
  const { port } = await start(t)
  const session = openHttp2(t, port)
  const json = { 'content-type': 'application/json' }
  const pool = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    metadata: { name: 'p' },
    spec: { cidr: '10.2.0.0/24' },
  }
  const post = { ':method': 'POST', ':path': '/apis/projectcalico.org/v3/ippools' }
  const of = (path: string, method = 'GET') => ({ ':method': method, ':path': path })
  const rows: [claim: string, headers: OutgoingHttpHeaders, body: string | undefined, status: number][] = [
    ['a body whose length is not announced', { ...post, ...json }, JSON.stringify(pool), 201],
    ['a body without a type', post, JSON.stringify(pool), 415],
    [
      'a body of a DELETE',
      { ...of(`${post[':path']}/p`, 'DELETE'), ...json },
      '{"preconditions":{"uid":"other"}}',
      409,
    ],
    ['a body that is too long', { ...post, ...json }, 'x'.repeat(2 * 1024 * 1024), 413],
    ['an expectation', { ...of('/livez'), expect: 'the-unexpected' }, undefined, 200],
    ['leave to send the body', { ...post, ...json, expect: '100-continue' }, '{', 400],
    ['HEAD', of('/livez', 'HEAD'), undefined, 200],
    ['no such path', of('/nothing'), undefined, 404],
    ['a path that cannot be read', of('/%zz'), undefined, 400],
    ['a host of the certificate', { ...of('/livez'), ':authority': 'ipam.example.org:443' }, undefined, 200],
    ['a foreign host', { ...of('/livez'), ':authority': 'evil.example' }, undefined, 421],
    ['the same host twice', { ...of('/livez'), host: 'localhost' }, undefined, 200],
    ['two hosts', { ...of('/livez'), host: '127.0.0.1' }, undefined, 400],
    ['a foreign page', { ...post, ...json, origin: 'https://evil.example' }, '{}', 403],
  ]
  for (const [claim, headers, body, status] of rows) {
    const answer = await send(session, headers, body)
    t.equal(answer.status, status, `${claim}: ${answer.body.slice(0, 200)}`)
    if (status >= 400) t.match(JSON.parse(answer.body), { kind: 'Status', code: status }, claim)
  }
})

t.test('a request of HTTP/2 that does not arrive whole in time is refused', async (t) => {
  const { app, port } = await start(t)
  app.server.requestTimeout = 200
  const session = openHttp2(t, port)
  const head = {
    ':method': 'POST',
    ':path': '/ipam/v1/assign',
    ':authority': 'localhost',
    'content-type': 'application/json',
  }
  const stream = session.request(head, { endStream: false })
  stream.on('error', () => undefined)
  stream.write('{')
  const [answer] = (await once(stream, 'response')) as [{ ':status': number }]
  t.equal(answer[':status'], 408)
  stream.resume()
  await once(stream, 'close')
  t.equal((await send(session, { ':path': '/livez' })).status, 200, 'the connection stays')
})

t.test('streams that are reset at once leave nothing behind, and too many of them end the connection', async (t) => {
  const { app, port } = await start(t)
  const session = openHttp2(t, port)
  let isClosed = false
  session.once('close', () => {
    isClosed = true
  })
  for (let count = 0; count < 5_000 && !session.closed; count++) {
    const stream = session.request({ ':path': '/ipam/v1/handles/a', ':authority': 'localhost' })
    stream.on('error', () => undefined)
    stream.close()
    if (count % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
  }
  await until('the connection is closed', () => isClosed || undefined)
  t.equal((await send(openHttp2(t, port), { ':path': '/ipam/v1/handles/a' })).status, 404)
  await app.close()
})

t.test('HTTP without TLS is told to use https', async (t) => {
  const { port } = await start(t)
  const answer = await fetch(`http://127.0.0.1:${port}/livez`)
  t.equal(answer.status, 400)
  t.match(await answer.json(), { kind: 'Status', reason: 'BadRequest', message: /write https:/ })
})

t.test(
  'a stop answers what has arrived, and closes connections that do nothing or have not agreed on keys',
  async (t) => {
    const { app, port } = await start(t)
    const session = openHttp2(t, port)
    t.equal((await send(session, { ':path': '/livez' })).status, 200)
    const http1 = await openHttp1(t, port)
    t.equal(await http1.get('/livez'), 200)
    const silent = connect({ port, host: '127.0.0.1' })
    await once(silent, 'connect')
    const goaway = once(session, 'goaway')
    const late = send(session, { ':path': '/ipam/v1/handles/a' })
    const begin = performance.now()
    await app.close()
    t.ok(performance.now() - begin < 4_000)
    await goaway
    t.match((await late).status, /404|503/)
    t.ok(session.closed)
  },
)
