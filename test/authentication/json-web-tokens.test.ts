import { createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { base64url, exportSPKI, importJWK } from 'jose'
import t, { type Test } from 'tap'
import type { IssuerConfiguration } from '../../src/authentication/configuration.ts'
import { Issuer, type IssuerLimits } from '../../src/authentication/issuer.ts'
import { JsonWebTokens } from '../../src/authentication/json-web-tokens.ts'
import { hashOf } from '../../src/authentication/secrets.ts'
import type { Verdict } from '../../src/authentication/verdict.ts'
import { newKey, startIssuer, type SignOptions, type TestClaims, type TestIssuer } from '../support/issuer.ts'

const quiet = { info: () => undefined, warn: () => undefined }
const limits: IssuerLimits = { timeoutMs: 300, keysFreshMs: 60_000, attemptIntervalMs: 0 }

function configurationOf(
  { url, authority }: TestIssuer,
  changes: Partial<IssuerConfiguration> = {},
): IssuerConfiguration {
  return {
    url,
    discoveryUrl: `${url}/.well-known/openid-configuration`,
    certificateAuthority: authority,
    audiences: ['ippoold'],
    mappings: {
      username: { claim: 'sub', prefix: '' },
      groups: { claim: 'groups', prefix: '' },
      uidClaim: undefined,
      required: [],
    },
    ...changes,
  }
}

interface Rig {
  readonly issuer: TestIssuer
  readonly clock: { ms: number }
  readonly tokens: JsonWebTokens
  verify(token: string): Promise<Verdict | undefined>
  verifyClaims(claims: TestClaims, options?: SignOptions): Promise<Verdict | undefined>
}

async function rig(t: Test, changes: Partial<IssuerLimits> = {}): Promise<Rig> {
  const issuer = await startIssuer(t)
  const clock = { ms: Date.now() }
  const tokens = new JsonWebTokens(
    [new Issuer(configurationOf(issuer), quiet, { ...limits, ...changes })],
    () => clock.ms,
  )
  const verify: Rig['verify'] = (token) => tokens.verify(token, hashOf(token))
  const verifyClaims: Rig['verifyClaims'] = async (claims, options) => verify(await issuer.sign(claims, options))
  return { issuer, clock, tokens, verify, verifyClaims }
}

t.test('a token of the issuer tells the user', async (t) => {
  const { verifyClaims } = await rig(t)
  t.match(await verifyClaims({ groups: ['blue'], jti: 'one' }), {
    kind: 'known',
    caller: { user: 'alice', groups: ['blue'], credentialId: 'JTI=one' },
  })
  t.match(await verifyClaims({ aud: ['another', 'ippoold'] }), { kind: 'known' })
})

t.test('times, audience and issuer count', async (t) => {
  const { verifyClaims, issuer, clock } = await rig(t)
  const now = Math.floor(clock.ms / 1_000)
  const known = { kind: 'known' }
  const refused = (problem: RegExp) => ({ kind: 'refused', problem })
  const cases = [
    [{ exp: now - 20 }, known],
    [{ exp: now - 31 }, refused(/^The token has expired\.$/)],
    [{ exp: undefined }, refused(/claim exp .* missing or not valid/)],
    [{ exp: 'soon' }, refused(/claim exp/)],
    [{ nbf: now + 20 }, known],
    [{ nbf: now + 40 }, refused(/not valid yet/)],
    [{ iat: now + 20 }, known],
    [{ iat: now + 40 }, refused(/not valid yet/)],
    [{ aud: 'another' }, refused(/another audience/)],
    [{ aud: ['another'] }, refused(/another audience/)],
    [{ aud: undefined }, refused(/another audience/)],
    [{ aud: 'ippoold ' }, refused(/another audience/)],
    [{ iss: `${issuer.url}/` }, refused(/issuer that is not trusted/)],
    [{ iss: issuer.url.toUpperCase() }, refused(/issuer that is not trusted/)],
    [{ iss: undefined }, refused(/issuer that is not trusted/)],
    [{ sub: undefined }, refused(/no claim sub/)],
    [{ sub: 'system:admin' }, refused(/reserved/)],
  ] as const
  for (const [claims, expected] of cases) t.match(await verifyClaims(claims), expected, JSON.stringify(claims))
})

t.test('what is signed otherwise is refused', async (t) => {
  const { verify, verifyClaims, issuer } = await rig(t)
  const foreign = await newKey('first')
  t.match(await verifyClaims({}, { key: foreign }), { kind: 'refused', problem: /signature of the token is wrong/ })
  t.match(await verifyClaims({}, { key: await newKey('other') }), { kind: 'refused', problem: /key that its issuer/ })

  const good = await issuer.sign({})
  const [header = '', payload = '', signature = ''] = good.split('.')
  const encode = (part: object | string): string =>
    base64url.encode(typeof part === 'string' ? part : JSON.stringify(part))
  const decoded = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
  const admin = encode({ ...decoded, sub: 'admin' })
  const unsigned = [
    `${encode({ alg: 'none' })}.${payload}.`,
    `${encode({ alg: 'None', kid: 'first' })}.${payload}.`,
    `${encode({ alg: 'none', kid: 'first' })}.${payload}.${signature}`,
    `${header}.${payload}.`,
    `${header}.${admin}.${signature}`,
    `${encode({ alg: 'ES256', kid: 'first', crit: ['x'], x: 1 })}.${payload}.${signature}`,
    // The key that the token brings itself.
    `${encode({ alg: 'ES256', jwk: foreign.publicJwk })}.${payload}.${signature}`,
  ]
  for (const token of unsigned) t.match(await verify(token), { kind: 'refused' }, token)
  for (const token of ['a.b.c', 'a.b', 'opaque', '..', `${header}.${payload}`, `${header}..${signature}`]) {
    t.equal((await verify(token))?.kind === 'known', false, token)
  }
})

t.test('the public key is no shared secret', async (t) => {
  const { verify, issuer, clock } = await rig(t)
  const rsa = await newKey('rsa', 'RS256')
  issuer.keys = [rsa]
  const publicKey = await importJWK(rsa.publicJwk, 'RS256', { extractable: true })
  const pem = publicKey instanceof Uint8Array ? '' : await exportSPKI(publicKey)
  const now = Math.floor(clock.ms / 1_000)
  const claims = base64url.encode(JSON.stringify({ iss: issuer.url, aud: 'ippoold', sub: 'admin', exp: now + 600 }))
  for (const secret of [pem, pem.trim(), JSON.stringify(rsa.publicJwk), rsa.publicJwk.n ?? '']) {
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      const body = `${base64url.encode(JSON.stringify({ alg, kid: 'rsa' }))}.${claims}`
      const signature = createHmac(alg.replace('HS', 'sha'), secret).update(body).digest('base64url')
      t.match(await verify(`${body}.${signature}`), { kind: 'refused', problem: /algorithm that is not allowed/ })
    }
  }
  // An issuer that shows a shared key would let everybody sign who can read its keys.
  const shared = {
    kty: 'oct',
    k: base64url.encode('a secret that is long enough for this'),
    kid: 'shared',
    alg: 'HS256',
  }
  issuer.behaviour = { keys: { keys: [shared] } }
  const body = `${base64url.encode(JSON.stringify({ alg: 'HS256', kid: 'shared' }))}.${claims}`
  const signature = createHmac('sha256', 'a secret that is long enough for this').update(body).digest('base64url')
  t.match(await verify(`${body}.${signature}`), { kind: 'refused' })
})

