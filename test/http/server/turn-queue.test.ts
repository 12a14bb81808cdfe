import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { TurnQueue } from '../../../src/http/server/turn-queue.ts'

t.test('tasks run in order, at once while the turn has room, and then a few in each turn', async (t) => {
  const done: number[] = []
  const queue = new TurnQueue<number>(3, (task) => done.push(task))
  const counts: number[] = []
  for (let task = 0; task < 8; task++) queue.add(task)
  for (let turn = 0; turn < 4; turn++) {
    counts.push(done.length)
    t.equal(queue.waiting, 8 - done.length)
    await nextTurn()
  }
  t.strictSame(counts, [3, 6, 8, 8])
  t.strictSame(done, [0, 1, 2, 3, 4, 5, 6, 7])
  for (let task = 8; task < 12; task++) queue.add(task)
  t.equal(done.length, 11, 'a later turn has room again')
})

t.test('what comes while others wait does not overtake them', async (t) => {
  const done: number[] = []
  const queue = new TurnQueue<number>(2, (task) => done.push(task))
  for (let task = 0; task < 5; task++) queue.add(task)
  await nextTurn()
  queue.add(5)
  await nextTurn()
  queue.add(6)
  await nextTurn()
  await nextTurn()
  t.strictSame(done, [0, 1, 2, 3, 4, 5, 6])
})

t.test('the number of tasks in a turn can be changed', async (t) => {
  const done: number[] = []
  const queue = new TurnQueue<number>(3, (task) => done.push(task))
  for (let task = 0; task < 6; task++) queue.add(task)
  queue.perTurn = 1
  await nextTurn()
  t.strictSame(done, [0, 1, 2, 3])
})
