import t from 'tap'
import { Rounds } from '../../../src/datastore/planning/index.ts'

/** Work that ends when it is told to, and answers how often it was begun. */
function work() {
  const ends: (() => void)[] = []
  const fails: ((error: Error) => void)[] = []
  let begun = 0
  const rounds = new Rounds(async () => {
    const round = ++begun
    await new Promise<void>((resolve, reject) => {
      ends.push(resolve)
      fails.push(reject)
    })
    return round
  })
  return { rounds, begun: () => begun, end: () => ends.at(-1)?.(), fail: () => fails.at(-1)?.(new Error('no answer')) }
}

/** Lets everything happen that waits for nothing else. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('a round serves all who asked before it began, and nobody who asked later', async (t) => {
  const { rounds, begun, end } = work()
  const first = rounds.join()
  const others = Array.from({ length: 20 }, () => rounds.join())
  t.equal(begun(), 1)
  end()
  t.equal(await first, 1)
  await settle()
  t.equal(begun(), 2)
  const late = rounds.join()
  end()
  t.strictSame(await Promise.all(others), Array(20).fill(2))
  await settle()
  end()
  t.equal(await late, 3)
})

t.test('a round begins at once when none is running', async (t) => {
  const { rounds, end } = work()
  for (const round of [1, 2, 3]) {
    const joined = rounds.join()
    end()
    t.equal(await joined, round)
  }
})

t.test('a round that fails fails those who joined it, not those after them', async (t) => {
  const { rounds, end, fail } = work()
  const first = t.rejects(rounds.join(), { message: 'no answer' })
  const second = rounds.join()
  fail()
  await first
  await settle()
  end()
  t.equal(await second, 2)
})
