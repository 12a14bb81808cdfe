import t from 'tap'
import { Policies, type Rights } from '../../src/access/index.ts'
import { accessPolicyOf, BlockIndex, type JsonObject } from '../../src/model/index.ts'
import { mustParseCidr, type Cidr, formatCidr } from '../../src/net/index.ts'
import {
  planBuiltInPolicies,
  planCreate,
  planMergePatch,
  planRead,
  resourceKinds,
  type ServedKind,
  type StoredObject,
} from '../../src/resources/index.ts'
import { accesspolicyKind } from '../../src/resources/kinds/accesspolicy.ts'
import { FakeView } from '../support/fake-view.ts'
import { context, granted, poolBody, poolKind, writtenTo } from './fixtures.ts'

const kinds = resourceKinds(new BlockIndex())

function rightsBy(...rules: readonly JsonObject[]): Rights {
  const policy = accessPolicyOf({
    metadata: { name: 'p' },
    spec: { subjects: [{ kind: 'User', name: 'alice' }], rules },
  })
  if (!policy.ok) throw new Error(policy.problem)
  return new Policies([policy.value]).rightsOf({ user: 'alice', groups: [] })
}

t.test('the built-in policies are made once, and one that is deleted stays away', (t) => {
  const view = new FakeView()
  let uids = 0
  const plan = () => planBuiltInPolicies(view, kinds, { now: context.now, newUid: () => `uid-${++uids}` })
  const own = { metadata: { name: 'ippoold:edit' }, spec: {} }
  const kind = accesspolicyKind(kinds.map(({ plural }) => plural))
  view.apply(planCreate(view, kind, own, context))
  const first = plan()
  t.strictSame(first.answer, ['ippoold:view'], 'one that somebody made before stays as it is')
  t.strictSame(Object.keys(writtenTo(first, () => true)).sort(), [
    '/ippoold/v1/accesspolicies/ippoold:view',
    '/ippoold/v1/built-in/accesspolicies/ippoold:edit',
    '/ippoold/v1/built-in/accesspolicies/ippoold:view',
  ])
  view.apply(first)
  t.match(granted(planRead(view, kind, 'ippoold:view')).value, { subjects: [{ kind: 'Group', name: 'ippoold:view' }] })
  view.remove('/ippoold/v1/accesspolicies/ippoold:view')
  t.strictSame(plan(), { answer: [], writes: [] })
  t.strictSame(planBuiltInPolicies(new FakeView(), kinds, { now: context.now, newUid: () => 'u' }).answer, [
    'ippoold:view',
    'ippoold:edit',
  ])
  t.end()
})

t.test('who writes a policy needs the rights that it gives, unless these stay as they are', (t) => {
  const view = new FakeView()
  const kind = accesspolicyKind(['ippools'])
  view.apply(planCreate(view, kind, kind.example, context))
  const alice = { ...context, rights: rightsBy({ verbs: ['get'], resources: ['ippools'] }) }
  const patch = (body: JsonObject) => planMergePatch(view, kind, 'blue', body, alice).answer
  t.match(patch({ metadata: { labels: { a: 'b' } } }), { ok: true })
  const rules = [{ verbs: ['get', 'list'], resources: ['ippools'] }]
  t.match(patch({ spec: { rules } }), {
    refusal: {
      reason: 'Forbidden',
      message:
        /^accesspolicies\.ippoold\.io "blue" is forbidden: spec\.rules\[0\] allows to list ippools, a right that the caller lacks .* User "alice" needs/,
    },
  })
  t.match(patch({ spec: { rules: [{ verbs: ['get'], resources: ['ippools'] }] } }), { ok: true })
  const other = { metadata: { name: 'other' }, spec: { rules } }
  t.match(planCreate(view, kind, other, alice).answer, { refusal: { reason: 'Forbidden' } })
  t.end()
})

t.test('a range that is in use is refused without the names of pools that one may not see', (t) => {
  const view = new FakeView()
  const kind = poolKind()
  const create = (name: string, cidr: string, labels: JsonObject, rights: Rights = context.rights) =>
    planCreate(view, kind, poolBody({ cidr }, { name, labels }), { ...context, rights })
  view.apply(create('red', '10.1.0.0/24', { team: 'red' }))
  view.apply(create('blue', '10.1.1.0/24', { team: 'blue' }))
  const rights = rightsBy({ verbs: ['create', 'watch'], resources: ['ippools'], poolSelector: "team == 'blue'" })
  t.match(create('new', '10.1.0.0/16', { team: 'blue' }, rights).answer, {
    refusal: {
      causes: [{ message: /: overlaps with IPPool blue \(10\.1\.1\.0\/24\) and with a range that is in use$/ }],
    },
  })
  t.end()
})

t.test('what decides who may see an object: its own labels, or those of its pool, and its handle', (t) => {
  const pool = mustParseCidr('10.1.0.0/16')
  const labelsOf = (cidr: Cidr) => (formatCidr(cidr).startsWith('10.1.') ? { pool: formatCidr(pool) } : undefined)
  const accessed = (plural: string, object: StoredObject | undefined) => {
    const kind = kinds.find((one): one is ServedKind<StoredObject> => one.plural === plural)
    return object && kind?.accessed?.(object, labelsOf)
  }
  const labels = { pool: '10.1.0.0/16' }
  const of = (spec: JsonObject): StoredObject => ({ name: 'h', object: { spec } })
  for (const plural of ['ipamblocks', 'blockaffinities']) {
    t.strictSame(accessed(plural, of({ cidr: '10.1.0.0/26' })), [{ poolLabels: labels }], plural)
    t.strictSame(accessed(plural, of({ cidr: '10.2.0.0/26' })), [{ poolLabels: undefined }], plural)
    t.strictSame(accessed(plural, of({})), [{ poolLabels: undefined }], plural)
  }
  t.strictSame(accessed('ipamhandles', of({ block: { '10.1.0.0/26': 1, '10.2.0.0/26': 1 } })), [
    { handle: 'h', poolLabels: labels },
    { handle: 'h', poolLabels: undefined },
  ])
  t.strictSame(accessed('ipamhandles', of({ block: {} })), [{ handle: 'h' }])
  const kind = poolKind()
  const created = granted(planCreate(new FakeView(), kind, poolBody({}, { labels: { a: 'b' } }), context))
  t.same(kind.accessed?.(created.value, labelsOf), [{ poolLabels: { a: 'b' } }])
  t.equal(accessed('nodes', of({})), undefined)
  t.end()
})
