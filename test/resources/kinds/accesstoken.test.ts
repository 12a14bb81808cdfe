import t from 'tap'
import { type AdminWays, noRights, type Rights } from '../../../src/access/index.ts'
import type { AccessToken, Json, JsonObject } from '../../../src/model/index.ts'
import {
  type Changed,
  planApply,
  planCreate,
  planDelete,
  planMergePatch,
  planRead,
  planReplace,
} from '../../../src/resources/index.ts'
import { accesstokenKind } from '../../../src/resources/kinds/accesstoken.ts'
import { FakeView } from '../../support/fake-view.ts'
import { causesOf as causesOfRefusal, context, granted, writtenTo } from '../fixtures.ts'

const kind = accesstokenKind()
const key = '/ippoold/v1/accesstokens/ci'
const fresh = { ...context, secretHash: 'ab' }

function body(spec: JsonObject, others: JsonObject = {}): JsonObject {
  return { metadata: { name: 'ci' }, spec, ...others }
}

/** The causes of a refusal; none if the plan is not refused. */
function causesOf(plan: Parameters<typeof causesOfRefusal>[0]): readonly string[] {
  return plan.answer.ok ? [] : causesOfRefusal(plan)
}

function statusOf(change: Parameters<typeof granted<Changed<AccessToken>>>[0]): string {
  return JSON.stringify(granted(change).value.object['status'])
}

/** A view with a stored token that expires in 2027. */
function viewWithToken(): FakeView {
  const view = new FakeView()
  view.apply(planCreate(view, kind, kind.example, fresh))
  return view
}

t.test('a token is stored in one key, with the hash of its secret', (t) => {
  const plan = planCreate(new FakeView(), kind, kind.example, fresh)
  const written = writtenTo(plan, () => true)
  t.strictSame(Object.keys(written), [key])
  t.match(JSON.parse(written[key] ?? ''), {
    metadata: { name: 'ci', generation: 1, managedFields: [{}] },
    spec: { user: 'ci', groups: ['blue'] },
    status: { tokenSHA256: 'ab' },
  })
  t.notMatch(
    JSON.stringify(granted(planCreate(new FakeView(), kind, kind.example, context)).value.object),
    'tokenSHA256',
  )
  t.end()
})

t.test('no change of the object changes the hash, and clients do not choose it', (t) => {
  const status = { tokenSHA256: 'cd', token: 'x' }
  const made = planCreate(new FakeView(), kind, body({ user: 'ci' }, { status }), fresh)
  t.equal(statusOf(made), '{"tokenSHA256":"ab"}')
  const view = viewWithToken()
  const again = { ...context, secretHash: 'ef' }
  const labels = { metadata: { labels: { a: 'b' } } }
  const changes = [
    planMergePatch(view, kind, 'ci', { ...labels, status }, again),
    planReplace(view, kind, 'ci', { ...kind.example, metadata: { name: 'ci', ...labels.metadata }, status }, again),
    planApply(view, kind, 'ci', labels, { isForced: true }, again),
  ]
  for (const change of changes) t.equal(statusOf(change), '{"tokenSHA256":"ab"}')
  t.end()
})

t.test('the fields are checked', (t) => {
  const time = '2027-01-31T00:00:00Z'
  const many = (count: number): Json => Array.from({ length: count }, (_, index) => `g${index}`)
  const cases: readonly (readonly [spec: JsonObject, causes: readonly string[]])[] = [
    [{ user: 'ci' }, []],
    [{ user: 'ippoold:x', groups: ['ippoold:admins', 'a b'], expiresAt: time }, []],
    [{ user: 'a'.repeat(256), groups: many(64) }, []],
    [{}, ['spec.user: FieldValueRequired']],
    [{ user: '' }, ['spec.user: FieldValueRequired']],
    [{ user: 7 }, ['spec.user: FieldValueTypeInvalid']],
    [{ user: 'a'.repeat(257) }, ['spec.user: FieldValueInvalid']],
    [{ user: 'a\nb' }, ['spec.user: FieldValueInvalid']],
    [{ user: 'system:admin' }, ['spec.user: FieldValueInvalid']],
    [
      { user: 'ci', groups: ['system:masters', ''] },
      ['spec.groups[0]: FieldValueInvalid', 'spec.groups[1]: FieldValueRequired'],
    ],
    [{ user: 'ci', groups: many(65) }, ['spec.groups: FieldValueInvalid']],
    [{ user: 'ci', groups: 'blue' }, ['spec.groups: FieldValueTypeInvalid']],
    [{ user: 'ci', expiresAt: 'tomorrow' }, ['spec.expiresAt: FieldValueInvalid']],
    [{ user: 'ci', expiresAt: '' }, ['spec.expiresAt: FieldValueInvalid']],
    [{ user: 'ci', expiresAt: '2027-01-31' }, ['spec.expiresAt: FieldValueInvalid']],
  ]
  for (const [spec, causes] of cases) {
    t.strictSame(causesOf(planCreate(new FakeView(), kind, body(spec), fresh)), causes, JSON.stringify(spec))
  }
  t.end()
})

