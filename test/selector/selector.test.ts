import t from 'tap'
import type { Selector } from '../../src/selector/index.ts'
import { joinOperands, negate } from '../../src/selector/selector.ts'

const hasA: Selector = { kind: 'has', label: 'a' }
const hasB: Selector = { kind: 'has', label: 'b' }

t.test('two negations cancel out', (t) => {
  t.strictSame(negate(hasA), { kind: 'not', operand: hasA })
  t.equal(negate(negate(hasA)), hasA)
  t.end()
})

t.test('a single operand needs no group', (t) => {
  t.equal(joinOperands('and', [], hasA), hasA)
  t.strictSame(joinOperands('or', [hasA], hasB), { kind: 'or', operands: [hasA, hasB] })
  t.end()
})
