import t from 'tap'
import { type AuditPolicy, decide, defaultPolicy, type Level, type MatchedCall } from '../../src/audit/index.ts'
import { readAuditPolicy } from '../../src/audit/read-policy.ts'

const alice = { user: 'alice', groups: ['blue', 'system:authenticated'] }
const assign: MatchedCall = {
  caller: alice,
  verb: 'assign',
  object: { resource: 'addresses', apiVersion: 'v1' },
  path: '/ipam/v1/assign',
}
const status: MatchedCall = {
  caller: alice,
  verb: 'patch',
  object: { resource: 'ippools', name: 'p', apiGroup: 'projectcalico.org', apiVersion: 'v3', subresource: 'status' },
  path: '/apis/projectcalico.org/v3/ippools/p/status',
}
const pool: MatchedCall = {
  ...status,
  object: { ...status.object, resource: 'ippools', apiVersion: 'v3', subresource: undefined },
}
const probe: MatchedCall = { caller: undefined, verb: 'get', object: undefined, path: '/livez' }

function policyOf(...rules: readonly object[]): AuditPolicy {
  const reading = readAuditPolicy({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules })
  if (!reading.ok) throw new Error(reading.problems.join('\n'))
  return reading.policy
}

/** One rule of level Request with these conditions, and the calls that it matches. */
const rows: readonly [name: string, conditions: object, call: MatchedCall, isMatched: boolean][] = [
  ['no condition', {}, assign, true],
  ['no condition, nobody known', {}, probe, true],
  ['the user', { users: ['bob', 'alice'] }, assign, true],
  ['another user', { users: ['bob'] }, assign, false],
  ['a user, nobody known', { users: ['alice'] }, probe, false],
  ['one of the groups', { userGroups: ['blue'] }, assign, true],
  ['another group', { userGroups: ['red'] }, assign, false],
  ['a group, nobody known', { userGroups: ['blue'] }, probe, false],
  ['the verb', { verbs: ['assign'] }, assign, true],
  ['another verb', { verbs: ['release'] }, assign, false],
  ['the method of a call about no object', { verbs: ['get'] }, probe, true],
  ['user and verb', { users: ['alice'], verbs: ['get'] }, assign, false],
  ['everything of the own group', { resources: [{ group: '' }] }, assign, true],
  ['everything of another group', { resources: [{ group: 'projectcalico.org' }] }, assign, false],
  ['a resource without a group', { resources: [{ resources: ['addresses'] }] }, assign, true],
  ['a resource, but a call about no object', { resources: [{ resources: ['addresses'] }] }, probe, false],
  ['the kind', { resources: [{ group: 'projectcalico.org', resources: ['ippools'] }] }, pool, true],
  ['the kind, not its parts', { resources: [{ group: 'projectcalico.org', resources: ['ippools'] }] }, status, false],
  ['the part', { resources: [{ group: 'projectcalico.org', resources: ['ippools/status'] }] }, status, true],
  [
    'the part, not the kind',
    { resources: [{ group: 'projectcalico.org', resources: ['ippools/status'] }] },
    pool,
    false,
  ],
  ['all parts', { resources: [{ group: 'projectcalico.org', resources: ['ippools/*'] }] }, status, true],
  [
    'all parts are not the kind',
    { resources: [{ group: 'projectcalico.org', resources: ['ippools/*'] }] },
    pool,
    false,
  ],
  ['this part of all kinds', { resources: [{ group: 'projectcalico.org', resources: ['*/status'] }] }, status, true],
  ['all kinds and parts', { resources: [{ group: 'projectcalico.org', resources: ['*'] }] }, status, true],
  ['the name', { resources: [{ group: 'projectcalico.org', resources: ['*'], resourceNames: ['p'] }] }, pool, true],
  [
    'another name',
    { resources: [{ group: 'projectcalico.org', resources: ['*'], resourceNames: ['q'] }] },
    pool,
    false,
  ],
  ['a name, but a call without', { resources: [{ resources: ['*'], resourceNames: ['q'] }] }, assign, false],
  ['the second set', { resources: [{ group: 'x' }, { group: '' }] }, assign, true],
  ['the path', { nonResourceURLs: ['/livez'] }, probe, true],
  ['the beginning of the path', { nonResourceURLs: ['/live*'] }, probe, true],
  ['any path', { nonResourceURLs: ['*'] }, probe, true],
  ['another path', { nonResourceURLs: ['/live'] }, probe, false],
  ['a path, but a call about an object', { nonResourceURLs: ['*'] }, assign, false],
  ['empty lists', { users: [], userGroups: [], verbs: [], resources: [], nonResourceURLs: [] }, assign, true],
]

t.test('a rule matches the calls that meet all its conditions', async (t) => {
  for (const [name, conditions, call, isMatched] of rows) {
    const { level } = decide(policyOf({ level: 'Request', ...conditions }), call)
    t.equal(level, isMatched ? 'Request' : 'None', name)
  }
})

