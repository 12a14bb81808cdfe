import t from 'tap'
import { accessPolicies, type Json, type JsonObject } from '../../../src/model/index.ts'
import { planCreate, planDelete, planMergePatch } from '../../../src/resources/index.ts'
import { accesspolicyKind } from '../../../src/resources/kinds/accesspolicy.ts'
import { FakeView } from '../../support/fake-view.ts'
import { context, granted, writtenTo } from '../fixtures.ts'

const kind = accesspolicyKind(['ippools', 'nodes'])
const key = '/ippoold/v1/accesspolicies/blue'

const rule = { verbs: ['get'], resources: ['ippools'] }

function body(spec: JsonObject): JsonObject {
  return { metadata: { name: 'blue' }, spec }
}

/** What is wrong with a policy that has this rule: fields without the path of the rule, and messages. */
function problemsOf(given: JsonObject): readonly string[] {
  const { answer } = planCreate(new FakeView(), kind, body({ rules: [given] }), context)
  if (answer.ok) return []
  return answer.refusal.causes.map(({ field, message }) => `${field.replace('spec.rules[0].', '')}: ${message}`)
}

t.test('a policy is stored in one key, with all its metadata', (t) => {
  const view = new FakeView()
  const plan = planCreate(view, kind, kind.example, context)
  const written = writtenTo(plan, () => true)
  t.strictSame(Object.keys(written), [key])
  t.match(JSON.parse(written[key] ?? ''), { metadata: { name: 'blue', generation: 1, managedFields: [{}] } })
  view.apply(plan)
  const patched = planMergePatch(view, kind, 'blue', { spec: { subjects: [] } }, context)
  t.match(granted(patched).value, { subjects: [], object: { metadata: { generation: 2 } } })
  t.strictSame(
    writtenTo(planDelete(view, kind, 'blue', {}, context), () => true),
    { [key]: undefined },
  )
  t.end()
})

t.test('names of policies may have colons', (t) => {
  const { answer } = planCreate(new FakeView(), kind, { metadata: { name: 'ippoold:view' }, spec: {} }, context)
  t.ok(answer.ok)
  t.match(planCreate(new FakeView(), kind, { metadata: { name: 'a/b' }, spec: {} }, context).answer, {
    refusal: { causes: [{ field: 'metadata.name', reason: 'FieldValueInvalid' }] },
  })
  t.end()
})