t.test('all algorithms with a public key are verified, also if the token does not name its key', async (t) => {
  const { verifyClaims, issuer } = await rig(t)
  const algorithms = ['RS256', 'PS384', 'ES256', 'ES384', 'EdDSA']
  const keys = await Promise.all(algorithms.map((alg) => newKey(alg, alg)))
  const second = await newKey('ES256-2')
  issuer.keys = [...keys, second]
  for (const key of issuer.keys) {
    for (const namesKey of [true, false]) t.match(await verifyClaims({}, { key, namesKey }), { kind: 'known' }, key.kid)
  }
  const foreign = await newKey('foreign')
  const refused = await verifyClaims({}, { key: foreign, namesKey: false })
  t.match(refused, { kind: 'refused', problem: /signature of the token is wrong/ })
})

t.test('rotated keys are fetched when a token names one, and not more often than every few seconds', async (t) => {
  const { verifyClaims, issuer } = await rig(t, { attemptIntervalMs: 500 })
  t.match(await verifyClaims({}), { kind: 'known' })
  const before = issuer.requests()
  const next = await newKey('next')
  issuer.keys = [next]
  t.match(await verifyClaims({}, { key: next }), { kind: 'refused' }, 'they were fetched a moment ago')
  t.equal(issuer.requests(), before)
  await sleep(600)
  t.match(await verifyClaims({}, { key: next }), { kind: 'known' })
  const after = issuer.requests()
  const stranger = await newKey('stranger')
  await Promise.all(Array.from({ length: 50 }, () => verifyClaims({}, { key: stranger })))
  t.equal(issuer.requests(), after, 'unknown keys do not make the server ask again and again')
})

