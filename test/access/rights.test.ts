import fc from 'fast-check'
import t from 'tap'
import {
  type AccessedObject,
  type Action,
  adminGroup,
  type Caller,
  covers,
  denied,
  may,
  mayAlways,
  maySometimes,
  noRights,
  openGate,
  Policies,
  unlimited,
  type Verb,
  verbs,
} from '../../src/access/index.ts'
import { accessPolicies, type AccessPolicy, accessPolicyOf, type JsonObject } from '../../src/model/index.ts'

const blue = { team: 'blue' }
const onlyBlue = { poolSelector: "team == 'blue'" }

function policyOf(name: string, subjects: readonly JsonObject[], rules: readonly JsonObject[]): AccessPolicy {
  const read = accessPolicyOf({ metadata: { name }, spec: { subjects, rules } })
  if (!read.ok) throw new Error(read.problem)
  return read.value
}

const alice: Caller = { user: 'alice', groups: ['blue', 'all'] }
const user = (name: string): JsonObject => ({ kind: 'User', name })
const group = (name: string): JsonObject => ({ kind: 'Group', name })

t.test('what a rule allows', (t) => {
  const rows: readonly (readonly [
    claim: string,
    rule: JsonObject,
    action: Action,
    object: AccessedObject,
    want: boolean,
  ])[] = [
    ['its verb on its resource', {}, { verb: 'get', resource: 'ippools' }, {}, true],
    ['no other verb', {}, { verb: 'list', resource: 'ippools' }, {}, false],
    ['no other resource', {}, { verb: 'get', resource: 'nodes' }, {}, false],
    ['every verb', { verbs: ['*'] }, { verb: 'repair', resource: 'ippools' }, {}, true],
    ['every resource', { resources: ['*'] }, { verb: 'get', resource: 'nodes' }, {}, true],
    ['no verb', { verbs: [] }, { verb: 'get', resource: 'ippools' }, {}, false],
    ['a pool that is selected', onlyBlue, { verb: 'get', resource: 'ippools' }, { poolLabels: blue }, true],
    ['no pool that is not', onlyBlue, { verb: 'get', resource: 'ippools' }, { poolLabels: {} }, false],
    ['nothing that belongs to no pool', onlyBlue, { verb: 'get', resource: 'ippools' }, { handle: 'a' }, false],
    ['nor by all()', { poolSelector: 'all()' }, { verb: 'get', resource: 'ippools' }, {}, false],
    ['a handle', { handles: ['a'] }, { verb: 'get', resource: 'ippools' }, { handle: 'a' }, true],
    ['only that', { handles: ['a'] }, { verb: 'get', resource: 'ippools' }, { handle: 'ab' }, false],
    ['handles that begin so', { handles: ['x', 'a.*'] }, { verb: 'get', resource: 'ippools' }, { handle: 'a.b' }, true],
    ['not in the middle', { handles: ['a.*'] }, { verb: 'get', resource: 'ippools' }, { handle: 'b.a.c' }, false],
    ['nothing without a handle', { handles: ['*'] }, { verb: 'get', resource: 'ippools' }, { poolLabels: blue }, false],
    ['no handle', { handles: [] }, { verb: 'get', resource: 'ippools' }, { handle: 'a' }, false],
    [
      'both conditions',
      { ...onlyBlue, handles: ['a'] },
      { verb: 'get', resource: 'ippools' },
      { poolLabels: blue, handle: 'a' },
      true,
    ],
    [
      'not one of them',
      { ...onlyBlue, handles: ['a'] },
      { verb: 'get', resource: 'ippools' },
      { poolLabels: blue, handle: 'b' },
      false,
    ],
  ]
  for (const [claim, rule, action, object, want] of rows) {
    const policy = policyOf('p', [group('all')], [{ verbs: ['get'], resources: ['ippools'], ...rule }])
    t.equal(may(new Policies([policy]).rightsOf(alice), action, object), want, claim)
  }
  t.end()
})

t.test('rights are those of the user and of all groups', (t) => {
  const rule = { verbs: ['get'], resources: ['nodes'] }
  const read = { verb: 'get', resource: 'nodes' } as const
  for (const [subject, want] of [
    [user('alice'), true],
    [group('all'), true],
    [group('alice'), false],
    [user('blue'), false],
  ] as const)
    t.equal(mayAlways(new Policies([policyOf('p', [subject], [rule])]).rightsOf(alice), read), want)
  const rights = new Policies([
    policyOf('p', [group('x'), group('all'), group('blue')], [rule, { ...rule, ...onlyBlue, verbs: ['list'] }]),
  ]).rightsOf(alice)
  t.strictSame(
    rights.grantsFor(read).map(({ policy, position, subject }) => [policy, position, subject.name]),
    [
      ['p', 0, 'blue'],
      ['p', 0, 'all'],
    ],
  )
  t.equal(rights.grants.length, 4)
  const list = { verb: 'list', resource: 'nodes' } as const
  t.ok(maySometimes(rights, list) && !mayAlways(rights, list))
  t.end()
})