t.test('every field of a rule is checked, and the message says what would be right', (t) => {
  const assign = { verbs: ['assign'], resources: ['addresses'] }
  const many = (count: number): Json => Array.from({ length: count }, (_, index) => `h${index}`)
  const words = (list: readonly string[]): string => list.map((word) => JSON.stringify(word)).join(', ')
  const resources = words(['ippools', 'nodes', 'addresses', 'handles', 'affinities', 'metrics', '*'])
  const selector = "must be a selector such as team == 'blue'"
  const handle = 'must be a handle, or the beginning of handles and one *, such as blue.*'
  const rows: readonly (readonly [claim: string, rule: JsonObject, want: readonly (string | RegExp)[]])[] = [
    ['a rule', rule, []],
    ['everything', { verbs: ['*'], resources: ['*'], maxAddresses: 0, handles: ['*'], poolSelector: 'all()' }, []],
    ['no verbs', { resources: ['ippools'] }, [/^verbs: Required value: one or more of get, list, /]],
    ['no resources', { verbs: ['get'], resources: [] }, [/^resources: Required value: one or more of ippools, /]],
    [
      'an unknown verb',
      { ...rule, verbs: ['get', 'raed'] },
      [/^verbs\[1\]: Unsupported value: "raed": supported values: "get", /],
    ],
    [
      'a misspelt verb and resource',
      { verbs: ['Asign'], resources: ['IPPool'] },
      [
        /^verbs\[0\]: Unsupported value: "Asign": .*; "assign" may be meant$/,
        `resources[0]: Unsupported value: "IPPool": supported values: ${resources}; "ippools" may be meant`,
      ],
    ],
    ['a verb twice', { ...rule, verbs: ['get', 'get'] }, ['verbs[1]: Duplicate value: "get"']],
    [
      'a broken selector',
      { ...rule, poolSelector: 'team = blue' },
      [/^poolSelector: Invalid value: "team = blue": must be a selector such as team == 'blue': /],
    ],
    [
      'an empty selector',
      { ...rule, poolSelector: ' ' },
      [`poolSelector: Invalid value: " ": ${selector}; leave it out to select everything`],
    ],
    ['a long selector', { ...rule, poolSelector: 'x'.repeat(1025) }, [/: must be at most 1024 characters long$/]],
    ['handles', { ...rule, handles: ['vm-1', 'blue.*', '*'] }, []],
    [
      'no handles',
      { ...rule, handles: [] },
      ['handles: Required value: one or more handles; leave the field out for all handles'],
    ],
    ['a star in the middle', { ...rule, handles: ['a*b'] }, [`handles[0]: Invalid value: "a*b": ${handle}`]],
    ['two stars', { ...rule, handles: ['a**'] }, [`handles[0]: Invalid value: "a**": ${handle}`]],
    ['an empty handle', { ...rule, handles: [''] }, [`handles[0]: Invalid value: "": ${handle}`]],
    ['what is no handle', { ...rule, handles: ['a/b'] }, [`handles[0]: Invalid value: "a/b": ${handle}`]],
    ['a long handle', { ...rule, handles: ['x'.repeat(1025)] }, [/^handles\[0\]: .*1024 characters long$/]],
    ['a handle twice', { ...rule, handles: ['a', 'a'] }, ['handles[1]: Duplicate value: "a"']],
    ['too many handles', { ...rule, handles: many(101) }, ['handles: Invalid value: 101: must be at most 100 entries']],
    ['too many verbs', { ...rule, verbs: many(13) }, ['verbs: Invalid value: 13: must be at most 12 entries']],
    ['a limit', { ...assign, maxAddresses: 500 }, []],
    ['a limit of none', { ...assign, maxAddresses: 0 }, []],
    [
      'a limit below none',
      { ...assign, maxAddresses: -1 },
      ['maxAddresses: Invalid value: -1: must be 0 to 1000000000'],
    ],
    ['a limit beyond all', { ...assign, maxAddresses: 1_000_000_001 }, [/must be 0 to 1000000000$/]],
    ...[rule, { ...assign, verbs: ['release'] }, { ...assign, resources: ['handles'] }].map(
      (given) =>
        [
          'a limit of what is not assigned',
          { ...given, maxAddresses: 5 },
          ['maxAddresses: Forbidden: is only for a rule with the verb assign and the resource addresses'],
        ] as const,
    ),
    [
      'fields of the wrong type',
      { verbs: 'get', resources: [7], poolSelector: 1, handles: [null], maxAddresses: '5' },
      [
        /^verbs: .*a list$/,
        /^resources\[0\]: .*a string$/,
        /^poolSelector: .*a string$/,
        /^handles\[0\]: .*a string$/,
        /^maxAddresses: .*a whole number$/,
      ],
    ],
  ]
  for (const [claim, given, want] of rows) t.match(problemsOf(given), want, claim)
  for (const [claim, given, want] of rows) t.equal(problemsOf(given).length, want.length, claim)
  t.end()
})

t.test('a condition that is misspelt or null is refused always: without it, the rule would allow more', (t) => {
  for (const fieldValidation of ['Ignore', 'Warn', 'Strict'] as const) {
    const plan = planCreate(new FakeView(), kind, body({ rules: [{ ...rule, poolSelectors: 'x' }] }), {
      ...context,
      fieldValidation,
    })
    t.match(plan.answer, {
      refusal: { reason: 'BadRequest', message: /unknown field "spec\.rules\[0\]\.poolSelectors"/ },
    })
  }
  t.strictSame(problemsOf({ ...rule, handles: null }), ['handles: Invalid value: null: must be a list'])
  t.strictSame(problemsOf({ ...rule, poolSelector: null }), ['poolSelector: Invalid value: null: must be a string'])
  t.end()
})

