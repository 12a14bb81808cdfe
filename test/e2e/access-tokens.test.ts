import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findKubectls, kubectlFor } from '../support/kubectl.ts'
import { EtcdKeys } from '../support/etcd-keys.ts'
import { startEtcd, temporaryFolder } from '../support/etcd.ts'
import { type Answer, HttpClient } from '../support/http-client.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { certificate, startTls } from '../support/tls-front.ts'
import { until } from '../support/until.ts'

t.setTimeout(280_000)

const path = '/apis/ippoold.io/v1/accesstokens'
const whoami = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
const adminToken = 'the-token-of-the-first-admin'
const userToken = 'the-token-of-some-user'

interface Rig {
  readonly servers: readonly TestServer[]
  readonly keys: EtcdKeys
  /** Calls a server with a token. */
  call(server: number, token: string | undefined, ...request: Parameters<HttpClient['call']>): Promise<Answer>
  restart(server: number, signal: NodeJS.Signals): Promise<void>
}

/** Servers on one etcd that know an admin and a user by a token file. */
async function rig(t: Test, count: number): Promise<Rig> {
  const etcd = await startEtcd(t)
  const tokenFile = join(await temporaryFolder(t), 'tokens.csv')
  await writeFile(tokenFile, `${adminToken},root,1,ippoold:admins\n${userToken},alice,2,"blue,green"\n`)
  const env = { ETCD_ENDPOINTS: etcd.endpoint, IPPOOLD_TOKEN_FILE: tokenFile }
  const start = (): Promise<TestServer> => startServer(t, { env })
  const servers = await Promise.all(Array.from({ length: count }, start))
  const clients = servers.map(({ url }) => new HttpClient(t, url))
  const call: Rig['call'] = async (server, token, method, target, body, type) => {
    const client = clients[server]
    if (client === undefined) throw new Error('there is no such server')
    return client.call(method, target, body, type, token === undefined ? {} : { authorization: `Bearer ${token}` })
  }
  const restart: Rig['restart'] = async (server, signal) => {
    await servers[server]?.stop(signal)
    const started = await start()
    servers[server] = started
    clients[server] = new HttpClient(t, started.url)
  }
  return { servers, keys: new EtcdKeys(t, etcd.endpoint), call, restart }
}

function tokenOf(name: string, spec: object): object {
  return { apiVersion: 'ippoold.io/v1', kind: 'AccessToken', metadata: { name }, spec }
}

function secretIn({ body }: Answer): string {
  const { token } = (body['status'] ?? {}) as { readonly token?: string }
  return token ?? ''
}

