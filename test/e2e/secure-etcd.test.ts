import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { Etcd3 } from 'etcd3'
import t, { type Test } from 'tap'
import { startEtcd } from '../support/etcd.ts'
import { runToEnd, startServer } from '../support/server.ts'

// Every test starts processes, some of them several.
t.setTimeout(280_000)

/** Certificates of a server and of a client, signed by the same authority; they are good for a hundred years. */
const file = (name: string): string => fileURLToPath(new URL(`../support/certificates/${name}`, import.meta.url))

const client = { ETCD_CERT_FILE: file('client.pem'), ETCD_KEY_FILE: file('client.key') }

/** An etcd that speaks TLS, and only with who shows a certificate of the authority. Gives its URL. */
async function startSecureEtcd(t: Test): Promise<string> {
  const etcd = new URL((await startEtcd(t)).endpoint)
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
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `https://localhost:${(server.address() as AddressInfo).port}`
}

t.test('the client certificate is shown to an etcd that asks for one', async (t) => {
  const ETCD_ENDPOINTS = await startSecureEtcd(t)
  for (const { name, env } of [
    { name: 'with an authority of its own', env: { ETCD_ENDPOINTS, ETCD_CA_CERT_FILE: file('authority.pem') } },
    {
      name: 'with the authorities that Node.js trusts',
      env: { ETCD_ENDPOINTS, NODE_EXTRA_CA_CERTS: file('authority.pem'), GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: '' },
    },
    {
      name: 'whatever the case of the scheme',
      env: { ETCD_ENDPOINTS: ETCD_ENDPOINTS.replace('https', 'HTTPS'), ETCD_CA_CERT_FILE: file('authority.pem') },
    },
  ]) {
    const server = await startServer(t, { env: { ...env, ...client } })
    t.equal((await fetch(`${server.url}/readyz`)).status, 200, name)
    t.equal((await server.stop()).code, 0)
  }
})

t.test('a start tells what is wrong between it and etcd', async (t) => {
  const ETCD_ENDPOINTS = await startSecureEtcd(t)
  const foreign = { ETCD_ENDPOINTS, ETCD_CA_CERT_FILE: file('client.pem'), ...client }
  for (const { name, env, told } of [
    {
      name: 'no client certificate',
      env: { ETCD_ENDPOINTS, ETCD_CA_CERT_FILE: file('authority.pem') },
      told: 'No connection established',
    },
    { name: 'the wrong authority', env: foreign, told: 'certificate' },
    { name: 'nobody there', env: { ETCD_ENDPOINTS: 'http://127.0.0.1:1' }, told: 'ECONNREFUSED 127.0.0.1:1' },
    { name: 'a name that is none', env: { ETCD_ENDPOINTS: 'http://etcd.invalid:1' }, told: 'Name resolution failed' },
  ]) {
    const { code, output } = await runToEnd({ env })
    t.equal(code, 1, name)
    t.match(output, `The etcd at ${env.ETCD_ENDPOINTS} cannot be used`, name)
    t.match(output, told, name)
  }
})

t.test('files that are no certificates, or do not belong together, are bad settings', async (t) => {
  const ETCD_ENDPOINTS = 'https://127.0.0.1:1'
  const notPem = fileURLToPath(import.meta.url)
  for (const { env, told } of [
    { env: { ETCD_CA_CERT_FILE: notPem }, told: 'ETCD_CA_CERT_FILE: cannot be used' },
    { env: { ...client, ETCD_CERT_FILE: notPem }, told: 'ETCD_CERT_FILE, ETCD_KEY_FILE: cannot be used' },
    { env: { ...client, ETCD_KEY_FILE: notPem }, told: 'ETCD_CERT_FILE, ETCD_KEY_FILE: cannot be used' },
    { env: { ...client, ETCD_KEY_FILE: file('server.key') }, told: 'ETCD_CERT_FILE, ETCD_KEY_FILE: cannot be used' },
  ]) {
    const { code, output } = await runToEnd({ env: { ETCD_ENDPOINTS, ...env } })
    t.equal(code, 2, output)
    t.match(output, told)
  }
})

t.test('a start tells that etcd refuses, and why', async (t) => {
  const { endpoint } = await startEtcd(t)
  const client = new Etcd3({ hosts: endpoint })
  t.teardown(() => client.close())
  const root = await client.user('root').create('secret')
  await root.addRole((await client.role('root').create()).name)
  await client.auth.authEnable()
  for (const { name, env } of [
    { name: 'a wrong password', env: { ETCD_USERNAME: 'root', ETCD_PASSWORD: 'guessed' } },
    { name: 'no user', env: {} },
  ]) {
    const { code, output } = await runToEnd({ env: { ETCD_ENDPOINTS: endpoint, ...env } })
    t.equal(code, 1, name)
    t.match(output, /etcd refused the call.*etcdserver: /s, name)
    t.notMatch(output, 'guessed', name)
  }
})

t.test('a start tells that etcd is full, and what to do about it', async (t) => {
  const { endpoint } = await startEtcd(t)
  const maintain = async (call: string, body: object): Promise<{ header: { member_id: string } }> => {
    const response = await fetch(`${endpoint}/v3/maintenance/${call}`, { method: 'POST', body: JSON.stringify(body) })
    return (await response.json()) as { header: { member_id: string } }
  }
  const { header } = await maintain('status', {})
  await maintain('alarm', { action: 'ACTIVATE', memberID: header.member_id, alarm: 'NOSPACE' })
  const { code, output } = await runToEnd({ env: { ETCD_ENDPOINTS: endpoint } })
  t.equal(code, 1)
  t.match(output, /The database of etcd is full.*etcdctl alarm disarm/)
})
