import fc from 'fast-check'
import t from 'tap'
import { Smallest } from '../../../../src/http/ipam/addresses/smallest.ts'

t.test('the smallest are those at the beginning when all are sorted', (t) => {
  const property = fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 12 }), (numbers, max) => {
    const compare = (one: number, other: number): number => one - other
    const smallest = new Smallest(max, compare)
    for (const number of numbers) smallest.add(number)
    t.strictSame(smallest.sorted(), numbers.toSorted(compare).slice(0, max))
  })
  fc.assert(property, { numRuns: 500 })
  t.end()
})