t.test('a token stays that of its user, and can only be made to expire earlier', (t) => {
  const cases: readonly (readonly [spec: JsonObject, causes: readonly string[]])[] = [
    [{ expiresAt: '2027-01-30T00:00:00Z' }, []],
    [{ expiresAt: '2027-01-31T00:00:00Z' }, []],
    [{ expiresAt: '2027-01-31T00:00:01Z' }, ['spec.expiresAt: FieldValueForbidden']],
    [{ expiresAt: null }, ['spec.expiresAt: FieldValueForbidden']],
    [{ user: 'root' }, ['spec.user: FieldValueForbidden']],
    [{ groups: ['blue', 'ippoold:admins'] }, ['spec.groups: FieldValueForbidden']],
    [{ groups: null }, ['spec.groups: FieldValueForbidden']],
  ]
  for (const [spec, causes] of cases) {
    t.strictSame(causesOf(planMergePatch(viewWithToken(), kind, 'ci', { spec }, context)), causes, JSON.stringify(spec))
  }
  const lasting = new FakeView()
  lasting.apply(planCreate(lasting, kind, body({ user: 'ci' }), fresh))
  t.strictSame(
    causesOf(planMergePatch(lasting, kind, 'ci', { spec: { expiresAt: '2030-01-01T00:00:00Z' } }, context)),
    [],
  )
  t.end()
})

t.test('who may not do everything makes tokens only for themselves', (t) => {
  const rights: Rights = {
    ...noRights,
    caller: { user: 'alice', groups: ['blue', 'green', 'system:authenticated'] },
  }
  const own = { ...fresh, rights }
  for (const spec of [
    { user: 'alice' },
    { user: 'alice', groups: ['green'] },
    { user: 'alice', groups: ['green', 'blue'] },
  ]) {
    t.ok(planCreate(new FakeView(), kind, body(spec), own).answer.ok, JSON.stringify(spec))
  }
  for (const spec of [
    { user: 'bob' },
    { user: 'alice', groups: ['red'] },
    { user: 'alice', groups: ['blue', 'ippoold:admins'] },
  ]) {
    const answer = { refusal: { reason: 'Forbidden', message: /can only be made by an administrator/ } }
    t.match(planCreate(new FakeView(), kind, body(spec), own).answer, answer, JSON.stringify(spec))
    const apply = planApply(new FakeView(), kind, 'ci', body(spec), { isForced: true }, own)
    t.match(apply.answer, answer)
  }
  const earlier = { spec: { expiresAt: '2027-01-01T00:00:00Z' } }
  t.ok(planMergePatch(viewWithToken(), kind, 'ci', earlier, own).answer.ok, 'an earlier end gives no rights')
  t.end()
})

t.test('a token is deleted with its only key', (t) => {
  const view = viewWithToken()
  t.strictSame(
    writtenTo(planDelete(view, kind, 'ci', {}, context), () => true),
    { [key]: undefined },
  )
  t.match(planRead(view, kind, 'ci').answer, { ok: true, value: { value: { hash: 'ab' } } })
  t.end()
})

t.test('a table says when a token ends and was used', (t) => {
  const cells = (object: JsonObject): readonly unknown[] =>
    kind.columns.map(({ cell }) => cell(object, { isAvailable: () => true } as never))
  t.strictSame(cells({ ...kind.example, status: { lastUsedAt: 'today' } }), [
    'ci',
    'blue',
    '2027-01-31T00:00:00Z',
    'today',
  ])
  t.strictSame(cells({ spec: { user: 'ci' } }), ['ci', '<none>', 'Never', 'Never'])
  t.end()
})

