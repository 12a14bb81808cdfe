import t from 'tap'
import { accessPolicies, accessPolicyKey, type JsonObject } from '../../src/model/index.ts'

const { text: key } = accessPolicyKey('blue')

function decode(spec: JsonObject) {
  return accessPolicies.decode(key, JSON.stringify({ metadata: { name: 'blue' }, spec }))
}

t.test('a stored policy is read into subjects and rules', (t) => {
  const subjects = [
    { kind: 'Group', name: 'blue' },
    { kind: 'User', name: 'alice' },
  ]
  const rule = { verbs: ['assign'], resources: ['addresses'], handles: ['blue.*'], maxAddresses: 0 }
  const read = decode({ subjects, rules: [{ ...rule, poolSelector: 'all()' }, {}] })
  t.match(read, { ok: true, value: { name: 'blue', subjects, rules: [rule, { verbs: [], resources: [] }] } })
  const conditions =
    read.ok && read.value.rules.map(({ poolSelector, maxAddresses }) => [poolSelector?.kind, maxAddresses])
  t.strictSame(conditions, [
    ['all', 0],
    [undefined, undefined],
  ])
  t.match(decode({}), { value: { subjects: [], rules: [] } })
  t.match(decode({ subjects: [{ kind: 'Group' }] }), { value: { subjects: [{ kind: 'Group', name: '' }] } })
  t.end()
})

t.test('a policy of which a part cannot be read cannot be read at all: without the part, it could allow more', (t) => {
  const cases: readonly (readonly [spec: JsonObject, problem: RegExp])[] = [
    [{ subjects: {} }, /^spec\.subjects: expected an array, found an object$/],
    [{ subjects: ['blue'] }, /^spec\.subjects\[0\]: expected an object/],
    [{ subjects: [{ name: 'blue' }] }, /^spec\.subjects\[0\]\.kind: expected User or Group, found null$/],
    [{ subjects: [{ kind: 'Robot' }] }, /^spec\.subjects\[0\]\.kind: expected User or Group, found "Robot"$/],
    [{ subjects: [{ kind: 'User', name: 7 }] }, /^spec\.subjects\[0\]\.name: expected a string/],
    [{ rules: [null] }, /^spec\.rules\[0\]: expected an object/],
    [{ rules: [{ verbs: 'get' }] }, /^spec\.rules\[0\]\.verbs: expected an array/],
    [{ rules: [{ resources: [1] }] }, /^spec\.rules\[0\]\.resources\[0\]: expected a string/],
    [{ rules: [{ handles: [null] }] }, /^spec\.rules\[0\]\.handles\[0\]: expected a string, found null/],
    [{ rules: [{ poolSelector: 'a = b' }] }, /^spec\.rules\[0\]\.poolSelector: expected a selector \(/],
    [{ rules: [{ maxAddresses: 1.5 }] }, /^spec\.rules\[0\]\.maxAddresses: expected a whole number/],
    [{ rules: [{ maxAddresses: null }] }, /^spec\.rules\[0\]\.maxAddresses: expected a value/],
    [{ rules: [{ onlyOnMondays: true }] }, /^spec\.rules\[0\]\.onlyOnMondays: expected a condition that this version/],
  ]
  for (const [spec, problem] of cases) t.match(decode(spec), { ok: false, problem }, JSON.stringify(spec))
  t.end()
})
