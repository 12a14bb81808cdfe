import t from 'tap'
import { type Selector, group, negation } from '../../src/selector/selector.ts'

const hasA: Selector = { kind: 'has', label: 'a' }
const hasB: Selector = { kind: 'has', label: 'b' }

t.test('two negations cancel out', (t) => {
  t.strictSame(negation(hasA), { kind: 'not', operand: hasA })
  t.equal(negation(negation(hasA)), hasA)
  t.end()
})

t.test('a single operand needs no group', (t) => {
  t.equal(group('and', [], hasA), hasA)
  t.strictSame(group('or', [hasA], hasB), { kind: 'or', operands: [hasA, hasB] })
  t.end()
})