t.test('admins may do everything, and nobody anything without a policy', (t) => {
  const action = { verb: 'delete', resource: 'accesspolicies' } as const
  const admin = new Policies().rightsOf({ user: 'root', groups: [adminGroup] })
  t.match(admin, { isUnlimited: true, caller: { user: 'root' } })
  for (const rights of [admin, unlimited, openGate.rightsOf(alice)]) {
    t.ok(mayAlways(rights, action) && maySometimes(rights, action))
    t.strictSame(rights.grantsFor(action), [])
    rights.onOutdated(() => t.fail('they change never'))()
  }
  t.match(openGate.identify({ authorization: undefined, certificate: undefined, address: '' }), { ok: true })
  for (const rights of [noRights, new Policies().rightsOf(alice)]) t.notOk(maySometimes(rights, action))
  t.match(denied(noRights, action), {
    reason: 'Forbidden',
    message:
      'User "system:anonymous" may not delete these accesspolicies; an AccessPolicy with the verb delete and the resource accesspolicies would allow it.',
  })
  t.end()
})

t.test('the rights of a caller stay the same object until a policy for the caller changes', (t) => {
  const rule = { verbs: ['get'], resources: ['nodes'] }
  const policies = new Policies([policyOf('a', [group('blue')], [rule])])
  const rights = policies.rightsOf(alice)
  let outdated = 0
  rights.onOutdated(() => outdated++)
  const unsubscribe = rights.onOutdated(() => t.fail('unsubscribed'))
  unsubscribe()
  const change = (name: string, subjects: readonly JsonObject[] | undefined): void => {
    policies.change(name, subjects && policyOf(name, subjects, [rule]))
  }
  change('b', [group('red')])
  change('b', undefined)
  t.equal(policies.rightsOf({ ...alice, groups: [...alice.groups] }), rights)
  t.equal(outdated, 0)
  change('c', [user('alice')])
  t.equal(outdated, 1)
  change('c', [user('alice'), user('bob')])
  t.equal(outdated, 1, 'once')
  t.not(policies.rightsOf(alice), rights)
  t.equal(policies.rightsOf(alice).grants.length, 2)
  change('c', [user('bob')])
  change('a', undefined)
  t.equal(policies.rightsOf(alice).grants.length, 0)
  t.not(policies.rightsOf({ ...alice, uid: '2' }), policies.rightsOf(alice), 'another user of the same name')
  t.end()
})

t.test('the rights of 10,000 callers are remembered, and those of more are worked out again', (t) => {
  const policies = new Policies()
  const first = policies.rightsOf(alice)
  for (let index = 1; index < 10_000; index++) policies.rightsOf({ user: `u${index}`, groups: [] })
  t.equal(policies.rightsOf(alice), first)
  policies.rightsOf({ user: 'one more', groups: [] })
  t.not(policies.rightsOf(alice), first)
  t.end()
})

t.test('a caller with far more groups than a credential can name is not remembered', (t) => {
  const policies = new Policies()
  const many: Caller = { user: 'alice', groups: Array.from({ length: 10_000 }, (_, index) => `g${index}`) }
  t.not(policies.rightsOf(many), policies.rightsOf(many))
  t.end()
})

t.test('the observer takes over what the datastore tells, and a policy that cannot be read allows nothing', (t) => {
  const policies = new Policies()
  const key = `${accessPolicies.prefix}p`
  const value = policyOf('p', [user('alice')], [{ verbs: ['get'], resources: ['nodes'] }])
  const read = { verb: 'get', resource: 'nodes' } as const
  policies.observer.changed(key, { kind: 'value', value, revision: 1n })
  t.ok(mayAlways(policies.rightsOf(alice), read))
  policies.observer.changed(key, { kind: 'unreadable', problem: 'broken', revision: 2n })
  t.notOk(maySometimes(policies.rightsOf(alice), read))
  policies.observer.changed(key, { kind: 'absent' })
  t.end()
})

t.test('a policy that is being deleted allows nothing, even if a finalizer keeps it', (t) => {
  const metadata = { name: 'p', finalizers: ['example.org/keep'] }
  const spec = { subjects: [user('alice')], rules: [{ verbs: ['get'], resources: ['nodes'] }] }
  const policyWith = (more: JsonObject): AccessPolicy => {
    const read = accessPolicyOf({ metadata: { ...metadata, ...more }, spec })
    if (!read.ok) throw new Error(read.problem)
    return read.value
  }
  const policies = new Policies([policyWith({})])
  const read = { verb: 'get', resource: 'nodes' } as const
  t.ok(mayAlways(policies.rightsOf(alice), read))
  policies.change('p', policyWith({ deletionTimestamp: '2026-11-30T16:00:00Z' }))
  t.notOk(maySometimes(policies.rightsOf(alice), read))
  t.end()
})

