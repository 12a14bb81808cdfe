import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { stringify } from 'yaml'
import { startEtcd, temporaryFolder } from '../support/etcd.ts'
import { type Answer, HttpClient } from '../support/http-client.ts'
import { newKey, startIssuer } from '../support/issuer.ts'
import { findKubectls, kubectlFor } from '../support/kubectl.ts'
import { runToEnd, startServer } from '../support/server.ts'
import { until } from '../support/until.ts'

t.setTimeout(280_000)

const whoami = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
const file = (name: string): string => fileURLToPath(new URL(`../support/certificates/${name}`, import.meta.url))

function userIn({ body }: Answer): unknown {
  const { userInfo } = (body['status'] ?? {}) as { readonly userInfo?: { readonly username?: string } }
  return userInfo?.username
}

t.test('a token file that changes counts without a restart, and a bad one does not', async (t) => {
  const etcd = await startEtcd(t)
  const tokenFile = join(await temporaryFolder(t), 'tokens.csv')
  await writeFile(tokenFile, 'the-first-token-of-alice,alice,1,"ippoold:admins"\n')
  const env = { ETCD_ENDPOINTS: etcd.endpoint, IPPOOLD_TOKEN_FILE: tokenFile }
  const server = await startServer(t, { env })
  const client = new HttpClient(t, server.url)
  const ask = (token: string) => client.call('POST', whoami, {}, undefined, { authorization: `Bearer ${token}` })
  t.equal(userIn(await ask('the-first-token-of-alice')), 'alice')
  t.equal((await ask('the-second-token-of-alice')).status, 401)
  await writeFile(tokenFile, 'the-second-token-of-alice,alice,1\n')
  await until('the new token counts', async () =>
    (await ask('the-second-token-of-alice')).status === 201 ? true : undefined,
  )
  t.equal((await ask('the-first-token-of-alice')).status, 401)
  await writeFile(tokenFile, '"the-third-token-of-alice,alice\n')
  await until('the bad file is told', () => (server.output().includes('its old content stays') ? true : undefined))
  t.equal((await ask('the-second-token-of-alice')).status, 201)
  t.notMatch(server.output(), /the-(first|second|third)-token/)
  const rights = await client.call('GET', '/ipam/v1/addresses', undefined, undefined, {
    authorization: 'Bearer the-second-token-of-alice',
  })
  t.equal(rights.status, 403, 'what she may do changed with it')
})

t.test('tokens of an issuer are accepted by a configuration, and callers without one where it says so', async (t) => {
  const issuer = await startIssuer(t)
  const etcd = await startEtcd(t)
  const path = join(await temporaryFolder(t), 'authentication.yaml')
  const configuration = (changes: object = {}): string =>
    stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      jwt: [
        {
          issuer: { url: issuer.url, certificateAuthority: issuer.authority, audiences: ['ippoold'] },
          claimMappings: { username: { claim: 'sub', prefix: 'corp:' }, groups: { claim: 'groups', prefix: '' } },
        },
      ],
      ...changes,
    })
  await writeFile(path, configuration())
  const server = await startServer(t, { env: { ETCD_ENDPOINTS: etcd.endpoint, IPPOOLD_AUTH_CONFIG_FILE: path } })
  const client = new HttpClient(t, server.url)
  const ask = (token?: string) =>
    client.call('POST', whoami, {}, undefined, token === undefined ? {} : { authorization: `Bearer ${token}` })
  const token = await issuer.sign({ groups: ['blue', 'ippoold:admins'] })
  t.match((await ask(token)).body, {
    status: { userInfo: { username: 'corp:alice', groups: ['blue', 'system:authenticated'] } },
  })
  const foreign = await issuer.sign({}, { key: await newKey('first') })
  const refused = await ask(foreign)
  t.equal(refused.status, 401)
  t.match(
    refused.headers['www-authenticate'],
    /error="invalid_token", error_description="The signature of the token is wrong."/,
  )
  const none = await ask()
  t.equal(none.status, 401)
  t.equal(none.headers['www-authenticate'], 'Bearer realm="ippoold"', 'no error is told of who shows nothing')
  await issuer.close()
  t.equal(userIn(await ask(token)), 'corp:alice', 'the issuer may be down')

  await writeFile(path, configuration({ anonymous: { enabled: true } }))
  await until('callers without a credential are let in', async () => ((await ask()).status === 201 ? true : undefined))
  t.equal(userIn(await ask()), 'system:anonymous')
  t.equal((await ask(foreign)).status, 401, 'a wrong credential is refused all the same')
  t.equal(userIn(await ask(token)), 'corp:alice', 'the keys of the issuer are kept, although it is down')
  t.notMatch(server.output(), token)
})

