import t from 'tap'
import { listSome, shorten } from '../../src/plan/index.ts'

t.test('a text is cut when it is longer than a message may quote, and the cut is marked', async (t) => {
  t.equal(shorten(''), '')
  t.equal(shorten('x'.repeat(100)), 'x'.repeat(100))
  t.equal(shorten('x'.repeat(101)), `${'x'.repeat(100)}...`)
  t.equal(shorten('abcd', 3), 'abc...')
  t.equal(shorten('abc', 3), 'abc')
})

t.test('a message lists the first texts, and says how many more there are', async (t) => {
  t.equal(listSome([]), '')
  t.equal(listSome(['a', 'b'], ', '), 'a, b')
  const eight = Array.from({ length: 8 }, () => 'x')
  t.equal(listSome(eight), 'x; x; x; x; x; x; x; x')
  t.equal(listSome([...eight, 'y', 'z']), 'x; x; x; x; x; x; x; x; and 2 more')
})
