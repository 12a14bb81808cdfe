import t from 'tap'
import type { Caller, Credentials } from '../../src/access/index.ts'
import { AccessTokenIndex } from '../../src/authentication/access-token-index.ts'
import { type Authenticators, identifyBy } from '../../src/authentication/gatekeeper.ts'
import { hashOf, newSecret, SecretTable } from '../../src/authentication/secrets.ts'
import { Throttle } from '../../src/authentication/throttle.ts'

const all = 'system:authenticated'
const secret = newSecret()
const expired = newSecret()
const fileToken = 'a-token-of-the-file'

function rig(changes: Partial<Authenticators> = {}) {
  const users = new SecretTable<Caller>()
  users.set(hashOf(fileToken), { user: 'alice', uid: '1', groups: ['blue'] })
  const used: string[] = []
  const tokens = new Map([
    [secret.hash, { name: 'ci', expiresAt: 2_000_000_000n }],
    [expired.hash, { name: 'old', expiresAt: 1_000_000_000n }],
  ])
  const identify = identifyBy({
    tokenFile: () => users,
    jsonWebTokens: () => undefined,
    accessTokens: {
      index: {
        find: (hash) => {
          const found = tokens.get(hash)
          return found && { ...found, uid: 'u', user: 'robot', groups: ['green'], lastUsedAt: undefined }
        },
        onEnd: () => () => undefined,
      },
      isComplete: () => true,
      noteUse: ({ name }) => used.push(name),
    },
    isAnonymousAllowed: () => false,
    throttle: new Throttle(() => 0),
    now: () => 1_000,
    ...changes,
  })
  const ask = async (credentials: Partial<Credentials>) =>
    identify({ authorization: undefined, certificate: undefined, address: '192.0.2.1', ...credentials })
  return { ask, used }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const certificate = (commonNames: readonly string[], organizations: readonly string[] = []) => ({
  certificate: { commonNames, organizations },
})

t.test('each credential tells the user and the groups', async (t) => {
  const { ask, used } = rig()
  const cases = [
    [bearer(fileToken), { user: 'alice', uid: '1', groups: ['blue', all] }],
    [bearer(secret.text), { user: 'robot', groups: ['green', all], credentialId: 'AccessToken=ci' }],
    [certificate(['bob'], ['ippoold:admins']), { user: 'bob', groups: ['ippoold:admins', all] }],
    [
      { ...certificate(['bob']), ...bearer(fileToken) },
      { user: 'bob', groups: [all] },
    ],
    [
      { ...certificate(['bob']), ...bearer('wrong') },
      { user: 'bob', groups: [all] },
    ],
    [
      { ...certificate([]), ...bearer(fileToken) },
      { user: 'alice', uid: '1', groups: ['blue', all] },
    ],
  ] as const
  for (const [credentials, caller] of cases) {
    const { onEnd, ...told } = { onEnd: undefined, ...(await ask(credentials)) }
    t.strictSame(told, { ok: true, caller }, JSON.stringify(credentials))
    t.equal(onEnd !== undefined, 'credentialId' in caller, 'of the end of an AccessToken one hears')
  }
  t.strictSame(used, ['ci'])
})

t.test('a credential that is wrong is told why, without repeating it', async (t) => {
  const mistyped = `${secret.text.slice(0, 20)}${secret.text[20] === 'a' ? 'b' : 'a'}${secret.text.slice(21)}`
  const cases = [
    [bearer('wrong-credential'), 'wrong', /^The token is not known\.$/],
    [bearer(expired.text), 'wrong', /^The token has expired\.$/],
    [bearer(newSecret().text), 'wrong', /^The token is not known\.$/],
    [bearer(mistyped), 'wrong', /damaged/],
    [{ authorization: 'Basic YTpi' }, 'wrong', /must be "Bearer"/],
    [certificate([], ['blue']), 'wrong', /one common name/],
    [certificate(['a', 'b']), 'wrong', /one common name/],
    [{}, 'missing', /credential is needed/],
  ] as const
  for (const isAnonymousAllowed of [false, true]) {
    for (const [credentials, reason, problem] of cases) {
      const { ask, used } = rig({ isAnonymousAllowed: () => isAnonymousAllowed })
      const told = await ask(credentials)
      const name = JSON.stringify(credentials)
      if (reason === 'missing' && isAnonymousAllowed) {
        const caller = { user: 'system:anonymous', groups: ['system:unauthenticated'] }
        t.strictSame(told, { ok: true, caller })
        continue
      }
      t.match(told, { ok: false, reason, problem }, name)
      t.notMatch(JSON.stringify(told), /wrong-credential|YTpi|ippoold_/, name)
      t.strictSame(used, [], 'it counts as no use')
    }
  }
})

t.test('guessing is slowed down, and locks out nobody who has a credential that cannot be guessed', async (t) => {
  const { ask } = rig()
  t.match(await ask(bearer(fileToken)), { ok: true })
  for (let attempt = 0; attempt < 20; attempt += 1) {
    t.match(await ask(bearer(`guess-${attempt}`)), { ok: false, reason: 'wrong' })
  }
  t.match(await ask(bearer('guess')), { ok: false, reason: 'throttled', retryAfterSeconds: 1 })
  t.match(await ask(bearer(fileToken)), { ok: true }, 'it was let in from this address before')
  t.match(await ask(bearer(secret.text)), { ok: true }, 'nobody can guess it')
  t.match(await ask(certificate(['bob'])), { ok: true })
  t.match(await ask({}), { ok: false, reason: 'missing' }, 'no credential is no attempt')
  t.match(await ask({ ...bearer('guess'), address: '192.0.2.2' }), { ok: false, reason: 'wrong' })
})

t.test('while the server starts, it does not call a token unknown', async (t) => {
  const starting = { index: new AccessTokenIndex(), isComplete: () => false, noteUse: () => undefined }
  const { ask } = rig({ accessTokens: starting })
  t.match(await ask(bearer(secret.text)), { ok: false, reason: 'unavailable', retryAfterSeconds: 5 })
  t.match(await ask(bearer('wrong')), { ok: false, reason: 'wrong' })
  t.match(await ask(bearer(fileToken)), { ok: true })
})

t.test('a way that is not switched on lets nobody in', async (t) => {
  const { ask } = rig({ accessTokens: undefined, tokenFile: () => undefined })
  for (const token of [secret.text, fileToken]) t.match(await ask(bearer(token)), { ok: false, reason: 'wrong' })
})
