import t from 'tap'
import { shorten } from '../../src/plan/index.ts'

t.test('a text is cut when it is longer than a message may quote, and the cut is marked', async (t) => {
  t.equal(shorten(''), '')
  t.equal(shorten('x'.repeat(100)), 'x'.repeat(100))
  t.equal(shorten('x'.repeat(101)), `${'x'.repeat(100)}...`)
  t.equal(shorten('abcd', 3), 'abc...')
  t.equal(shorten('abc', 3), 'abc')
})