t.test('subjects are users and groups', (t) => {
  const causes = (subjects: Json): readonly string[] => {
    const { answer } = planCreate(new FakeView(), kind, body({ subjects }), context)
    return answer.ok ? [] : answer.refusal.causes.map(({ field, message }) => `${field}: ${message}`)
  }
  t.strictSame(
    causes([
      { kind: 'Group', name: 'a' },
      { kind: 'User', name: 'a' },
      { kind: 'User', name: 'ä b/c:d' },
    ]),
    [],
  )
  t.strictSame(
    causes([{ kind: 'group', name: 'a' }, { name: '' }, { kind: 'Group', name: 'a\n' }, { kind: 'Group' }]),
    [
      'spec.subjects[0].kind: Unsupported value: "group": supported values: "User", "Group"; "Group" may be meant',
      'spec.subjects[1].kind: Required value: User or Group',
      'spec.subjects[1].name: Required value: the name of the user',
      'spec.subjects[2].name: Invalid value: "a\\n": must be printable',
      'spec.subjects[3].name: Required value: the name of the group',
    ],
  )
  t.match(causes([{ kind: 'User', name: 'x'.repeat(1025) }]), [/1024 characters long$/])
  t.match(
    causes([
      { kind: 'User', name: 'a' },
      { kind: 'User', name: 'a' },
    ]),
    [/^spec\.subjects\[1\]: Duplicate value/],
  )
  t.match(
    causes([
      { kind: 'User', name: 7 },
      { kind: 7, name: 'a' },
    ]),
    [/^spec\.subjects\[0\]\.name: .*a string$/, /kind/],
  )
  const many = Array.from({ length: 1_001 }, (_, index) => ({ kind: 'User', name: `u${index}` }))
  t.strictSame(causes(many), ['spec.subjects: Invalid value: 1001: must be at most 1000 entries'])
  t.end()
})

t.test('a stored policy that cannot be read is one with a condition that is not known', (t) => {
  const decode = (given: JsonObject) =>
    accessPolicies.decode(key, JSON.stringify({ metadata: { name: 'blue' }, spec: { rules: [given] } }))
  t.match(decode({ ...rule }), { ok: true })
  t.match(decode({ ...rule, poolSelectors: 'x' }), { ok: false, problem: /condition that this version knows/ })
  t.match(decode({ ...rule, handles: null }), { ok: false, problem: /rules\[0\]\.handles/ })
  t.end()
})

t.test('a table shows whom a policy is for, and what it allows', (t) => {
  const cells = (spec: JsonObject) => kind.columns.map(({ cell }) => cell({ spec }, { cooldownSeconds: 0 } as never))
  t.strictSame(cells({}), ['<none>', '0', ''])
  t.strictSame(
    cells({ subjects: [{ kind: 'Group', name: 'a' }], rules: [rule, { ...rule, verbs: ['get', 'list'] }] }),
    ['Group:a', '2', 'get,list'],
  )
  t.match(
    cells({
      subjects: [
        { kind: 'Group', name: 'a' },
        { kind: 'User', name: 'b' },
      ],
    }),
    ['Group:a + 1 more...'],
  )
  t.end()
})

t.test('limits of calls are 1 to a million, and a burst is beside a rate', (t) => {
  const causesOf = (limits: JsonObject): readonly unknown[] => {
    const { answer } = planCreate(new FakeView(), kind, body({ limits }), context)
    return answer.ok ? [] : answer.refusal.causes.map(({ field, message }) => `${field}: ${message}`)
  }
  t.strictSame(causesOf({ requestsPerSecond: 1, burst: 1_000_000, concurrentRequests: 5 }), [])
  t.strictSame(causesOf({ requestsPerSecond: 0 }), [
    'spec.limits.requestsPerSecond: Invalid value: 0: must be 1 to 1000000',
  ])
  t.strictSame(causesOf({ concurrentRequests: 1_000_001 }), [
    'spec.limits.concurrentRequests: Invalid value: 1000001: must be 1 to 1000000',
  ])
  t.strictSame(causesOf({ burst: 5 }), ['spec.limits.burst: Forbidden: is only for requestsPerSecond'])
  t.match(causesOf({ burst: 'x', requestsPerSecond: 1 }), [/^spec\.limits\.burst: .*a whole number$/])
  t.end()
})
