import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { Etcd3 } from 'etcd3'
import t, { type Test } from 'tap'
import { startEtcd } from '../support/etcd.ts'
import { runToEnd, startServer } from '../support/server.ts'

// Every test starts processes, and most of them wait until the server gives up. So cases run side by side.
t.jobs = 2
t.setTimeout(280_000)

/** Certificates of a server and of a client, signed by the same authority; they are good for a hundred years. */
const file = (name: string): string => fileURLToPath(new URL(`../support/certificates/${name}`, import.meta.url))

const client = { ETCD_CERT_FILE: file('client.pem'), ETCD_KEY_FILE: file('client.key') }

/** An etcd that speaks TLS, and only with who shows a certificate of the authority. Gives its URL with the name `host`. */
async function startSecureEtcd(t: Test, etcd: URL, host = 'localhost'): Promise<string> {
  const options = {
    ALPNProtocols: ['h2'],
    ca: readFileSync(file('authority.pem')),
    cert: readFileSync(file('server.pem')),
    key: readFileSync(file('server.key')),
    requestCert: true,
    rejectUnauthorized: true,
  }
  const server = createServer(options, (outside) => {
    const inside = connect(Number(etcd.port), etcd.hostname)
    outside.pipe(inside).pipe(outside)
    outside.on('error', () => inside.destroy())
    inside.on('error', () => outside.destroy())
    t.teardown(() => outside.destroy())
  })
  server.listen(0, host === 'localhost' ? '127.0.0.1' : host)
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `https://${host}:${(server.address() as AddressInfo).port}`
}

t.test('the client certificate is shown to an etcd that asks for one', async (t) => {
  const ETCD_ENDPOINTS = await startSecureEtcd(t, new URL((await startEtcd(t)).endpoint))
  const cases = [
    { name: 'with an authority of its own', env: { ETCD_ENDPOINTS, ETCD_CA_CERT_FILE: file('authority.pem') } },
    {
      name: 'with the authorities that Node.js trusts',
      env: { ETCD_ENDPOINTS, NODE_EXTRA_CA_CERTS: file('authority.pem'), GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: '' },
    },
    {
      name: 'whatever the case of the scheme',
      env: { ETCD_ENDPOINTS: ETCD_ENDPOINTS.replace('https', 'HTTPS'), ETCD_CA_CERT_FILE: file('authority.pem') },
    },
  ]
  const check = async ({ name, env }: (typeof cases)[number]): Promise<void> => {
    const server = await startServer(t, { env: { ...env, ...client } })
    t.equal((await fetch(`${server.url}/readyz`)).status, 200, name)
    t.equal((await server.stop()).code, 0)
  }
  await Promise.all(cases.map(check))
})