t.test('the first rule that matches decides', async (t) => {
  const levelOf = (...rules: readonly object[]): Level => decide(policyOf(...rules), assign).level
  t.equal(levelOf({ level: 'None', users: ['alice'] }, { level: 'Metadata' }), 'None')
  t.equal(levelOf({ level: 'None', users: ['bob'] }, { level: 'RequestResponse' }), 'RequestResponse')
})

t.test('stages are omitted by the policy and by the rule; managed fields by the rule before the policy', async (t) => {
  const policy = {
    ...policyOf({ level: 'Request', omitStages: ['ResponseStarted'] }, { level: 'None' }),
    omitStages: ['RequestReceived'],
    omitManagedFields: true,
  } as const
  t.strictSame(decide(policy, assign), {
    level: 'Request',
    omitStages: ['RequestReceived', 'ResponseStarted'],
    omitManagedFields: true,
  })
  const kept = { ...policy, ...policyOf({ level: 'Request', omitManagedFields: false }) }
  t.equal(decide({ ...kept, omitManagedFields: true }, assign).omitManagedFields, false)
})

t.test('without a policy, everything but probes and documents is recorded', async (t) => {
  const at = (path: string): Level => decide(defaultPolicy, { ...probe, path }).level
  t.equal(decide(defaultPolicy, assign).level, 'Metadata')
  for (const path of [
    '/',
    '/livez',
    '/readyz',
    '/version',
    '/docs/json',
    '/openapi/v3',
    '/openapi.json',
    '/ui/',
    '/ui/token',
  ]) {
    t.equal(at(path), 'None', path)
  }
  for (const path of ['/nothing', '/apis', '/readyz2']) t.equal(at(path), 'Metadata', path)
})

t.test('what is wrong with a policy is told with its path', async (t) => {
  const policy = (rule: object): object => ({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [rule] })
  const wrong: readonly [document: unknown, problem: RegExp][] = [
    ['text', /^the document: must be an object$/],
    [{ ...policy({ level: 'None' }), apiVersion: 'v1' }, /^apiVersion: must be audit\.k8s\.io\/v1$/],
    [{ ...policy({ level: 'None' }), kind: 'Rules' }, /^kind: must be Policy$/],
    [{ ...policy({ level: 'None' }), rules: [] }, /^rules: must have at least one rule/],
    [{ ...policy({ level: 'None' }), rules: 1 }, /^rules: must be a list$/],
    [{ ...policy({ level: 'None' }), omitStage: [] }, /^omitStage: unknown field; known are .*omitStages/],
    [{ ...policy({ level: 'None' }), omitStages: ['x'] }, /^omitStages\[0\]: must be one of RequestReceived/],
    [{ ...policy({ level: 'None' }), omitManagedFields: 1 }, /^omitManagedFields: must be true or false$/],
    [policy({}), /^rules\[0\]\.level: must be one of None, Metadata, Request, RequestResponse$/],
    [policy({ level: 'metadata' }), /^rules\[0\]\.level: /],
    [policy({ level: 'None', namespaces: ['x'] }), /^rules\[0\]\.namespaces: .*no namespaces$/],
    [policy({ level: 'None', users: ['a', 1] }), /^rules\[0\]\.users\[1\]: must be a text$/],
    [policy({ level: 'None', users: 'a' }), /^rules\[0\]\.users: must be a list$/],
    [policy({ level: 'None', resources: [{ group: 1 }] }), /^rules\[0\]\.resources\[0\]\.group: must be a text$/],
    [policy({ level: 'None', resources: [{ name: 'x' }] }), /^rules\[0\]\.resources\[0\]\.name: unknown field/],
    [policy({ level: 'None', resources: [{ resourceNames: ['x'] }] }), /^rules\[0\]\.resources\[0\]\.resourceNames: /],
    [policy({ level: 'None', nonResourceURLs: ['livez'] }), /^rules\[0\]\.nonResourceURLs\[0\]: must begin with \//],
    [policy({ level: 'None', nonResourceURLs: ['/a*b'] }), /^rules\[0\]\.nonResourceURLs\[0\]: .*at its end only/],
    [policy({ level: 'None', nonResourceURLs: ['*'], resources: [{}] }), /^rules\[0\]: must not have both/],
  ]
  for (const [document, problem] of wrong) {
    const reading = readAuditPolicy(document)
    t.match(reading, { ok: false })
    if (!reading.ok)
      t.ok(
        reading.problems.some((one) => problem.test(one)),
        `${String(problem)}: ${reading.problems.join()}`,
      )
  }
  t.match(readAuditPolicy({ ...policy({ level: 'None' }), metadata: { name: 'x' } }), { ok: true })
})
