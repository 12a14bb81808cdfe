import t from 'tap'
import { type Pool, poolKey, type Reservation } from '../../../src/model/index.ts'
import { remove } from '../../../src/plan/index.ts'
import { planDelete, planCreate, planMergePatch, type ResourceKind } from '../../../src/resources/index.ts'
import type { Removal } from '../../../src/resources/kind.ts'
import { ipreservationKind } from '../../../src/resources/kinds/ipreservation.ts'
import { FakeView } from '../../support/fake-view.ts'
import { context, granted, mustPool, poolKind, written } from '../fixtures.ts'

/** IP pools that go, or stay, as the test wants it. */
function kindThat(planRemoval: (pool: Pool) => Removal<Pool>): ResourceKind<Pool> {
  return { ...poolKind(), planRemoval: (_view, { value }) => planRemoval(value) }
}

const going = kindThat((pool) => ({ kind: 'gone', writes: [remove(poolKey(pool.name))] }))

function viewWithPool(): FakeView {
  const view = new FakeView()
  view.put(poolKey('pool-a'), mustPool({}, { uid: 'u' }))
  return view
}

t.test('an object without finalizers is gone, and is returned in its last state', (t) => {
  const view = viewWithPool()
  const plan = planDelete(view, going, 'pool-a', {}, context)
  t.match(granted(plan), {
    answer: { isGone: true, isWritten: false, revisionBefore: 2n, value: { name: 'pool-a' } },
    next: undefined,
  })
  t.strictSame(written(plan), { [poolKey('pool-a').text]: undefined })
  view.apply(plan)
  t.match(planDelete(view, going, 'pool-a', {}, context).answer, { refusal: { reason: 'NotFound' } })
  t.end()
})

t.test('an object with finalizers is marked once', (t) => {
  const marked = mustPool({ disabled: true })
  const marking = kindThat(() => ({
    kind: 'terminating',
    value: marked,
    writes: [{ kind: 'put', key: poolKey('pool-a'), value: marked, isExpiring: false, encode: () => 'marked' }],
  }))
  const plan = planDelete(viewWithPool(), marking, 'pool-a', {}, context)
  t.match(granted(plan).answer, { isGone: false, isWritten: true, revisionBefore: 2n, value: marked })
  t.strictSame(written(plan), { [poolKey('pool-a').text]: 'marked' })
  const again = planDelete(
    viewWithPool(),
    kindThat((pool) => ({ kind: 'terminating', value: pool, writes: [] })),
    'pool-a',
    {},
    context,
  )
  t.match(granted(again).answer, { isGone: false, isWritten: false, revisionBefore: 2n })
  t.strictSame(again.writes, [])
  t.end()
})

t.test('what takes several steps says where the next one begins, and passes it on', (t) => {
  const stepwise: ResourceKind<Pool> = {
    ...going,
    planRemoval: (_view, _stored, _context, position) =>
      position === '' ? { kind: 'partly', writes: [], next: 'second' } : { kind: 'gone', writes: [] },
  }
  t.match(granted(planDelete(viewWithPool(), stepwise, 'pool-a', {}, context)), {
    answer: { isGone: false, isWritten: false },
    next: 'second',
  })
  t.match(granted(planDelete(viewWithPool(), stepwise, 'pool-a', {}, context, 'second')), {
    answer: { isGone: true },
    next: undefined,
  })
  t.end()
})

t.test('a delete checks its preconditions', (t) => {
  const rows: readonly (readonly [name: string, Parameters<typeof planDelete>[3], isRight: boolean])[] = [
    ['this object', { uid: 'u' }, true],
    ['another object', { uid: 'v' }, false],
    ['this version', { resourceVersion: '2' }, true],
    ['another version', { resourceVersion: '3' }, false],
  ]
  for (const [name, preconditions, isRight] of rows) {
    const plan = planDelete(viewWithPool(), going, 'pool-a', preconditions, context)
    t.equal(plan.answer.ok, isRight, name)
    if (!isRight) t.match(plan, { answer: { refusal: { reason: 'Conflict' } }, writes: [] }, name)
  }
  t.end()
})

t.test('an object that its kind refuses to delete stays', (t) => {
  const refusing = kindThat(() => ({ kind: 'refused', refusal: { reason: 'Conflict', message: 'in use', causes: [] } }))
  t.strictSame(planDelete(viewWithPool(), refusing, 'pool-a', {}, context), {
    answer: { ok: false, refusal: { reason: 'Conflict', message: 'in use', causes: [] } },
    writes: [],
  })
  t.end()
})

t.test('what cannot be read is left alone', (t) => {
  const view = new FakeView()
  view.putText(poolKey('pool-a').text, '{')
  t.match(planDelete(view, going, 'pool-a', {}, context), {
    answer: { refusal: { reason: 'InternalError' } },
    writes: [],
  })
  t.end()
})

t.test('an object with finalizers is marked, and removed with the last of them', (t) => {
  const view = new FakeView()
  const body = { metadata: { name: 'r', finalizers: ['a/one', 'a/two'] }, spec: { reservedCIDRs: ['10.0.0.0/28'] } }
  view.apply(planCreate(view, ipreservationKind, body, context))
  const deleted = granted({ answer: view.apply(planDelete(view, ipreservationKind, 'r', {}, context)), writes: [] })
  t.match(deleted.answer, {
    isGone: false,
    isWritten: true,
    value: {
      object: {
        metadata: { deletionTimestamp: '2026-11-23T03:59:00Z', deletionGracePeriodSeconds: 0, generation: 2 },
      },
    },
  })
  const again = planDelete(view, ipreservationKind, 'r', {}, context)
  t.match(granted(again).answer, { isGone: false, isWritten: false })
  t.strictSame(again.writes, [])

  const keep = (finalizers: readonly string[]) =>
    granted({
      answer: view.apply(planMergePatch(view, ipreservationKind, 'r', { metadata: { finalizers } }, context)),
      writes: [],
    })
  keep(['a/two'])
  t.equal(view.keys('/').length, 2, 'one is still in the way')
  t.match(keep([]), { isWritten: true, value: { name: 'r' } })
  t.strictSame(view.keys('/'), [], 'neither the object is left, nor its annex')
  t.end()
})

t.test('if the kind refuses the removal, the last finalizer stays', (t) => {
  const view = new FakeView()
  const refusing: ResourceKind<Reservation> = {
    ...ipreservationKind,
    planRemoval: () => ({ kind: 'refused', refusal: { reason: 'Conflict', message: 'no', causes: [] } }),
  }
  view.apply(planCreate(view, refusing, { metadata: { name: 'r', finalizers: ['a/b'] } }, context))
  view.apply(planDelete(view, refusing, 'r', {}, context))
  const plan = planMergePatch(view, refusing, 'r', { metadata: { finalizers: [] } }, context)
  t.match(plan, { answer: { refusal: { reason: 'Conflict' } }, writes: [] })
  t.end()
})