t.test('guessing is answered 429 after a while', async (t) => {
  const etcd = await startEtcd(t)
  const env = { ETCD_ENDPOINTS: etcd.endpoint, IPPOOLD_ACCESS_TOKENS: 'true', IPPOOLD_ANONYMOUS: 'true' }
  const server = await startServer(t, { env })
  const client = new HttpClient(t, server.url)
  const guesses = await Promise.all(
    Array.from({ length: 40 }, (_, guess) =>
      client.call('POST', whoami, {}, undefined, { authorization: `Bearer guess-${guess}` }),
    ),
  )
  const slowed = guesses.filter(({ status }) => status === 429)
  t.ok(slowed.length >= 10, `${slowed.length} of 40`)
  t.match(slowed[0], { headers: { 'retry-after': /^[1-9]$/ }, body: { reason: 'TooManyRequests' } })
  t.equal((await client.call('POST', whoami, {})).status, 201)
})

t.test('kubectl shows a client certificate', async (t) => {
  const folder = await temporaryFolder(t)
  const run = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
  }
  run(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '1',
    '-subj',
    '/CN=people',
  )
  run(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'bob.key',
    '-out',
    'bob.csr',
    '-subj',
    '/O=ippoold:admins/O=blue/CN=bob',
  )
  run(
    'x509',
    '-req',
    '-in',
    'bob.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-out',
    'bob.pem',
    '-days',
    '1',
  )
  const etcd = await startEtcd(t)
  const server = await startServer(t, {
    env: {
      ETCD_ENDPOINTS: etcd.endpoint,
      IPPOOLD_TLS_CERT_FILE: file('server.pem'),
      IPPOOLD_TLS_KEY_FILE: file('server.key'),
      IPPOOLD_CLIENT_CA_FILE: join(folder, 'ca.pem'),
      NODE_EXTRA_CA_CERTS: file('authority.pem'),
    },
    isReadyAwaited: false,
  })
  const url = server.url.replace('127.0.0.1', 'localhost')
  for (const binary of await findKubectls()) {
    const kubectl = await kubectlFor(t, url, binary)
    const trusting = ['--certificate-authority', file('authority.pem')]
    const asBob = [
      ...trusting,
      '--client-certificate',
      join(folder, 'bob.pem'),
      '--client-key',
      join(folder, 'bob.key'),
    ]
    await until('the server is ready', async () =>
      (await kubectl.run([...asBob, 'get', 'ippools'])).code === 0 ? true : undefined,
    )
    if (binary.minor >= 28) {
      t.match(
        await kubectl.print([...asBob, 'auth', 'whoami']),
        /Username +bob\nGroups +\[ippoold:admins blue system:authenticated\]/,
      )
    }
    t.match(await kubectl.run([...trusting, 'get', 'ippools']), { code: 1 })
  }
})

t.test('files that cannot be used prevent the start, and are named', async (t) => {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'file')
  await writeFile(path, 'token,user\n')
  const cases = [
    [{ IPPOOLD_TOKEN_FILE: path }, /IPPOOLD_TOKEN_FILE: .* cannot be used \(line 1: a record has at least/],
    [{ IPPOOLD_TOKEN_FILE: join(folder, 'none') }, /IPPOOLD_TOKEN_FILE: .* cannot be used \(ENOENT/],
    [{ IPPOOLD_AUTH_CONFIG_FILE: path }, /IPPOOLD_AUTH_CONFIG_FILE: .* cannot be used \(must be an object/],
  ] as const
  for (const [env, told] of cases) {
    const { code, output } = await runToEnd({ env: { ETCD_ENDPOINTS: 'http://127.0.0.1:1', ...env } })
    t.equal(code, 2)
    t.match(output, told)
  }
})
