import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { Authentication } from '../../../src/authentication/index.ts'
import { findPageFiles } from '../../../src/http/index.ts'
import { temporaryFolder } from '../../support/etcd.ts'
import { startIssuer, type TestIssuer } from '../../support/issuer.ts'
import { until } from '../../support/until.ts'
import { causesOf, startServer } from '../server-in-memory.ts'

const grant = { code: 'the-code', codeVerifier: 'the-verifier', redirectUri: 'http://localhost:80/ui/' }
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** A server on which people sign in at this issuer, as a client of this name. */
async function startWithIssuer(t: Test, issuer: TestIssuer, clientId: string | undefined = 'ippoold') {
  const folder = await temporaryFolder(t)
  writeFileSync(join(folder, 'index.html'), '<!doctype html>')
  const configurationFile = join(folder, 'authentication.yaml')
  const configuration = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt: [
      {
        issuer: { url: issuer.url, certificateAuthority: issuer.authority, audiences: ['ippoold'] },
        claimMappings: { username: { claim: 'sub', prefix: '' } },
      },
    ],
  }
  writeFileSync(configurationFile, stringify(configuration))
  const authentication = await Authentication.open(
    {
      configurationFile,
      tokenFile: undefined,
      acceptsAccessTokens: false,
      acceptsCertificates: false,
      allowsAnonymous: undefined,
    },
    silent,
  )
  t.teardown(() => authentication.close())
  const files = findPageFiles(folder)
  if (files === undefined) throw new Error('the page is not found')
  return startServer(t, { page: { files, signIn: authentication.signIn(clientId, 'openid groups') } })
}

t.test('the page is told where to sign in, and the server gets the token for it', async (t) => {
  const issuer = await startIssuer(t)
  const forms: Record<string, string>[] = []
  issuer.redeem = (form) => {
    forms.push(Object.fromEntries(form))
    return { status: 200, body: { id_token: 'the-token', refresh_token: 'the-next', access_token: 'not for the page' } }
  }
  const { call } = await startWithIssuer(t, issuer)
  const told = await until('the issuer has described itself', async () => {
    const { body } = await call('GET', '/ui/config.json')
    return (body['signIn'] as { oidc: object | null }).oidc ?? undefined
  })
  t.strictSame(told, {
    issuer: issuer.url,
    clientId: 'ippoold',
    authorizationEndpoint: `${issuer.url}/authorize`,
    scopes: 'openid groups',
  })
  t.match(await call('POST', '/ui/token', grant), {
    status: 200,
    headers: { 'cache-control': 'no-store' },
    body: { idToken: 'the-token', refreshToken: 'the-next' },
  })
  t.match(await call('POST', '/ui/token', { refreshToken: 'the-next' }), { status: 200 })
  t.strictSame(forms, [
    {
      grant_type: 'authorization_code',
      code: 'the-code',
      code_verifier: 'the-verifier',
      redirect_uri: 'http://localhost:80/ui/',
      client_id: 'ippoold',
    },
    { grant_type: 'refresh_token', refresh_token: 'the-next', client_id: 'ippoold' },
  ])
})

t.test('what the provider refuses is told, and a provider that fails is no fault of the caller', async (t) => {
  const issuer = await startIssuer(t)
  let answer: { status: number; body: unknown } = { status: 400, body: { error: 'invalid_grant' } }
  issuer.redeem = () => answer
  const { call } = await startWithIssuer(t, issuer)
  await until('the issuer has described itself', async () => {
    const { body } = await call('GET', '/ui/config.json')
    return (body['signIn'] as { oidc: object | null }).oidc ?? undefined
  })
  const cases = [
    [400, { error: 'invalid_grant' }, 401, /refuses to sign you in: invalid_grant/],
    [400, { error: 'invalid_grant', error_description: 'The code has expired' }, 401, /The code has expired/],
    [200, { access_token: 'x' }, 401, /it gives no ID token/],
    [500, { error: 'server_error' }, 503, /cannot be asked at the moment/],
    [200, 'no object', 503, /cannot be asked at the moment/],
  ] as const
  for (const [status, body, expected, message] of cases) {
    answer = { status, body }
    const refused = await call('POST', '/ui/token', grant)
    t.match(refused, { status: expected, body: { message } }, JSON.stringify(body))
  }
})

t.test('only a grant for this server is passed on', async (t) => {
  const issuer = await startIssuer(t)
  let asked = 0
  issuer.redeem = () => {
    asked++
    return { status: 200, body: { id_token: 'x' } }
  }
  const { call } = await startWithIssuer(t, issuer)
  for (const redirectUri of ['http://elsewhere.example/ui/', 'http://localhost:80/other', 'no url']) {
    const refused = await call('POST', '/ui/token', { ...grant, redirectUri })
    t.strictSame([refused.status, causesOf(refused)], [400, [['redirectUri', 'FieldValueInvalid']]], redirectUri)
  }
  const { code, codeVerifier } = grant
  t.match(await call('POST', '/ui/token', { code, codeVerifier }), { status: 400 })
  t.match(await call('POST', '/ui/token', { ...grant, clientId: 'another' }), { status: 400 })
  t.equal(asked, 0)
})

t.test('no more than sixteen people are signed in at once', async (t) => {
  const issuer = await startIssuer(t)
  issuer.redeem = () => new Promise<never>(() => undefined)
  const { call } = await startWithIssuer(t, issuer)
  await until('the issuer has described itself', async () => {
    const { body } = await call('GET', '/ui/config.json')
    return (body['signIn'] as { oidc: object | null }).oidc ?? undefined
  })
  const waiting = Array.from({ length: 16 }, () => call('POST', '/ui/token', grant))
  const refused = await until('one too many is refused', async () => {
    const answer = await call('POST', '/ui/token', grant)
    return answer.status === 429 ? answer : undefined
  })
  t.match(refused.headers, { 'retry-after': '1' })
  await issuer.close()
  for (const { status } of await Promise.all(waiting)) t.equal(status, 503)
})

t.test('without a client, or with one that no issuer knows, people sign in with tokens', async (t) => {
  const issuer = await startIssuer(t)
  issuer.redeem = () => ({ status: 200, body: { id_token: 'x' } })
  for (const clientId of [undefined, 'another']) {
    const { call } = await startWithIssuer(t, issuer, clientId ?? '')
    t.match(await call('GET', '/ui/config.json'), {
      body: { signIn: { isNeeded: true, allowsAnonymous: false, oidc: null } },
    })
    t.match(await call('POST', '/ui/token', grant), { status: 401 })
  }
})
