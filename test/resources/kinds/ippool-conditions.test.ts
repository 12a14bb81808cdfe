import t from 'tap'
import { annexKey, type Json, poolKey } from '../../../src/model/index.ts'
import type { Lookup } from '../../../src/plan/index.ts'
import { planCreate, planKeepConditions, planMergePatch, planTellTerminating } from '../../../src/resources/index.ts'
import { keepAllocatable, lacksAllocatable, stateOf } from '../../../src/resources/kinds/ippool-conditions.ts'
import { objectIn } from '../../../src/resources/object/index.ts'
import { FakeView } from '../../support/fake-view.ts'
import { context, granted, mustParse, mustPool, poolBody, poolKind, storedPool } from '../fixtures.ts'
import { node1, now, poolText, Scene } from '../pool-scene.ts'

const revisionOf = (lookup: Lookup<unknown>): unknown => (lookup.kind === 'absent' ? undefined : lookup.revision)
const later = { nanoseconds: context.now.nanoseconds + 60_000_000_000n }
const time = '2026-11-23T03:59:00Z'
const laterTime = '2026-11-23T04:00:00Z'

const ok = {
  type: 'Allocatable',
  status: 'True',
  lastTransitionTime: time,
  reason: 'OK',
  message: 'IPPool is available for IP allocation.',
}
const off = {
  type: 'Allocatable',
  status: 'False',
  lastTransitionTime: time,
  reason: 'PoolDisabled',
  message: 'IPPool.Spec.Disabled is true',
}
const going = {
  type: 'Allocatable',
  status: 'False',
  lastTransitionTime: time,
  reason: 'Terminating',
  message: 'as it was',
}
const overlap = { type: 'Allocatable', status: 'False', reason: 'CIDROverlap' }
const deleted = { deletionTimestamp: time }

/** A pool: whether it is disabled, more metadata, and its conditions. */
function pool(isDisabled: boolean, metadata: Readonly<Record<string, Json>>, conditions?: Json) {
  const stored = mustPool({ ...(isDisabled && { disabled: true }) }, metadata)
  return conditions === undefined ? stored.object : { ...stored.object, status: { conditions } }
}

t.test('a pool has the condition that Calico would give it', (t) => {
  const cases = [
    ['new', pool(false, {}), { status: 'True', reason: 'OK', lastTransitionTime: laterTime }, 'Allocatable'],
    ['kept', pool(false, {}, [ok]), ok, 'Allocatable'],
    [
      'disabled',
      pool(true, {}, [ok]),
      { status: 'False', reason: 'PoolDisabled', lastTransitionTime: laterTime },
      'Disabled',
    ],
    ['still disabled', pool(true, {}, [off]), off, 'Disabled'],
    ['enabled', pool(false, {}, [off]), { ...ok, lastTransitionTime: laterTime }, 'Allocatable'],
    [
      'deleted',
      pool(true, deleted, [off]),
      { status: 'False', reason: 'Terminating', lastTransitionTime: laterTime },
      'Terminating',
    ],
    ['still deleted, whatever it says', pool(true, deleted, [going]), going, 'Terminating'],
    ['not deleted after all', pool(false, {}, [going]), { ...ok, lastTransitionTime: laterTime }, 'Allocatable'],
    ['barred by somebody else', pool(false, {}, [overlap]), overlap, 'CIDROverlap'],
    [
      'barred without a reason',
      pool(false, {}, [{ type: 'Allocatable', status: 'False' }]),
      { status: 'False' },
      'NotAllocatable',
    ],
    ['barred, and disabled', pool(true, {}, [overlap]), { reason: 'PoolDisabled' }, 'Disabled'],
    [
      'a status that nobody knows',
      pool(false, {}, [{ type: 'Allocatable', status: 'Unknown' }]),
      { reason: 'OK' },
      'Allocatable',
    ],
    ['conditions that are none', pool(false, {}, 'x'), { reason: 'OK' }, 'Allocatable'],
  ] as const
  for (const [name, object, want, state] of cases) {
    const kept = keepAllocatable(object, later)
    t.match(objectIn(kept, 'status')['conditions'], [{ type: 'Allocatable', ...want }], name)
    t.equal(keepAllocatable(kept, later), kept, `${name}: once`)
    t.equal(stateOf(kept), state, name)
  }
  t.equal(stateOf(pool(false, {})), 'Unknown')
  t.end()
})

