import t from 'tap'
import { firstAtOrAfter } from '../../src/plan/index.ts'

t.test('the first entry at a key or after it, by texts, numbers and bigints', (t) => {
  const texts = ['b', 'd', 'd', 'f']
  const cases: [key: string, position: number][] = [
    ['a', 0],
    ['b', 0],
    ['c', 1],
    ['d', 1],
    ['e', 3],
    ['f', 3],
    ['g', 4],
  ]
  for (const [key, position] of cases) {
    t.equal(
      firstAtOrAfter(texts, key, (text) => text),
      position,
      key,
    )
  }
  t.equal(
    firstAtOrAfter([{ size: 1 }, { size: 10 }], 2, ({ size }) => size),
    1,
  )
  t.equal(
    firstAtOrAfter([2n ** 80n, 2n ** 90n], 2n ** 90n, (value) => value),
    1,
  )
  t.equal(
    firstAtOrAfter([], '', (text: string) => text),
    0,
  )
  t.end()
})