t.test('an access token is used on every server, and ends within a second when it is deleted', async (t) => {
  const { call, keys, restart, servers } = await rig(t, 2)
  const created = await call(0, adminToken, 'POST', path, tokenOf('ci', { user: 'ci', groups: ['blue'] }))
  t.equal(created.status, 201)
  const secret = secretIn(created)
  t.match(secret, /^ippoold_[0-9A-Za-z]{49}$/)
  await until('the other server knows it', async () => {
    const { status } = await call(1, secret, 'POST', whoami, {})
    return status === 201 ? true : undefined
  })
  const { body } = await call(1, secret, 'POST', whoami, {})
  t.match(body, {
    kind: 'SelfSubjectReview',
    status: {
      userInfo: {
        username: 'ci',
        groups: ['blue', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/credential-id': ['AccessToken=ci'] },
      },
    },
  })

  await until('the last use is told', async () => {
    const { body } = await call(0, adminToken, 'GET', `${path}/ci`)
    const { lastUsedAt } = body['status'] as { readonly lastUsedAt?: string }
    return lastUsedAt
  })
  const shown = [
    await call(0, adminToken, 'GET', `${path}/ci`),
    await call(0, adminToken, 'GET', path),
    await call(
      0,
      adminToken,
      'PATCH',
      `${path}/ci`,
      { metadata: { labels: { a: 'b' } } },
      'application/merge-patch+json',
    ),
  ]
  const watching = `${servers[0]?.url ?? ''}${path}?watch=true&timeoutSeconds=1&resourceVersion=1`
  const watched = await fetch(watching, { headers: { authorization: `Bearer ${adminToken}` } })
  const told = await watched.text()
  t.match(told, '"type":"ADDED"')
  t.notMatch(told, secret)
  for (const answer of shown) {
    t.notMatch(JSON.stringify(answer.body), secret, 'the secret is shown once')
    t.notMatch(JSON.stringify(answer.body), '"token":')
  }
  t.notMatch(JSON.stringify(await keys.dump('/')), secret, 'nor is it stored')
  t.match(JSON.stringify(await keys.dump('/')), 'tokenSHA256')
  for (const server of servers) t.notMatch(server.output(), secret, 'nor logged')

  await restart(1, 'SIGKILL')
  t.equal((await call(1, secret, 'POST', whoami, {})).status, 201, 'it outlives the server')

  t.equal((await call(0, adminToken, 'DELETE', `${path}/ci`)).status, 200)
  t.equal((await call(0, secret, 'POST', whoami, {})).status, 401)
  const deletedAt = Date.now()
  await until('the other server refuses it', async () => {
    const { status } = await call(1, secret, 'POST', whoami, {})
    return status === 401 ? true : undefined
  })
  t.ok(Date.now() - deletedAt < 1_000)
  const refused = await call(1, secret, 'POST', whoami, {})
  t.equal(
    refused.headers['www-authenticate'],
    'Bearer realm="ippoold", error="invalid_token", error_description="The token is not known."',
  )
})

t.test('an access token expires, and gives no rights that its maker has not', async (t) => {
  const { call } = await rig(t, 1)
  const soon = new Date(Date.now() + 1_500).toISOString()
  const short = secretIn(await call(0, adminToken, 'POST', path, tokenOf('short', { user: 'ci', expiresAt: soon })))
  t.equal((await call(0, short, 'POST', whoami, {})).status, 201)
  const refused = await until('it expires', async () => {
    const answer = await call(0, short, 'POST', whoami, {})
    return answer.status === 401 ? answer : undefined
  })
  t.match(refused.body, { reason: 'Unauthorized', message: 'The token has expired.' })

  const later = { spec: { expiresAt: '2099-01-01T00:00:00Z' } }
  const merge = 'application/merge-patch+json'
  t.match(await call(0, adminToken, 'PATCH', `${path}/short`, later, merge), {
    status: 422,
    body: { message: /may only be made earlier/ },
  })
  const other = { spec: { groups: ['ippoold:admins'] } }
  t.match(await call(0, adminToken, 'PATCH', `${path}/short`, other, merge), {
    status: 422,
    body: { message: /cannot be changed/ },
  })
  const forged = { status: { tokenSHA256: '0'.repeat(64) } }
  t.match(await call(0, adminToken, 'PATCH', `${path}/short/status`, forged, merge), { status: 404 })
  await call(0, adminToken, 'PATCH', `${path}/short`, forged, merge)
  t.notMatch((await call(0, adminToken, 'GET', `${path}/short`)).body, forged, 'nobody chooses a hash')

  const dry = await call(0, adminToken, 'POST', `${path}?dryRun=All`, tokenOf('dry', { user: 'ci' }))
  t.equal(dry.status, 201)
  t.equal(dry.body['status'], undefined, 'a dry run makes no secret')
  t.equal((await call(0, adminToken, 'GET', `${path}/dry`)).status, 404)

  t.match(await call(0, userToken, 'POST', path, tokenOf('mine', { user: 'alice' })), { status: 403 })
  t.match(await call(0, userToken, 'POST', whoami, {}), { status: 201, body: { status: { userInfo: { uid: '2' } } } })
  t.match(await call(0, undefined, 'GET', path), { status: 401 })
  t.match(await call(0, undefined, 'GET', '/livez'), { status: 200 })
})

t.test('kubectl makes access tokens, and calls with them', async (t) => {
  const { servers } = await rig(t, 1)
  const [server] = servers
  // kubectl sends no credentials without TLS.
  const url = await startTls(t, new URL(server?.url ?? ''))
  for (const binary of await findKubectls()) {
    const kubectl = await kubectlFor(t, url, binary)
    const trusting = ['--certificate-authority', certificate('authority.pem')]
    const asAdmin = [...trusting, '--token', adminToken]
    const name = `of-${binary.minor}`
    const input = JSON.stringify(tokenOf(name, { user: 'ci', groups: ['ippoold:admins'] }))
    const secret = await kubectl.print([...asAdmin, 'create', '-f', '-', '-o', 'jsonpath={.status.token}'], { input })
    t.match(secret, /^ippoold_/)
    t.match(
      await kubectl.print([...trusting, '--token', secret, 'get', 'accesstokens', name]),
      /ci +ippoold:admins +Never/,
    )
    if (binary.minor >= 28)
      t.match(await kubectl.print([...trusting, '--token', secret, 'auth', 'whoami']), /Username +ci/)
    const { stderr, code } = await kubectl.run([...trusting, '--token', 'wrong', 'get', 'ippools'])
    t.match([code, stderr], [1, /logged in|Unauthorized|not known/])
    const applied = JSON.stringify(tokenOf(`${name}-applied`, { user: 'ci' }))
    const apply = [...asAdmin, 'apply', '--server-side', '-f', '-', '-o', 'jsonpath={.status.token}']
    t.match(await kubectl.print(apply, { input: applied }), /^ippoold_/)
    t.equal(await kubectl.print(apply, { input: applied }), '', 'once')
    const clientSide = JSON.stringify(tokenOf(`${name}-client`, { user: 'ci' }))
    t.match(
      await kubectl.print([...asAdmin, 'apply', '-f', '-', '-o', 'jsonpath={.status.token}'], { input: clientSide }),
      /^ippoold_/,
    )
    await kubectl.print([...asAdmin, 'delete', 'accesstoken', name])
    t.equal((await kubectl.run([...trusting, '--token', secret, 'get', 'ippools'])).code, 1)
  }
})