t.test('other conditions stay in their places', (t) => {
  const kept = keepAllocatable(pool(true, {}, [{ type: 'A' }, ok, { type: 'B' }]), later)
  t.match(objectIn(kept, 'status')['conditions'], [{ type: 'A' }, { reason: 'PoolDisabled' }, { type: 'B' }])
  t.end()
})

t.test('a pool that cannot be used for another reason is left alone', (t) => {
  t.notOk(lacksAllocatable({ ...mustPool(), isAllocatable: false }, later))
  t.ok(lacksAllocatable(mustPool(), later))
  t.notOk(lacksAllocatable({ ...mustPool(), object: pool(false, {}, [ok]) }, later))
  t.end()
})

t.test('a change sets the condition in the same transaction; one that changes nothing leaves it', (t) => {
  const view = new FakeView()
  const kind = poolKind()
  const conditions = (): Json | undefined => {
    const lookup = view.get(poolKey('pool-a'))
    return lookup.kind === 'value' ? objectIn(lookup.value.object, 'status')['conditions'] : undefined
  }
  const created = granted({ answer: view.apply(planCreate(view, kind, poolBody(), context)), writes: [] })
  t.same(conditions(), [ok])
  t.same(objectIn(created.value.object, 'status')['conditions'], [ok], 'and is answered')
  const patch = (spec: Json, at = later) =>
    view.apply(planMergePatch(view, kind, 'pool-a', { spec }, { ...context, now: at }))
  patch({ disabled: true })
  t.same(conditions(), [{ ...off, lastTransitionTime: laterTime }])
  patch({ disabled: false }, context.now)
  t.same(conditions(), [ok])

  view.putText(poolKey('pool-a').text, storedPool)
  const { revision } = view
  patch({ disabled: false })
  t.equal(view.revision, revision)
  t.end()
})

t.test('the server gives pools that others wrote their condition', (t) => {
  const view = new FakeView()
  const keep = (name = 'pool-a') => view.apply(planKeepConditions(view, name, { now: later }))
  view.put(poolKey('pool-a'), mustPool({ disabled: true }))
  t.ok(keep())
  const lookup = view.get(poolKey('pool-a'))
  t.match(lookup, { value: { object: { status: { conditions: [{ ...off, lastTransitionTime: laterTime }] } } } })
  const { revision } = view
  t.notOk(keep(), 'once')
  t.notOk(keep('none'))
  view.putText(poolKey('broken').text, '{')
  t.notOk(keep('broken'))
  t.equal(view.revision, revision + 1n)
  view.putText(
    '/calico/resources/v3/projectcalico.org/clusterinformations/default',
    '{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"datastoreReady":false}}',
  )
  view.put(poolKey('pool-a'), mustPool())
  t.notOk(keep(), 'not while the cluster is locked')
  t.end()
})

t.test('an annex of a pool belongs to it with its condition, too', (t) => {
  const view = new FakeView()
  view.putText(poolKey('pool-a').text, storedPool)
  const patch = { metadata: { labels: { team: 'net' } } }
  t.ok(view.apply(planMergePatch(view, poolKind(), 'pool-a', patch, context)).ok)
  const annex = annexKey('ippools', 'pool-a')
  const before = view.get(annex)
  view.put(poolKey('pool-a'), mustPool())
  t.ok(view.apply(planKeepConditions(view, 'pool-a', { now: later })))
  const after = view.get(annex)
  t.equal(after.kind, 'value')
  t.not(revisionOf(after), revisionOf(before))
  t.end()
})

t.test('the condition of a pool that is being deleted tells what it waits for', (t) => {
  const scene = new Scene()
  const conditions = () => mustParse(scene.text(poolText))['status']
  const tell = (details: string, name = 'pool-a') =>
    scene.apply(planTellTerminating(scene, name, details, { now: { nanoseconds: now.nanoseconds + 10n ** 10n } }))
  tell('not yet')
  tell('of nothing', 'none')
  t.notMatch(JSON.stringify(conditions() ?? null), 'not yet', 'it is not being deleted')
  scene.block('10.10.0.8/29', node1, 2)
  scene.delete()
  const since = '2026-11-23T03:59:00Z'
  t.match(conditions(), {
    conditions: [{ lastTransitionTime: since, message: /released\. 2 addresses are in use\.$/ }],
  })
  tell('2 addresses are in use, by 1 handle.')
  t.match(conditions(), {
    conditions: [{ lastTransitionTime: since, message: /released\. 2 addresses .* 1 handle\.$/ }],
  })
  const { revision } = scene
  tell('2 addresses are in use, by 1 handle.')
  t.equal(scene.revision, revision, 'the same is not told again')
  t.end()
})
