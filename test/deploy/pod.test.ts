import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Agent, request } from 'undici'
import { manifestsIn } from '../../scripts/manifests.ts'
import { freePorts } from '../../src/embedded-etcd/ports.ts'
import { Authority } from '../support/authority.ts'
import { startEtcd, temporaryFolder } from '../support/etcd.ts'
import { startServer } from '../support/server.ts'
import { containerOf, deploymentIn } from './manifests.ts'

/** A real server with the settings, the files and the probes of the pods. */

const manifest = readFileSync(new URL('../../deploy/kustomize/base/ippoold.yaml', import.meta.url), 'utf8')
const skip = spawnSync('openssl', ['version']).error !== undefined && 'there is no openssl'

t.test('a server with the settings of the pods serves by the names of the Service', { skip }, async (t) => {
  const container = containerOf(deploymentIn(manifestsIn(manifest)))
  const files = await temporaryFolder(t)
  for (const name of ['tls', 'tokens']) mkdirSync(join(files, name))
  const authority = await Authority.create(t)
  const { certificate, key } = await authority.sign({ name: 'ippoold', hosts: ['DNS:ippoold.ippoold.svc'] })
  copyFileSync(certificate, join(files, 'tls', 'tls.crt'))
  copyFileSync(key, join(files, 'tls', 'tls.key'))
  writeFileSync(join(files, 'tokens', 'tokens.csv'), 'the-token-of-root,root,1,ippoold:admins\n')
  const { endpoint } = await startEtcd(t)
  const [healthPort = 0] = await freePorts(1)
  const settings = container.env.map(({ name, value = '' }) => [name, value.replace(/^\/etc\/ippoold/, files)] as const)
  const own = {
    IPPOOLD_HOST: '0.0.0.0',
    IPPOOLD_PORT: '0',
    IPPOOLD_HEALTH_PORT: String(healthPort),
    IPPOOLD_DRAIN_MS: '0',
  }
  // This etcd has no TLS.
  const ofEtcd = { ETCD_ENDPOINTS: endpoint, ETCD_CA_CERT_FILE: '', ETCD_CERT_FILE: '', ETCD_KEY_FILE: '' }
  const server = await startServer(t, { env: { ...Object.fromEntries(settings), ...own, ...ofEtcd } })

  // The certificate has one name only, so that the others are not allowed because of it.
  const checkServerIdentity = () => undefined
  const dispatcher = new Agent({ connect: { ca: authority.pem, checkServerIdentity } })
  t.teardown(() => dispatcher.close())
  const { port } = new URL(server.url)
  const statusOf = async (host: string, headers: Readonly<Record<string, string>> = {}) => {
    const sent = { ...headers, host: `${host}:8080` }
    const { statusCode, body } = await request(`https://127.0.0.1:${port}/metrics`, { dispatcher, headers: sent })
    await body.dump()
    return statusCode
  }
  const root = { authorization: 'Bearer the-token-of-root' }
  for (const host of ['ippoold', 'ippoold.ippoold.svc', 'ippoold.ippoold.svc.cluster.local', '127.0.0.1']) {
    t.equal(await statusOf(host, root), 200, host)
  }
  t.equal(await statusOf('elsewhere.example.org', root), 421)
  t.equal(await statusOf('ippoold'), 401, 'without a token')

  const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe]
  for (const { httpGet } of probes) {
    t.equal(httpGet.port, 'health')
    t.equal((await fetch(`http://127.0.0.1:${healthPort}${httpGet.path}`)).status, 200, httpGet.path)
  }
})
