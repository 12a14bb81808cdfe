import t from 'tap'
import { blocks, handleKey, handles } from '../../src/model/index.ts'
import { Budget, carryOutSteps, inTurn, mapStep, type Step, stepLimits, type TakeStep } from '../../src/plan/index.ts'
import { FakeView } from '../support/fake-view.ts'

/** A change of so many steps, each of which answers its position. */
function change(steps: number, failing: Readonly<Record<number, Error>> = {}) {
  const taken: number[] = []
  const take: TakeStep<string> = (position, number) => {
    const at = Number(position)
    taken.push(number)
    const fault = failing[at]
    if (fault !== undefined) return Promise.reject(fault)
    return Promise.resolve({ answer: `step ${at}`, next: at + 1 < steps ? String(at + 1) : undefined })
  }
  return { take, taken }
}

const away = new Error('away')
const unknown = new Error('unknown')
const isHarmless = (fault: unknown): boolean => fault === away

t.test('a change is carried out step by step, and tells each of them', async (t) => {
  const { take, taken } = change(3)
  const told: Step<string>[] = []
  const progress = await carryOutSteps(take, { isHarmless, progressed: (step) => told.push(step) })
  t.strictSame(progress, { answers: ['step 0', 'step 1', 'step 2'], next: undefined, fault: undefined })
  t.strictSame(
    told.map(({ next }) => next),
    ['1', '2', undefined],
  )
  t.strictSame(taken, [0, 1, 2])
})

t.test('a change that was stopped is resumed where it ended', async (t) => {
  const { take } = change(3)
  let steps = 0
  const stopped = await carryOutSteps(take, { isHarmless, isStopped: () => steps++ === 2 })
  t.strictSame(stopped, { answers: ['step 0', 'step 1'], next: '2', fault: undefined })
  const rest = await carryOutSteps(take, { isHarmless, from: '2' })
  t.strictSame(rest, { answers: ['step 2'], next: undefined, fault: undefined })
  const none = await carryOutSteps(take, { isHarmless, isStopped: () => true })
  t.strictSame(none, { answers: [], next: '', fault: undefined })
})

t.test('the fault of the first step is that of the change; a later one ends it early', async (t) => {
  await t.rejects(carryOutSteps(change(3, { 0: away }).take, { isHarmless }), away)
  const ended = await carryOutSteps(change(3, { 2: away }).take, { isHarmless })
  t.strictSame(ended, { answers: ['step 0', 'step 1'], next: '2', fault: away })
  await t.rejects(carryOutSteps(change(3, { 2: away }).take, { isHarmless, from: '2' }), away)
})

t.test('what was thrown is reported as an error, whatever it is', async (t) => {
  const take: TakeStep<number> = (position) =>
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    position === '' ? Promise.resolve({ answer: 1, next: 'a' }) : Promise.reject('no error')
  t.match(await carryOutSteps(take, { isHarmless: () => true }), { fault: { message: 'no error' } })
})

t.test('a step of which nobody knows whether it was carried out is never passed over', async (t) => {
  await t.rejects(carryOutSteps(change(3, { 1: unknown }).take, { isHarmless }), unknown)
})

t.test('two changes in turn are one, which is resumed in either of them', async (t) => {
  const both = inTurn(change(2).take, 'then ', change(2).take)
  const all = await carryOutSteps(both, { isHarmless })
  t.strictSame(all.answers, ['step 0', 'step 1', 'step 0', 'step 1'])
  const positions: (string | undefined)[] = []
  await carryOutSteps(both, { isHarmless, progressed: ({ next }) => positions.push(next) })
  t.strictSame(positions, ['1', 'then ', 'then 1', undefined])
  t.strictSame((await carryOutSteps(both, { isHarmless, from: 'then 1' })).answers, ['step 1'])
})

t.test('a step has another form, and goes on in the same place', (t) => {
  t.strictSame(
    mapStep({ answer: 1, next: 'a' }, (one) => one + 1),
    { answer: 2, next: 'a' },
  )
  t.end()
})

t.test('a budget counts every key and every listing that the commit compares, once', (t) => {
  const view = new FakeView()
  view.occupy(handleKey('busy'))
  view.contest(handleKey('busy'))
  const budget = new Budget(view)
  const left = (): number => {
    for (let keys = stepLimits.keys; ; keys--) if (budget.hasRoom(keys)) return stepLimits.keys - keys
  }
  t.equal(left(), 0)
  for (const name of ['a', 'b', 'a']) budget.view.get(handleKey(name))
  t.equal(left(), 2)
  budget.view.list(handles, 'created')
  budget.view.list(handles, 'created')
  budget.view.list(handles, 'changed', `${handles.prefix}a`)
  budget.view.consult(blocks, 'created')
  t.equal(left(), 5)
  budget.view.list(handles, 'hint')
  budget.view.consult(blocks)
  budget.view.prefetch([handleKey('c')])
  budget.view.waitWith('others')
  t.equal(left(), 5, 'what is not compared takes no room')
  t.ok(budget.view.isBusy(handleKey('busy')))
  t.notOk(budget.view.isContested(handleKey('a')))
  t.ok(view.reads.has(handleKey('a').text))
  t.end()
})

t.test('there is room for one more value while the step has written less than its share of bytes', (t) => {
  const budget = new Budget(new FakeView())
  t.ok(budget.hasRoom(2, stepLimits.bytes - 1))
  t.notOk(budget.hasRoom(2, stepLimits.bytes))
  t.end()
})