t.test('the index of policies allows what the policies allow one by one', (t) => {
  const names: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c')
  const subject = fc.record({ kind: fc.constantFrom('User', 'Group'), name: names })
  const rule = fc.record(
    {
      verbs: fc.subarray<Verb | '*'>([...verbs, '*'], { maxLength: 3 }),
      resources: fc.subarray(['ippools', 'addresses', '*'], { minLength: 1 }),
      poolSelector: fc.constantFrom("team == 'a'", 'has(team)', "team != 'b'"),
      handles: fc.uniqueArray(fc.constantFrom('a', 'b*', '*', 'a.*')),
    },
    { requiredKeys: ['verbs', 'resources'] },
  )
  const policy = fc.record({
    name: fc.constantFrom('p', 'q', 'r', 's'),
    subjects: fc.uniqueArray(subject, { selector: ({ kind, name }) => `${kind}${name}`, maxLength: 3 }),
    rules: fc.array(rule, { maxLength: 3 }),
  })
  const change = fc.oneof({ weight: 3, arbitrary: policy }, fc.record({ name: fc.constantFrom('p', 'q', 'r', 's') }))
  const object = fc.record(
    { poolLabels: fc.constantFrom({}, { team: 'a' }, { team: 'b' }), handle: fc.constantFrom('a', 'b', 'bc', 'a.b') },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 12 }),
      fc.record({ user: names, groups: fc.uniqueArray(names) }),
      fc.constantFrom(...verbs),
      fc.constantFrom('ippools', 'addresses', 'nodes'),
      object,
      (changes, caller, verb, resource, accessed) => {
        const index = new Policies()
        const stored = new Map<string, AccessPolicy>()
        for (const one of changes) {
          const value = 'subjects' in one ? policyOf(one.name, one.subjects, one.rules) : undefined
          if (value === undefined) stored.delete(one.name)
          else stored.set(one.name, value)
          index.change(one.name, value)
          index.rightsOf(caller)
        }
        const isFor = ({ subjects }: AccessPolicy): boolean =>
          subjects.some(({ kind, name }) => (kind === 'User' ? name === caller.user : caller.groups.includes(name)))
        const expected = [...stored.values()]
          .filter(isFor)
          .some(({ rules }) =>
            rules.some(
              (one) =>
                (one.verbs.includes(verb) || one.verbs.includes('*')) &&
                (one.resources.includes(resource) || one.resources.includes('*')) &&
                covers(one, accessed),
            ),
          )
        return may(index.rightsOf(caller), { verb, resource }, accessed) === expected
      },
    ),
  )
  t.end()
})

t.test('the limits of a caller are those of every policy for it, by subject', (t) => {
  const limited = (name: string, subject: JsonObject, limits: JsonObject): AccessPolicy => {
    const read = accessPolicyOf({ metadata: { name }, spec: { subjects: [subject], limits } })
    if (!read.ok) throw new Error(read.problem)
    return read.value
  }
  const policies = new Policies([
    limited('a', user('alice'), { requestsPerSecond: 5 }),
    limited('b', group('blue'), { concurrentRequests: 2 }),
    limited('c', group('red'), { concurrentRequests: 1 }),
    policyOf('d', [user('alice')], []),
  ])
  const limitsOf = (caller: Caller) =>
    policies.rightsOf(caller).limits.map(({ policy, subject: { kind }, limits }) => [policy, kind, limits])
  const none = { requestsPerSecond: undefined, burst: undefined, concurrentRequests: undefined }
  t.strictSame(limitsOf(alice), [
    ['a', 'User', { ...none, requestsPerSecond: 5 }],
    ['b', 'Group', { ...none, concurrentRequests: 2 }],
  ])
  policies.change('a', limited('a', user('alice'), { requestsPerSecond: 6, burst: 7 }))
  policies.change('b', undefined)
  t.strictSame(limitsOf(alice), [['a', 'User', { ...none, requestsPerSecond: 6, burst: 7 }]])
  t.strictSame(limitsOf({ user: 'alice', groups: [adminGroup] }), [], 'admins have none')
  t.end()
})

t.test('a policy with a limit that cannot be read, or that only a newer version knows, allows nothing', (t) => {
  const read = (limits: JsonObject) => accessPolicyOf({ metadata: { name: 'x' }, spec: { limits } })
  t.match(read({ requestsPerHour: 1 }), { ok: false, problem: /spec\.limits\.requestsPerHour.*this version knows/ })
  t.match(read({ burst: 'many' }), { ok: false, problem: /spec\.limits\.burst/ })
  t.match(read({ burst: 1 }), { ok: true })
  t.end()
})