t.test('a start tells what is wrong between it and etcd, and which setting mends it', async (t) => {
  const { endpoint } = await startEtcd(t)
  const ETCD_ENDPOINTS = await startSecureEtcd(t, new URL(endpoint))
  const elsewhere = await startSecureEtcd(t, new URL(endpoint), '127.0.0.2')
  const trusted = { ETCD_CA_CERT_FILE: file('authority.pem') }
  const cases = [
    {
      name: 'no client certificate',
      env: { ETCD_ENDPOINTS, ...trusted },
      told: /asks for a client certificate.*Set ETCD_CERT_FILE and ETCD_KEY_FILE/,
    },
    {
      name: 'no authority',
      env: { ETCD_ENDPOINTS, ...client },
      told: /not signed by a CA that this server trusts.*Set ETCD_CA_CERT_FILE/,
    },
    {
      name: 'the wrong authority',
      env: { ETCD_ENDPOINTS, ETCD_CA_CERT_FILE: file('client.pem'), ...client },
      told: /not signed by a CA that this server trusts.*Set ETCD_CA_CERT_FILE/,
    },
    {
      name: 'another host',
      env: { ETCD_ENDPOINTS: elsewhere, ...trusted, ...client },
      told: /certificate is for another host.*In ETCD_ENDPOINTS/,
    },
    {
      name: 'http for https',
      env: { ETCD_ENDPOINTS: ETCD_ENDPOINTS.replace('https', 'http') },
      told: /In ETCD_ENDPOINTS, write https:\/\/ if/,
    },
    {
      name: 'https for http',
      env: { ETCD_ENDPOINTS: endpoint.replace('http', 'https'), ...trusted },
      told: /In ETCD_ENDPOINTS, write https:\/\/ if.*and http:\/\/ if/,
    },
    { name: 'nobody there', env: { ETCD_ENDPOINTS: 'http://127.0.0.1:1' }, told: /ECONNREFUSED 127.0.0.1:1/ },
    { name: 'a name that is none', env: { ETCD_ENDPOINTS: 'http://etcd.invalid:1' }, told: /Name resolution failed/ },
  ]
  const check = async ({ name, env, told }: (typeof cases)[number]): Promise<void> => {
    const { code, output } = await runToEnd({ env })
    t.equal(code, 1, name)
    t.match(output, `The etcd at ${env.ETCD_ENDPOINTS} cannot be used`, name)
    t.match(output, told, name)
    if (told.source.includes('ETCD_')) t.notMatch(output, 'Try again', name)
  }
  await Promise.all(cases.map(check))
})

t.test('files that are no certificates, or do not belong together, are bad settings', async (t) => {
  const ETCD_ENDPOINTS = 'https://127.0.0.1:1'
  const notPem = fileURLToPath(import.meta.url)
  const cases = [
    { env: { ETCD_CA_CERT_FILE: notPem }, told: 'ETCD_CA_CERT_FILE: cannot be used' },
    { env: { ...client, ETCD_CERT_FILE: notPem }, told: 'ETCD_CERT_FILE, ETCD_KEY_FILE: cannot be used' },
    { env: { ...client, ETCD_KEY_FILE: notPem }, told: 'ETCD_CERT_FILE, ETCD_KEY_FILE: cannot be used' },
    { env: { ...client, ETCD_KEY_FILE: file('server.key') }, told: 'ETCD_CERT_FILE, ETCD_KEY_FILE: cannot be used' },
  ]
  const check = async ({ env, told }: (typeof cases)[number]): Promise<void> => {
    const { code, output } = await runToEnd({ env: { ETCD_ENDPOINTS, ...env } })
    t.equal(code, 2, output)
    t.match(output, told)
  }
  await Promise.all(cases.map(check))
})

t.test('a start tells that etcd refuses, and why', async (t) => {
  const { endpoint } = await startEtcd(t)
  const client = new Etcd3({ hosts: endpoint })
  t.teardown(() => client.close())
  const root = await client.user('root').create('secret')
  await root.addRole((await client.role('root').create()).name)
  await client.auth.authEnable()
  const cases = [
    {
      name: 'a wrong password',
      endpoint,
      env: { ETCD_USERNAME: 'root', ETCD_PASSWORD: 'guessed' },
      told: /does not accept the user or the password.*Correct ETCD_USERNAME and ETCD_PASSWORD/,
    },
    { name: 'no user', endpoint, env: {}, told: /asks for a user.*Set ETCD_USERNAME and ETCD_PASSWORD/ },
    {
      name: 'a user for an etcd without users',
      endpoint: (await startEtcd(t)).endpoint,
      env: { ETCD_USERNAME: 'root', ETCD_PASSWORD: 'guessed' },
      told: /knows no users.*Remove ETCD_USERNAME and ETCD_PASSWORD/,
    },
  ]
  const check = async ({ name, endpoint, env, told }: (typeof cases)[number]): Promise<void> => {
    const { code, output } = await runToEnd({ env: { ETCD_ENDPOINTS: endpoint, ...env } })
    t.equal(code, 1, name)
    t.match(output, told, name)
    t.match(output, 'etcdserver: ', name)
    t.notMatch(output, 'guessed', name)
  }
  await Promise.all(cases.map(check))
})