t.test('a token that was verified is remembered until it expires, or its key is withdrawn', async (t) => {
  const { tokens, verify, issuer, clock } = await rig(t, { keysFreshMs: 50 })
  const exp = Math.floor(clock.ms / 1_000) + 100
  const token = await issuer.sign({ exp })
  t.equal(tokens.recall(hashOf(token)), undefined)
  await verify(token)
  t.match(tokens.recall(hashOf(token)), { user: 'alice' })
  clock.ms = (exp + 29) * 1_000
  t.match(tokens.recall(hashOf(token)), { user: 'alice' })
  clock.ms = (exp + 31) * 1_000
  t.equal(tokens.recall(hashOf(token)), undefined)
  t.match(await verify(token), { kind: 'refused', problem: /expired/ })

  const another = await issuer.sign({ exp: exp + 600 })
  await verify(another)
  issuer.keys = [await newKey('next')]
  await sleep(60)
  tokens.recall(hashOf(another))
  await sleep(200)
  t.equal(tokens.recall(hashOf(another)), undefined)
  t.match(await verify(another), { kind: 'refused', problem: /key that its issuer/ })
})

t.test('an issuer that is down locks out nobody whose key is known, and delays nobody else', async (t) => {
  for (const behaviour of [
    'silent',
    'failing',
    'closed',
    { keys: 'no set' },
    { description: { issuer: 'another' } },
  ] as const) {
    const good = await startIssuer(t)
    const bad = await startIssuer(t)
    const tokens = new JsonWebTokens(
      [good, bad].map((issuer) => new Issuer(configurationOf(issuer), quiet, { ...limits, keysFreshMs: 0 })),
      Date.now,
    )
    const verify = async (token: string) => tokens.verify(token, hashOf(token))
    const early = await bad.sign({})
    t.match(await verify(early), { kind: 'known' })
    if (behaviour === 'closed') await bad.close()
    else bad.behaviour = behaviour
    const name = JSON.stringify(behaviour)
    const began = performance.now()
    t.match(await verify(await bad.sign({ sub: 'bob' })), { kind: 'known', caller: { user: 'bob' } }, name)
    t.match(tokens.recall(hashOf(early)), { user: 'alice' }, name)
    t.ok(performance.now() - began < 150, `${name}: without waiting for it`)
    const unknown = await bad.sign({}, { key: await newKey('unknown') })
    const waiting = verify(unknown)
    const other = performance.now()
    t.match(await verify(await good.sign({})), { kind: 'known' }, name)
    t.ok(performance.now() - other < 150, `${name}: another issuer is not delayed`)
    t.match(await waiting, { kind: 'unavailable' }, `${name}: it may be signed with a new key`)
  }
})

t.test('if the keys were never known, nobody can tell', async (t) => {
  const { verifyClaims, issuer } = await rig(t)
  issuer.behaviour = 'silent'
  const began = performance.now()
  t.match(await verifyClaims({}), { kind: 'unavailable', problem: /cannot be fetched at the moment/ })
  t.ok(performance.now() - began < 1_000, 'the wait is bounded')
  issuer.behaviour = 'good'
  t.match(await verifyClaims({}), { kind: 'known' })
})

t.test('an issuer is believed only by its certificate', async (t) => {
  const issuer = await startIssuer(t)
  const configuration = configurationOf(issuer, { certificateAuthority: undefined })
  const problems: unknown[] = []
  const logger = { ...quiet, warn: ({ problem }: { readonly problem?: unknown }) => problems.push(problem) }
  const keys = await new Issuer(configuration, logger, limits).fetchKeys()
  t.equal(keys, undefined)
  t.match(problems, [/certificate/])
})
