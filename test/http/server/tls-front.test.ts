import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type ClientHttp2Session, connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2'
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
  }
}

function optionsFor(client?: CertificateFiles): ConnectionOptions {
  const shown = client && { cert: readFileSync(client.certificate), key: readFileSync(client.key) }
  return { ca: authority.pem, servername: 'localhost', ...shown }
}

/** A connection of HTTP/1.1. */
async function openHttp1(t: Test, port: number, client?: CertificateFiles): Promise<{ get(path: string): Promise<number> }> {
  const socket = connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['http/1.1'], ...optionsFor(client) })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  const received = collect(socket)
  return {
    get: async (path) => {
      const before = received.text.length
      socket.write(rawRequest('GET', path))
      const head = await until('an answer', () => /^HTTP\/1.1 (\d+)[^]*\r\n\r\n[^]/.exec(received.text.slice(before)) ?? undefined)
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