/** A view with these tokens, and the kind on a server that knows of them. */
function withTokens(specs: Readonly<Record<string, JsonObject>>, { hasOthers = false, hidden = '' } = {}) {
  const view = new FakeView()
  for (const [name, { annotations = {}, finalizers = [], ...spec }] of Object.entries(specs))
    view.apply(planCreate(view, kind, { metadata: { name, annotations, finalizers }, spec }, fresh))
  const admins: AdminWays = {
    hasOthers: () => hasOthers,
    tokens: () => Object.keys(specs).filter((name) => specs[name]?.['groups'] === admin && name !== hidden),
  }
  return { view, guarded: accesstokenKind(admins) }
}

const admin = ['ippoold:admins']
const never = { user: 'root', groups: admin }
const past = { ...never, expiresAt: '2026-11-01T00:00:00Z' }
const mayGo = { 'ippoold.io/last-admin': 'may-go' }

t.test('the last token of an admin is not deleted', (t) => {
  const refusal = {
    ok: false,
    refusal: {
      reason: 'Conflict',
      message:
        /^accesstokens\.ippoold\.io "a" is the last .* Create another .* annotation ippoold\.io\/last-admin to "may-go"/,
    },
  }
  const cases: readonly [string, Parameters<typeof withTokens>, boolean][] = [
    ['alone', [{ a: never }], false],
    ['with a finalizer', [{ a: { ...never, finalizers: ['a.b/c'] } }], false],
    ['beside one that has expired', [{ a: never, b: past }], false],
    ['beside one of no admin', [{ a: never, b: { user: 'root', groups: ['blue'] } }], false],
    ['beside another', [{ a: never, b: { ...never, expiresAt: '2027-11-01T00:00:00Z' } }], true],
    ['beside one that the index does not know yet', [{ a: never, b: never }, { hidden: 'b' }], false],
    ['with another way to be an admin', [{ a: never }, { hasOthers: true }], true],
    ['with the annotation', [{ a: { ...never, annotations: mayGo } }], true],
    ['with another value of it', [{ a: { ...never, annotations: { 'ippoold.io/last-admin': 'yes' } } }], false],
    ['of no admin', [{ a: { user: 'ci', groups: ['blue'] } }], true],
    ['that has expired', [{ a: past }], true],
  ]
  for (const [name, given, isAllowed] of cases) {
    const { view, guarded } = withTokens(...given)
    const { answer } = planDelete(view, guarded, 'a', {}, context)
    if (isAllowed) t.match(answer, { ok: true }, name)
    else t.match(answer, refusal, name)
  }
  t.match(
    planDelete(withTokens({ a: never }).view, kind, 'a', {}, context).answer,
    { ok: true },
    'without authentication',
  )
  t.end()
})

t.test('a delete proves that another token of an admin is there', (t) => {
  const { view, guarded } = withTokens({ a: never, b: never, c: never })
  view.reads.clear()
  const plan = planDelete(view, guarded, 'a', {}, context)
  t.ok(view.reads.has('/ippoold/v1/accesstokens/b'))
  t.notOk(view.reads.has('/ippoold/v1/accesstokens/c'), 'one is enough')
  view.apply(plan)
  view.apply(planDelete(view, guarded, 'b', {}, context))
  t.match(planDelete(view, guarded, 'c', {}, context).answer, { ok: false }, 'what the index does not know yet')
  t.end()
})

t.test('the last token of an admin does not expire earlier', (t) => {
  const until = (year: number): JsonObject => ({ spec: { expiresAt: `${year}-01-01T00:00:00Z` } })
  const change = (spec: JsonObject, patch: JsonObject, others: Readonly<Record<string, JsonObject>> = {}) => {
    const { view, guarded } = withTokens({ a: spec, ...others })
    return planMergePatch(view, guarded, 'a', patch, context).answer
  }
  const refused = { ok: false, refusal: { reason: 'Conflict', message: /last-admin/ } }
  t.match(change(never, until(2030)), refused)
  t.match(change({ ...never, expiresAt: '2040-01-01T00:00:00Z' }, until(2030)), refused)
  t.match(change(never, until(2030), { b: never }), { ok: true })
  t.match(change(never, { metadata: { annotations: mayGo }, ...until(2030) }), { ok: true }, 'with the annotation')
  t.match(change({ ...never, annotations: mayGo }, until(2030)), { ok: true }, 'set before')
  t.match(
    change({ ...never, annotations: mayGo }, { metadata: { annotations: null }, ...until(2030) }),
    refused,
    'and taken away',
  )
  t.match(change(never, { metadata: { labels: { a: 'b' } } }), { ok: true })
  t.end()
})
