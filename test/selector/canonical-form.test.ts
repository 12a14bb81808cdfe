import fc from 'fast-check'
import t from 'tap'
import { canonicalSelector, formatSelector, matches, parseSelector } from '../../src/selector/index.ts'
import { generated, labels } from './generated-selector.ts'

/** Text and its canonical form, the rules of docs/calico/formats.md 6.5. */
const canonicalForms: readonly (readonly [text: string, canonical: string, rule: string])[] = [
  ['  ', 'all()', 'blank is all()'],
  ['\tall( )  ', 'all()', 'trimmed'],
  ["a=='b'", 'a == "b"', 'one blank around operators, double quotes'],
  [`a=='say "hi"'`, `a == 'say "hi"'`, 'single quotes around a double one'],
  [`a=="it's"`, `a == "it's"`, 'double quotes around a single one'],
  ["a in {'z','B','b','z'}", 'a in {"B", "b", "z"}', 'sets are sorted and have no duplicates'],
  ['a not in { }', 'a not in {}', 'the empty set'],
  ["a notin{'x'}", 'a not in {"x"}', 'words apart'],
  ["a startswith 'x'", 'a starts with "x"', 'words apart'],
  ["a ends\twith 'x'", 'a ends with "x"', 'words apart'],
  ["a contains'x'", 'a contains "x"', 'words apart'],
  ['has( a )&&has( b )||!has( c )', '((has(a) && has(b)) || !has(c))', 'groups in parentheses, negation glued'],
  ['((has(a)))', 'has(a)', 'parentheses around one thing go'],
  ['(has(a) && has(b)) && has(c)', '((has(a) && has(b)) && has(c))', 'groups in groups stay'],
  ['has(a) && has(b) && has(c)', '(has(a) && has(b) && has(c))', 'a chain is one group'],
  ['!(has(a) || has(b))', '!(has(a) || has(b))', 'a negated group'],
  ['!!!has(a)', '!has(a)', 'pairs of negations go'],
  ['!(!(has(a)))', 'has(a)', 'pairs of negations go, through parentheses too'],
  ['  a = b  ', 'a = b', 'what is no selector is trimmed'],
  ["a == 'b'\n", "a == 'b'", 'what is no selector is trimmed, and stays as it is otherwise'],
]

for (const [text, canonical, rule] of canonicalForms) {
  t.test(`${JSON.stringify(text)} becomes ${canonical}: ${rule}`, (t) => {
    t.equal(canonicalSelector(text), canonical)
    t.end()
  })
}

t.test('the canonical form means the same, and is its own canonical form', (t) => {
  const property = fc.property(generated, fc.array(labels, { minLength: 1 }), ({ text, isSelected }, many) => {
    const canonical = canonicalSelector(text)
    const parsed = parseSelector(canonical)
    return (
      parsed.ok &&
      formatSelector(parsed.selector) === canonical &&
      many.every((labels) => matches(parsed.selector, labels) === isSelected(labels))
    )
  })
  t.doesNotThrow(() => {
    fc.assert(property, { numRuns: 1000 })
  })
  t.end()
})
