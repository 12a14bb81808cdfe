import t from 'tap'
import { type ClaimMappings, userOf } from '../../src/authentication/claims.ts'

const mappings: ClaimMappings = {
  username: { claim: 'sub', prefix: 'corp:' },
  groups: { claim: 'groups', prefix: 'corp:' },
  uidClaim: 'oid',
  required: [],
}
const bare = { username: { claim: 'sub', prefix: '' }, groups: { claim: 'groups', prefix: '' } }

t.test('claims become a user', async (t) => {
  const cases = [
    [{ sub: 'alice' }, {}, { user: 'corp:alice', uid: undefined, groups: [] }],
    [
      { sub: 'alice', groups: ['a', 'b'], oid: '7' },
      {},
      { user: 'corp:alice', uid: '7', groups: ['corp:a', 'corp:b'] },
    ],
    [{ sub: 'alice', groups: 'a' }, {}, { user: 'corp:alice', uid: undefined, groups: ['corp:a'] }],
    [{ sub: 'alice', groups: null }, {}, { user: 'corp:alice', uid: undefined, groups: [] }],
    [{ sub: 'alice', groups: ['a'] }, { groups: undefined }, { user: 'corp:alice', uid: undefined, groups: [] }],
    [
      { sub: 'alice', hd: 'x' },
      { required: [{ claim: 'hd', value: 'x' }] },
      { user: 'corp:alice', uid: undefined, groups: [] },
    ],
    [
      { email: 'a@example.org', email_verified: true },
      { username: { claim: 'email', prefix: '' } },
      { user: 'a@example.org', uid: undefined, groups: [] },
    ],
    [
      { email: 'a@example.org' },
      { username: { claim: 'email', prefix: '' } },
      { user: 'a@example.org', uid: undefined, groups: [] },
    ],
  ] as const
  for (const [claims, changes, caller] of cases) {
    t.strictSame(userOf(claims, { ...mappings, ...changes }), { ok: true, caller }, JSON.stringify(claims))
  }
})

t.test('a token without the claims that are needed is for nobody', async (t) => {
  const cases = [
    [{}, {}, /no claim sub with a text/],
    [{ sub: '' }, {}, /no claim sub with a text/],
    [{ sub: 7 }, {}, /no claim sub with a text/],
    [{ sub: ['alice'] }, {}, /no claim sub with a text/],
    [{ sub: 'alice', groups: [1] }, {}, /claim groups of the token must be/],
    [{ sub: 'alice', groups: { a: 1 } }, {}, /claim groups of the token must be/],
    [{ sub: 'alice', oid: 7 }, {}, /claim oid of the token must be a text/],
    [{ sub: 'alice' }, { required: [{ claim: 'hd', value: 'x' }] }, /does not have the required value/],
    [{ sub: 'alice', hd: 'y' }, { required: [{ claim: 'hd', value: 'x' }] }, /does not have the required value/],
    [{ sub: 'alice', hd: ['x'] }, { required: [{ claim: 'hd', value: 'x' }] }, /does not have the required value/],
    [{ email: 'a@b.c', email_verified: false }, { username: { claim: 'email', prefix: '' } }, /not verified/],
    [{ email: 'a@b.c', email_verified: 'true' }, { username: { claim: 'email', prefix: '' } }, /not verified/],
  ] as const
  for (const [claims, changes, problem] of cases) {
    t.match(userOf(claims, { ...mappings, ...changes }), { ok: false, problem }, JSON.stringify(claims))
  }
})

t.test(
  'an issuer makes nobody one of those that Kubernetes and ippoold give meaning to, unless the prefix does',
  async (t) => {
    const refusedUsers = ['system:admin', 'system:serviceaccount:a:b', 'ippoold:x', 'system:']
    for (const sub of refusedUsers) {
      t.match(userOf({ sub }, { ...mappings, ...bare }), { ok: false, problem: /reserved/ }, sub)
      t.match(userOf({ sub }, mappings), { ok: true, caller: { user: `corp:${sub}` } })
    }
    const split = { username: { claim: 'sub', prefix: 'sys' } }
    t.match(userOf({ sub: 'tem:admin' }, { ...mappings, ...split }), { ok: false }, 'not by halves either')
    const prefixed = { username: { claim: 'sub', prefix: 'system:corp:' } }
    t.match(userOf({ sub: 'alice' }, { ...mappings, ...prefixed }), { ok: true, caller: { user: 'system:corp:alice' } })

    const groups = ['ippoold:admins', 'blue', 'system:masters']
    t.match(userOf({ sub: 'alice', groups }, { ...mappings, ...bare }), { ok: true, caller: { groups: ['blue'] } })
    const admins = { groups: { claim: 'groups', prefix: 'ippoold:' } }
    t.match(userOf({ sub: 'alice', groups: ['admins'] }, { ...mappings, ...admins }), {
      ok: true,
      caller: { groups: ['ippoold:admins'] },
    })
    const halves = { groups: { claim: 'groups', prefix: 'ippoold' } }
    t.match(userOf({ sub: 'alice', groups: [':admins'] }, { ...mappings, ...halves }), {
      ok: true,
      caller: { groups: [] },
    })
  },
)
