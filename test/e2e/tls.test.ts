import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { Pool } from 'undici'
import { Authority, type CertificateFiles } from '../support/authority.ts'
import { startEtcd, temporaryFolder } from '../support/etcd.ts'
import { poolOf, poolsPath } from '../support/ippoold.ts'
import { findKubectls, kubectlFor } from '../support/kubectl.ts'
import { runToEnd, startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

t.setTimeout(280_000)

const authority = await Authority.create(t)
const { endpoint } = await startEtcd(t)
const hosts = ['DNS:localhost', 'DNS:ipam.example.org', 'IP:127.0.0.1']
const server = await authority.sign({ name: 'server', hosts })

/** A server with TLS; `files` are its certificate and key. */
async function start(
  t: Test,
  files: CertificateFiles,
  env: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  return startServer(t, { env: { ETCD_ENDPOINTS: endpoint, ...tlsOf(files), ...env } })
}

function tlsOf({ certificate, key }: CertificateFiles): Record<string, string> {
  return { IPPOOLD_TLS_CERT_FILE: certificate, IPPOOLD_TLS_KEY_FILE: key }
}

/** Copies of the files of a certificate, which a test may replace. */
async function copyOf(
  t: Test,
  files: CertificateFiles,
): Promise<CertificateFiles & { write(files: CertificateFiles): Promise<void> }> {
  const folder = await temporaryFolder(t)
  const copy = { certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }
  const write = async ({ certificate, key }: CertificateFiles): Promise<void> => {
    await copyFile(certificate, copy.certificate)
    await copyFile(key, copy.key)
  }
  await write(files)
  return { ...copy, write }
}

async function curl(...args: readonly string[]): Promise<{ stdout: string; stderr: string; code: number }> {
  try {
    return { ...(await promisify(execFile)('curl', ['-sS', '--cacert', authority.file, ...args])), code: 0 }
  } catch (error) {
    return error as { stdout: string; stderr: string; code: number }
  }
}

/** The serial number of the certificate that the server shows to a new connection. */
async function serialOf(url: string): Promise<string> {
  const socket = connect({
    port: Number(new URL(url).port),
    host: '127.0.0.1',
    ca: authority.pem,
    servername: 'localhost',
  })
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

async function serialIn({ certificate }: CertificateFiles): Promise<string> {
  const { stdout } = await promisify(execFile)('openssl', ['x509', '-in', certificate, '-noout', '-serial'])
  return stdout.trim().replace('serial=', '')
}

t.test('one port speaks TLS 1.2 and 1.3, HTTP/1.1 and HTTP/2, and nothing older', async (t) => {
  // Without the page of the UI, a browser gets the start page at `/`.
  const { url } = await start(t, server, { IPPOOLD_UI: 'false' })
  t.match(url, /^https:/)
  const rows: [args: readonly string[], wanted: string][] = [
    [['--http1.1'], '200 1.1'],
    [['--http2'], '200 2'],
    [['--http2', '--tls-max', '1.2'], '200 2'],
    [['--http1.1', '--tls-max', '1.2'], '200 1.1'],
    [['--no-alpn'], '200 1.1'],
    [['--http2', '--tlsv1.3'], '200 2'],
  ]
  for (const [args, wanted] of rows) {
    const { stdout } = await curl(...args, `${url}/readyz`, '-o', '/dev/null', '-w', '%{http_code} %{http_version}')
    t.equal(stdout, wanted, args.join(' '))
  }
  for (const args of [
    ['--tls-max', '1.1'],
    ['--tls-max', '1.2', '--ciphers', 'AES128-SHA'],
  ])
    t.equal((await curl(...args, `${url}/readyz`)).code, 35, args.join(' '))
  const page = await curl('--http2', `${url}/`, '-H', 'accept: text/html')
  t.match(page.stdout, `kubectl --server=${url}`)
  t.match(
    await curl(
      '--http2',
      '--resolve',
      `ipam.example.org:${new URL(url).port}:127.0.0.1`,
      url.replace('127.0.0.1', 'ipam.example.org') + '/livez',
    ),
    {
      stdout: /"ok"/,
    },
  )
  t.match(JSON.parse((await curl(`${url}/version`)).stdout), { missingProtections: [] })
})

t.test('files that cannot be used stop the start, each with its setting', async (t) => {
  const folder = await temporaryFolder(t)
  const other = await authority.sign({ name: 'other', hosts })
  const file = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content)
    return join(folder, name)
  }
  const pem = await readFile(server.certificate, 'utf8')
  const garbage = await file('garbage', 'no PEM')
  const half = await file('half', pem.slice(0, pem.length / 2))
  const locked = join(folder, 'locked')
  await promisify(execFile)('openssl', ['pkey', '-in', server.key, '-aes256', '-passout', 'pass:x', '-out', locked])
  const missing = join(folder, 'missing')
  const ca = { IPPOOLD_CLIENT_CA_FILE: authority.file }
  const list = await authority.revoke([])
  const halfList = await file('half-list', list.slice(0, list.length / 2))
  // Another CA of the same name.
  const strange = await file('strange', await (await Authority.create(t)).revoke([]))
  const [certificate, key] = ['IPPOOLD_TLS_CERT_FILE', 'IPPOOLD_TLS_KEY_FILE']
  const rows: [env: Readonly<Record<string, string>>, told: RegExp][] = [
    [{ [certificate]: missing }, /IPPOOLD_TLS_CERT_FILE: .*missing cannot be read \(ENOENT/],
    [{ [certificate]: garbage }, /IPPOOLD_TLS_CERT_FILE: .*garbage cannot be used \(there is no certificate in it\)/],
    [{ [certificate]: half }, /IPPOOLD_TLS_CERT_FILE: .*half cannot be used/],
    [{ [key]: missing }, /IPPOOLD_TLS_KEY_FILE: .*missing cannot be read/],
    [{ [key]: garbage }, /IPPOOLD_TLS_KEY_FILE: .*garbage cannot be used \(there is no private key in it\)/],
    [{ [key]: locked }, /IPPOOLD_TLS_KEY_FILE: .*locked cannot be used \(the key is encrypted with a passphrase\)/],
    [{ [key]: other.key }, /IPPOOLD_TLS_CERT_FILE, IPPOOLD_TLS_KEY_FILE: the key in .* is not that of/],
    [{ IPPOOLD_CLIENT_CA_FILE: garbage }, /IPPOOLD_CLIENT_CA_FILE: .*garbage cannot be used/],
    [{ ...ca, IPPOOLD_CLIENT_CRL_FILE: missing }, /IPPOOLD_CLIENT_CRL_FILE: .*missing cannot be read/],
    [{ ...ca, IPPOOLD_CLIENT_CRL_FILE: garbage }, /IPPOOLD_CLIENT_CRL_FILE: .*there is no revocation list in it/],
    [{ ...ca, IPPOOLD_CLIENT_CRL_FILE: halfList }, /IPPOOLD_CLIENT_CRL_FILE: .*half-list cannot be used/],
    [
      { ...ca, IPPOOLD_CLIENT_CRL_FILE: strange },
      /IPPOOLD_CLIENT_CRL_FILE: .*is not signed by a CA of IPPOOLD_CLIENT_CA/,
    ],
  ]
  for (const [env, told] of rows) {
    const { code, output } = await runToEnd({ env: { ...tlsOf(server), ...env } })
    t.equal(code, 2, output)
    t.match(output, told)
    t.notMatch(output, 'BEGIN')
  }
})

t.test(
  'renewed files are used without a failed call or a dropped connection; bad ones are reported and not used',
  async (t) => {
    const files = await copyOf(t, server)
    const { url, output } = await start(t, files)
    const pools = [false, true].map(
      (allowH2) => new Pool(url, { connections: 8, allowH2, connect: { ca: authority.pem } }),
    )
    const session = connectHttp2(url, { ca: authority.pem })
    let isDropped = false
    session.once('close', () => {
      isDropped = true
    })
    const watched = watch(session)
    let isOver = false
    const failures: unknown[] = []
    let calls = 0
    const load = pools.flatMap((pool) =>
      Array.from({ length: 4 }, async () => {
        while (!isOver) {
          try {
            const { statusCode, body } = await pool.request({ method: 'GET', path: '/ipam/v1/handles/nobody' })
            await body.dump()
            if (statusCode !== 404) failures.push(statusCode)
            calls += 1
          } catch (error) {
            failures.push(error)
          }
        }
      }),
    )
    t.equal(await serialOf(url), await serialIn(server))
    let current = server
    const errors = (): number => output().split('cannot be used; the ones before stay').length - 1
    for (let round = 0; round < 2; round++) {
      const next = await authority.sign({ name: `server-${round}`, hosts })
      await files.write(next)
      const serial = await serialIn(next)
      await until('the renewed certificate is used', async () => (await serialOf(url)) === serial || undefined)
      t.match(output(), new RegExp(`"serialNumber":"${serial}".*the files for TLS were renewed`))
      current = next
      const stranger = await authority.sign({ name: 'stranger', hosts })
      const expired = await authority.sign({ name: 'expired', hosts, endsAt: new Date(Date.now() - 60_000) })
      const pem = await readFile(stranger.certificate, 'utf8')
      const bad: [told: string, make: () => Promise<unknown>][] = [
        ['is not that of', () => copyFile(stranger.certificate, files.certificate)],
        ['there is no certificate', () => writeFile(files.certificate, 'rubbish')],
        ['cannot be used', () => writeFile(files.certificate, pem.slice(0, -100))],
        ['cannot be read', () => rm(files.key)],
        ['has expired', () => files.write(expired)],
      ]
      for (const [told, make] of round === 0 ? bad : []) {
        const before = errors()
        await files.write(current)
        await make()
        await until(`it is reported: ${told}`, () => errors() > before || undefined)
        t.match(
          output()
            .split('\n')
            .findLast((line) => line.includes('stay in use')),
          told,
        )
        t.equal(await serialOf(url), serial, 'the certificate before is still used')
      }
      await files.write(current)
    }
    isOver = true
    await Promise.all(load)
    t.strictSame(failures, [])
    t.ok(calls > 100, `${calls} calls`)
    t.notOk(isDropped)
    await pools[0]?.request({
      method: 'POST',
      path: poolsPath,
      body: JSON.stringify(poolOf('renewed', { cidr: '10.7.0.0/24' })),
      headers: { 'content-type': 'application/json' },
    })
    await until('the watch goes on', () => watched().includes('"renewed"') || undefined)
    session.destroy()
    await Promise.all(pools.map((pool) => pool.destroy()))
  },
)

/** Watches pools over HTTP/2; returns what has come so far. */
function watch(session: ClientHttp2Session): () => string {
  const stream = session.request({ ':path': `${poolsPath}?watch=true` })
  let received = ''
  stream.setEncoding('utf8').on('data', (text: string) => {
    received += text
  })
  return () => received
}

t.test('a secret that Kubernetes renews by swapping a symbolic link is taken over', async (t) => {
  const folder = await temporaryFolder(t)
  const swap = async (version: string, { certificate, key }: CertificateFiles): Promise<void> => {
    await mkdir(join(folder, version))
    await copyFile(certificate, join(folder, version, 'tls.crt'))
    await copyFile(key, join(folder, version, 'tls.key'))
    await symlink(version, join(folder, '..data_tmp'))
    await rename(join(folder, '..data_tmp'), join(folder, '..data'))
  }
  await swap('..1', server)
  for (const name of ['tls.crt', 'tls.key']) await symlink(join('..data', name), join(folder, name))
  const { url } = await start(t, { certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key') })
  const next = await authority.sign({ name: 'next', hosts })
  await swap('..2', next)
  await rm(join(folder, '..1'), { recursive: true })
  const serial = await serialIn(next)
  await until('it is used', async () => (await serialOf(url)) === serial || undefined)
})

t.test('a certificate that ends soon, or has ended, is told at the start', async (t) => {
  const dayMs = 24 * 3_600_000
  const rows: [days: number, told: RegExp | undefined][] = [
    [29, /"level":40.*expires soon/],
    [31, undefined],
    [-1, /"level":50.*has expired/],
  ]
  for (const [days, told] of rows) {
    const files = await authority.sign({ name: 'server', hosts, endsAt: new Date(Date.now() + days * dayMs) })
    const { output } = await start(t, files)
    if (told === undefined) t.notMatch(output(), /expire/)
    else t.match(output(), told)
  }
})

t.test('a client certificate that is revoked lets nobody in, also over a connection that is open', async (t) => {
  const folder = await temporaryFolder(t)
  const [casFile, listsFile] = [join(folder, 'cas'), join(folder, 'lists')]
  const other = await Authority.create(t, 'another CA of clients')
  // A list counts for each certificate of the CA that signed it.
  await writeFile(casFile, `${await authority.renew()}${authority.pem}${other.pem}`)
  const sign = (by: Authority, name: string) => by.sign({ name, organizations: ['ippoold:admins'] })
  const [alice, bob, carol] = [await sign(authority, 'alice'), await sign(authority, 'bob'), await sign(other, 'carol')]
  await writeFile(listsFile, `${await authority.revoke([alice])}${await other.revoke([], 1)}`)
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  const env = { IPPOOLD_CLIENT_CA_FILE: casFile, IPPOOLD_CLIENT_CRL_FILE: listsFile }
  const { url, output } = await start(t, server, env)
  t.match(output(), /a list of revoked certificates is out of date/)
  const poolOfClient = async ({ certificate, key }: CertificateFiles): Promise<Pool> => {
    const [cert, secret] = await Promise.all([readFile(certificate), readFile(key)])
    const pool = new Pool(url, { connections: 1, connect: { ca: authority.pem, cert, key: secret } })
    t.teardown(() => pool.destroy())
    return pool
  }
  const clients = await Promise.all([alice, bob, carol].map(poolOfClient))
  const statuses = (): Promise<readonly number[]> =>
    Promise.all(
      clients.map(async (client) => {
        const { statusCode, body } = await client.request({ method: 'GET', path: poolsPath })
        await body.dump()
        return statusCode
      }),
    )
  t.strictSame(await statuses(), [401, 200, 200], 'a list that is out of date counts')
  await writeFile(listsFile, `${await authority.revoke([bob])}${await other.revoke([])}`)
  await until('bob is revoked', async () => (await statuses())[1] === 401 || undefined)
  await writeFile(listsFile, 'rubbish')
  await until('it is reported', () => output().includes('there is no revocation list in it') || undefined)
  t.strictSame(await statuses(), [401, 401, 200])
  await writeFile(listsFile, await other.revoke([carol]))
  await until('carol is revoked', async () => (await statuses())[2] === 401 || undefined)
  t.strictSame(await statuses(), [200, 200, 401], 'without a list, nothing is revoked')
})

t.test('kubectl reads, writes and watches over TLS, with a client certificate', async (t) => {
  const { url } = await start(t, server, { IPPOOLD_CLIENT_CA_FILE: authority.file })
  const alice = await authority.sign({ name: 'alice', organizations: ['ippoold:admins'] })
  for (const binary of await findKubectls()) {
    const kubectl = await kubectlFor(t, url, binary)
    const trust = [`--certificate-authority=${authority.file}`]
    const shown = [...trust, `--client-certificate=${alice.certificate}`, `--client-key=${alice.key}`]
    const name = `k-${binary.minor}`
    const watching = kubectl.start([...shown, 'get', 'ippools', '-o', 'name', '--watch'])
    let seen = ''
    watching.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    const pool = JSON.stringify(poolOf(name, { cidr: `10.6.${binary.minor}.0/24` }))
    await kubectl.print([...shown, 'apply', '-f', '-'], { input: pool })
    t.match(await kubectl.print([...shown, 'get', 'ippools']), name, binary.version)
    await until('the watch tells it', () => seen.includes(name) || undefined)
    watching.kill('SIGKILL')
    await kubectl.print([...shown, 'delete', 'ippool', name])
    t.not((await kubectl.run(['--token=x', 'get', 'ippools'])).code, 0, 'without the CA, the server is not trusted')
  }
})

t.test('SIGTERM: a request of HTTP/2 is answered, a watch ends, and the connection closes', async (t) => {
  const running = await start(t, server)
  const session = connectHttp2(running.url, { ca: authority.pem })
  const json = { ':path': '/ipam/v1/release', ':method': 'POST', 'content-type': 'application/json' }
  const half = session.request(json, { endStream: false })
  half.write('{"addresses":')
  const watched = session.request({ ':path': `${poolsPath}?watch=true` })
  await once(watched, 'response')
  const [ended, goaway, answered] = [once(watched.resume(), 'end'), once(session, 'goaway'), once(half, 'response')]
  const stopped = running.stop()
  await Promise.all([ended, goaway])
  half.end('["10.99.0.1"]}')
  const [answer] = (await answered) as [{ ':status': number }]
  t.equal(answer[':status'], 200)
  half.resume()
  t.strictSame(await stopped, { code: 0, signal: null })
  session.destroy()
})

t.test('a server without TLS and authentication that others can reach says so', async (t) => {
  const env = { IPPOOLD_HOST: '0.0.0.0', IPPOOLD_INSECURE_HTTP: 'true', IPPOOLD_INSECURE_NO_AUTH: 'true' }
  const { url, output } = await startServer(t, { env: { ETCD_ENDPOINTS: endpoint, ...env } })
  t.match(await (await fetch(`${url}/version`)).json(), { missingProtections: ['tls', 'authentication'] })
  for (const name of ['IPPOOLD_INSECURE_HTTP', 'IPPOOLD_INSECURE_NO_AUTH'])
    t.match(output(), new RegExp(`"level":40.*${name}`))
  const { code } = await runToEnd({ env: { IPPOOLD_HOST: '0.0.0.0' } })
  t.equal(code, 2)
})
