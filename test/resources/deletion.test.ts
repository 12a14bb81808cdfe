import t from 'tap'
import { remove } from '../../src/datastore/index.ts'
import { type Pool, poolKey } from '../../src/model/index.ts'
import { planDelete } from '../../src/resources/deletion.ts'
import type { Removal, ResourceKind } from '../../src/resources/kind.ts'
import { FakeView } from '../support/fake-view.ts'
import { context, granted, mustPool, poolKind, written } from './fixtures.ts'

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

t.test('an object that nothing holds back is gone, and was this', (t) => {
  const view = viewWithPool()
  const plan = planDelete(view, going, 'pool-a', {}, context)
  t.match(granted(plan), { isGone: true, isWritten: false, revisionBefore: 2n, value: { name: 'pool-a' } })
  t.strictSame(written(plan), { [poolKey('pool-a').text]: undefined })
  view.apply(plan)
  t.match(planDelete(view, going, 'pool-a', {}, context).answer, { refusal: { reason: 'NotFound' } })
  t.end()
})

t.test('an object that is held back is marked once', (t) => {
  const marked = mustPool({ disabled: true })
  const marking = kindThat(() => ({
    kind: 'terminating',
    value: marked,
    writes: [{ kind: 'put', key: poolKey('pool-a'), value: marked, isExpiring: false, encode: () => 'marked' }],
  }))
  const plan = planDelete(viewWithPool(), marking, 'pool-a', {}, context)
  t.match(granted(plan), { isGone: false, isWritten: true, revisionBefore: 2n, value: marked })
  t.strictSame(written(plan), { [poolKey('pool-a').text]: 'marked' })
  const again = planDelete(
    viewWithPool(),
    kindThat((pool) => ({ kind: 'terminating', value: pool, writes: [] })),
    'pool-a',
    {},
    context,
  )
  t.match(granted(again), { isGone: false, isWritten: false, revisionBefore: 2n })
  t.strictSame(again.writes, [])
  t.end()
})

t.test('a delete is for the object that is meant', (t) => {
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

t.test('what the kind refuses to delete stays', (t) => {
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
