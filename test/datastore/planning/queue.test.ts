import t from 'tap'
import { Operation } from '../../../src/datastore/planning/operation.ts'
import { Queue } from '../../../src/datastore/planning/queue.ts'
import { answerOnly } from '../../../src/plan/index.ts'
import { FakeView } from '../../support/fake-view.ts'

/** Operations 0, 1, 2, ... in the order of submission. */
function operations(count: number): Operation[] {
  return Array.from({ length: count }, (_, sequence) => {
    const plan = () => answerOnly(sequence)
    const operation = new Operation({ sequence, plan, isDryRun: false, submittedMs: 0, deadline: Infinity })
    operation.outcome.catch(() => undefined)
    return operation
  })
}

/** The sequence numbers of what is taken out, as long as there is anything. */
function takeAll(queue: Queue): number[] {
  const taken: number[] = []
  queue.takeWhile(({ sequence }) => taken.push(sequence) > 0)
  return taken
}

/** A queue, and operations 0 to 5 to put into it. */
function start() {
  const [a, b, c, d, e, f] = operations(6)
  if (!a || !b || !c || !d || !e || !f) throw new Error('Six operations were made.')
  return { queue: new Queue(), a, b, c, d, e, f }
}

t.test('operations are taken in the order of submission', async (t) => {
  const { queue, a, b, c } = start()
  t.equal(queue.length, 0)
  for (const operation of [a, b, c]) queue.add(operation)
  t.equal(queue.length, 3)
  t.strictSame(takeAll(queue), [0, 1, 2])
  t.equal(queue.length, 0)
})

t.test('one that is declined stays, and so does everything behind it', async (t) => {
  const { queue, a, b, c } = start()
  for (const operation of [a, b, c]) queue.add(operation)
  queue.takeWhile(({ sequence }) => sequence < 1)
  t.strictSame(takeAll(queue), [1, 2])
})

t.test('what is put back goes before everything that was submitted after it', async (t) => {
  const { queue, a, b, c, d, e } = start()
  for (const operation of [b, d]) queue.add(operation)
  queue.putBack([e, a])
  queue.putBack([])
  queue.putBack([c])
  t.strictSame(takeAll(queue), [0, 1, 2, 3, 4])
})

t.test('what is parked waits for its key', async (t) => {
  const { queue, a, b, c, d } = start()
  queue.park('/one', b)
  queue.park('/one', a)
  queue.park('/two', c)
  queue.add(d)
  t.strictSame(takeAll(queue), [3])
  queue.wake(['/none', '/one'])
  t.strictSame(takeAll(queue), [0, 1])
  queue.wake(['/one'])
  t.equal(queue.length, 0)
  queue.wake(['/two', '/two'])
  t.strictSame(takeAll(queue), [2])
})

t.test('what is settled meanwhile is skipped, and can be dropped at once', async (t) => {
  const { queue, a, b, c, d, e, f } = start()
  for (const operation of [a, b]) queue.add(operation)
  a.fail(new Error('too late'))
  t.strictSame(takeAll(queue), [1])
  queue.putBack([a])
  t.equal(queue.length, 0)
  queue.add(c)
  queue.park('/one', d)
  queue.park('/one', e)
  queue.add(f)
  for (const operation of [c, d]) operation.fail(new Error('too late'))
  queue.dropSettled()
  t.strictSame(takeAll(queue), [5])
  queue.wake(['/one'])
  t.strictSame(takeAll(queue), [4])
})

t.test('an operation is settled once, with the answer of the plan that ran last', async (t) => {
  let runs = 0
  const plan = () => answerOnly(++runs)
  const view = new FakeView()
  const [failed, settled, unplanned] = Array.from(
    { length: 3 },
    (_, sequence) => new Operation({ sequence, plan, isDryRun: false, submittedMs: 0, deadline: Infinity }),
  )
  if (!failed || !settled || !unplanned) throw new Error('Three operations were made.')
  t.notOk(failed.isSettled)
  let ends = 0
  failed.onEnd = () => ends++
  failed.plan(view)
  failed.fail(new Error('too late'))
  failed.settle(1n)
  failed.fail(new Error('later still'))
  t.ok(failed.isSettled)
  t.equal(ends, 1)
  await t.rejects(failed.outcome, { message: 'too late' })

  settled.plan(view)
  settled.plan(view)
  settled.settle(7n)
  settled.fail(new Error('too late'))
  t.strictSame(await settled.outcome, { answer: 3, revision: 7n })

  unplanned.settle(8n)
  await t.rejects(unplanned.outcome, { message: /without a plan/ })
})
