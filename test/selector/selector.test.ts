import fc from 'fast-check'
import t from 'tap'
import { type Selector, group, negation, valueSet } from '../../src/selector/selector.ts'

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

t.test('the strings of a set are in the order of their UTF-8 bytes, each once', (t) => {
  t.strictSame([...valueSet(['b', 'a', '', 'B', 'ab', 'a'])], ['', 'B', 'a', 'ab', 'b'])
  t.strictSame([...valueSet(['\u{1f600}', '\uff5e', 'é', 'z'])], ['z', 'é', '\uff5e', '\u{1f600}'])
  t.strictSame([...valueSet([])], [])
  t.end()
})

t.test('the order of strings is that of buffers', (t) => {
  const string = fc.string({
    unit: fc.constantFrom('', 'a', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'),
    maxLength: 4,
  })
  const property = fc.property(fc.uniqueArray(string), (strings) => {
    const byBuffer = strings.map((text) => Buffer.from(text)).sort((a, b) => Buffer.compare(a, b))
    return [...valueSet(strings)].join('|') === byBuffer.map(String).join('|')
  })
  t.doesNotThrow(() => {
    fc.assert(property, { numRuns: 1000 })
  })
  t.end()
})
