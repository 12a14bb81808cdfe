import t, { type Test } from 'tap'
import { AccessTokenIndex } from '../../src/authentication/access-token-index.ts'
import { accessTokens } from '../../src/model/index.ts'

const prefix = '/ippoold/v1/accesstokens/'
const second = '2026-11-23T04:00:01Z'
const nowMs = Date.parse('2026-11-23T04:00:00Z')

/** An index with one token, and how to change it. */
function start(spec: object = {}) {
  const index = new AccessTokenIndex()
  const put = (changes: object, { name = 'ci', uid = 'u', status = {} } = {}): void => {
    const object = {
      metadata: { name, uid },
      spec: { user: 'ci', ...changes },
      status: { tokenSHA256: `hash of ${name}`, ...status },
    }
    const decoded = accessTokens.decode(`${prefix}${name}`, JSON.stringify(object))
    if (!decoded.ok) throw new Error(decoded.problem)
    index.changed(`${prefix}${name}`, { kind: 'value', value: decoded.value, revision: 1n })
  }
  put(spec)
  const token = index.find('hash of ci')
  if (token === undefined) throw new Error('the token is not found')
  const remove = (): void => {
    index.changed(`${prefix}ci`, { kind: 'absent' })
  }
  return { index, put, token, remove }
}

t.test('tokens are counted by whether they can be used', (t) => {
  const { index, put, remove } = start()
  put({ expiresAt: second }, { name: 'short' })
  const at = (seconds: number) => index.count(BigInt(nowMs + seconds * 1_000) * 1_000_000n)
  t.strictSame(at(0), { valid: 2, expired: 0 })
  t.strictSame(at(1), { valid: 1, expired: 1 })
  remove()
  t.strictSame(at(1), { valid: 0, expired: 1 })
  t.end()
})

t.test('the end of a token is told to who waits for it', (t) => {
  const ends: readonly [string, boolean, (token: ReturnType<typeof start>) => void][] = [
    ['deleted', true, ({ remove }) => remove()],
    ['to expire', true, ({ put }) => put({ expiresAt: second })],
    ['made anew', true, ({ put }) => put({}, { uid: 'v' })],
    ['used', false, ({ put }) => put({}, { status: { lastUsedAt: second } })],
    ['beside another one', false, ({ put }) => put({}, { name: 'other' })],
  ]
  for (const [name, isEnd, change] of ends) {
    const rig = start()
    let count = 0
    const forget = rig.index.onEnd(rig.token, nowMs, () => (count += 1))
    t.equal(count, 0)
    change(rig)
    t.equal(count, isEnd ? 1 : 0, name)
    forget()
    rig.remove()
    t.equal(count, isEnd ? 1 : 0, 'it is forgotten')
  }
  const { index, token, remove } = start()
  remove()
  let isTold = false
  index.onEnd(token, nowMs, () => (isTold = true))
  t.ok(isTold, 'that it has ended before is told at once')
  t.end()
})

t.test('a token that expires ends', async (t: Test) => {
  const { index, token } = start({ expiresAt: second })
  let isTold = false
  const forget = index.onEnd(token, nowMs + 950, () => (isTold = true))
  t.notOk(isTold)
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.ok(isTold)
  forget()
})

t.test('it knows the tokens of admins that have not expired', (t) => {
  const { index, put, remove } = start({ groups: ['ippoold:admins'], expiresAt: second })
  put({ groups: ['blue'] }, { name: 'blue' })
  put({ groups: ['blue', 'ippoold:admins'] }, { name: 'root' })
  const before = BigInt(nowMs) * 1_000_000n
  t.strictSame([...index.ofAdmins(before)], ['ci', 'root'])
  t.strictSame([...index.ofAdmins(before + 1_000_000_000n)], ['root'])
  remove()
  t.strictSame([...index.ofAdmins(before)], ['root'])
  t.end()
})
