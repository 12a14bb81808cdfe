import t from 'tap'
import { accessTokenKey, accessTokenOf, accessTokens, isJsonObject, parseJson } from '../../src/model/index.ts'

const { text: key } = accessTokenKey('ci')
const head =
  '{"kind":"AccessToken","apiVersion":"ippoold.io/v1","metadata":{"name":"ci","uid":"5b0c6a52","creationTimestamp":"2026-11-23T03:58:00Z"}'

t.test('an access token comes back byte for byte', (t) => {
  const text = `${head},"spec":{"user":"ci","groups":["blue"],"expiresAt":"2027-01-31T00:00:00Z"},"status":{"tokenSHA256":"ab","lastUsedAt":"2026-11-23T04:00:00Z"}}`
  const decoded = accessTokens.decode(key, text)
  t.equal(key, '/ippoold/v1/accesstokens/ci')
  t.equal(decoded.ok && accessTokens.encode(decoded.value), text)
  t.match(decoded, {
    ok: true,
    value: {
      name: 'ci',
      uid: '5b0c6a52',
      user: 'ci',
      groups: ['blue'],
      expiresAt: 1_801_353_600_000_000_000n,
      hash: 'ab',
      lastUsedAt: 1_795_406_400_000_000_000n,
      isTerminating: false,
    },
  })
  const parsed = parseJson(text)
  t.strictSame(parsed.ok && isJsonObject(parsed.value) && accessTokenOf(parsed.value), decoded)
  t.end()
})

t.test('what a token does not say', (t) => {
  const bare = accessTokens.decode(key, '{"spec":{"groups":[null]}}')
  t.match(bare, {
    ok: true,
    value: { name: 'ci', uid: '', user: '', groups: [''], expiresAt: undefined, hash: '', lastUsedAt: undefined },
  })
  const going = '{"metadata":{"name":"ci","deletionTimestamp":"2026-11-23T04:00:00Z"},"spec":{}}'
  t.match(accessTokens.decode(key, going), { ok: true, value: { groups: [], isTerminating: true } })
  t.end()
})

t.test('an expiry that cannot be read makes a token unreadable, rather than valid for ever', (t) => {
  for (const spec of [
    '{"expiresAt":"tomorrow"}',
    '{"expiresAt":""}',
    '{"expiresAt":7}',
    '{"user":7}',
    '{"groups":[1]}',
  ]) {
    t.match(accessTokens.decode(key, `{"metadata":{"name":"ci"},"spec":${spec}}`), { ok: false, problem: /^spec\./ })
  }
  t.end()
})
