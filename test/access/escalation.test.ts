import t from 'tap'
import { excessOf, Policies, unlimited } from '../../src/access/index.ts'
import { type AccessPolicy, accessPolicyOf, type JsonObject } from '../../src/model/index.ts'

function policyOf(rules: readonly JsonObject[]): AccessPolicy {
  const read = accessPolicyOf({ metadata: { name: 'p' }, spec: { subjects: [{ kind: 'User', name: 'alice' }], rules } })
  if (!read.ok) throw new Error(read.problem)
  return read.value
}

const base = { verbs: ['get'], resources: ['ippools'] }
const inBlue = { poolSelector: "team in {'blue', 'green'}" }
const assign = { verbs: ['assign'], resources: ['addresses'] }

t.test('whoever gives a right must have it', (t) => {
  const rows: readonly (readonly [claim: string, held: JsonObject, given: JsonObject, isHeld: boolean])[] = [
    ['the same', base, base, true],
    ['less', { ...base, verbs: ['get', 'list'], resources: ['nodes', 'ippools'] }, base, true],
    ['another verb', base, { ...base, verbs: ['get', 'list'] }, false],
    ['another resource', base, { ...base, resources: ['ippools', 'nodes'] }, false],
    ['a part of everything', { verbs: ['*'], resources: ['*'] }, base, true],
    ['everything', { verbs: ['*'], resources: ['*'] }, { verbs: ['*'], resources: ['*'] }, true],
    ['everything, of a part', { ...base, verbs: ['get', 'list'] }, { ...base, verbs: ['*'] }, false],
    ['a condition less', { ...base, ...inBlue }, base, false],
    ['a condition more', base, { ...base, ...inBlue, handles: ['a'] }, true],
    [
      'the same condition, spelled otherwise',
      { ...base, ...inBlue },
      { ...base, poolSelector: "team in { 'green','blue' }" },
      true,
    ],
    ['another condition', { ...base, ...inBlue }, { ...base, poolSelector: "team == 'red'" }, false],
    ['any pool', { ...base, poolSelector: 'all()' }, { ...base, ...inBlue }, true],
    ['any pool, and more', { ...base, poolSelector: 'all()' }, base, false],
    ['handles', { ...base, handles: ['a*', 'b'] }, { ...base, handles: ['a', 'ab*', 'b', 'a*'] }, true],
    ['more handles', { ...base, handles: ['a*', 'b'] }, { ...base, handles: ['a', 'b*'] }, false],
    ['any handle', { ...base, handles: ['a*'] }, { ...base, handles: ['*'] }, false],
    ['handles or not', { ...base, handles: ['*'] }, base, false],
    ['without a limit', assign, { ...assign, maxAddresses: 5 }, true],
    ['with a limit', { ...assign, maxAddresses: 5 }, { ...assign, maxAddresses: 5 }, false],
    [
      'a limit that the verb has nothing to do with',
      { verbs: ['assign', 'get'], resources: ['addresses'], maxAddresses: 5 },
      { verbs: ['get'], resources: ['addresses'] },
      true,
    ],
    [
      'all verbs, with a limit',
      { verbs: ['*'], resources: ['addresses'], maxAddresses: 5 },
      { verbs: ['*'], resources: ['addresses'] },
      false,
    ],
  ]
  for (const [claim, held, given, isHeld] of rows) {
    const rights = new Policies([policyOf([held])]).rightsOf({ user: 'alice', groups: [] })
    t.equal(excessOf(rights, policyOf([given]).rules) === undefined, isHeld, claim)
    t.equal(excessOf(unlimited, policyOf([given]).rules), undefined, claim)
  }
  t.end()
})

t.test('the first right that is missing is told', (t) => {
  const rights = new Policies([policyOf([base])]).rightsOf({ user: 'alice', groups: [] })
  const { rules } = policyOf([base, { verbs: ['get', 'list'], resources: ['ippools', 'nodes'] }])
  t.strictSame(excessOf(rights, rules), { position: 1, verb: 'get', resource: 'nodes' })
  t.end()
})
