import fc from 'fast-check'
import t from 'tap'
import { matches, parseSelector } from '../../src/selector/index.ts'
import { generated, labels } from './generated-selector.ts'

t.test('blank text selects everything', (t) => {
  for (const text of ['', ' ', '\t \t']) t.strictSame(parseSelector(text), { ok: true, selector: { kind: 'all' } })
  t.match(parseSelector('\n'), { ok: false, error: { position: 0, expected: 'a label name' } })
  t.end()
})

t.test('a selector is a tree that does not keep the spelling', (t) => {
  t.strictSame(parseSelector("!(a == 'x') && (b not in {'z', 'y', 'z'} || !!has(c) || global())"), {
    ok: true,
    selector: {
      kind: 'and',
      operands: [
        { kind: 'not', operand: { kind: 'comparison', label: 'a', operator: '==', value: 'x' } },
        {
          kind: 'or',
          operands: [
            { kind: 'membership', label: 'b', operator: 'not in', values: new Set(['y', 'z']) },
            { kind: 'has', label: 'c' },
            { kind: 'global' },
          ],
        },
      ],
    },
  })
  t.end()
})

t.test('words are not reserved', (t) => {
  for (const text of [
    "all == 'x'",
    "in in {'x'}",
    "not in {'x'}",
    "not not in {'x'}",
    "has contains 'x'",
    "ends ends with 'x'",
  ]) {
    t.ok(parseSelector(text).ok, text)
  }
  t.end()
})

t.test('a set may end in one comma, not in two', (t) => {
  t.ok(parseSelector("a in {'x',}").ok)
  t.match(parseSelector("a in {'x',,}"), { ok: false, error: { position: 10 } })
  t.match(parseSelector("a in {'x' 'y'}"), { ok: false, error: { position: 10 } })
  t.end()
})

t.test('a message names the position, what was expected and what was found', (t) => {
  const messageOf = (text: string): string | undefined => {
    const parsed = parseSelector(text)
    return parsed.ok ? undefined : parsed.error.message
  }
  t.equal(messageOf("zone = 'eu'"), 'expected "==" at position 5, found `= \'eu\'`')
  t.equal(messageOf('(has(a)'), 'expected "&&", "||" or ")" at position 7, found the end of the selector')
  t.equal(
    messageOf('has(a) \u{1f600}23456789012345678901'),
    'expected a label name at position 7, found `\u{1f600}2345678901234567890…`',
  )
  t.equal(
    messageOf('has(a) \n\n34567890123456789012345'),
    'expected a label name at position 7, found `\n\n345678901234567890…`',
  )
  t.end()
})

t.test('deep nesting is read as far as 1,024 characters can go, and never exhausts the stack', (t) => {
  const nested = (depth: number): string => `${'('.repeat(depth)}has(a)${')'.repeat(depth)}`
  t.strictSame(parseSelector(nested(509)), { ok: true, selector: { kind: 'has', label: 'a' } })
  t.ok(parseSelector(nested(512)).ok)
  t.match(parseSelector(nested(513)), {
    ok: false,
    error: { position: 512, expected: 'at most 512 nested parentheses' },
  })
  for (const piece of ['(', '!', '!(', ')', 'a', '{', "'", 'all()', 'all()&&', 'has(']) {
    t.notOk(parseSelector(piece.repeat(1024 / piece.length + 1)).ok, piece)
    t.notOk(parseSelector(piece.repeat(100_000)).ok, `${piece} a hundred thousand times`)
  }
  t.ok(parseSelector(`${'!'.repeat(100_000)}all()`).ok)
  t.ok(parseSelector(`${'(all()) && '.repeat(10_000)}all()`).ok)
  t.end()
})

t.test('a selector in any spelling selects what it says', (t) => {
  const property = fc.property(generated, fc.array(labels, { minLength: 1 }), ({ text, isSelected }, many) => {
    const parsed = parseSelector(text)
    return parsed.ok && many.every((labels) => matches(parsed.selector, labels) === isSelected(labels))
  })
  t.doesNotThrow(() => {
    fc.assert(property, { numRuns: 1000 })
  })
  t.end()
})

t.test('any text is a selector or has an error with a position in it', (t) => {
  const piece = fc.constantFrom(
    'a',
    'has(',
    'all(',
    ')',
    '(',
    '!',
    '&&',
    '||',
    '==',
    '{',
    '}',
    ',',
    "'x'",
    '"',
    ' in ',
    ' ',
    '\n',
    '=',
    'é',
  )
  const property = fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
    const text = pieces.join('')
    const parsed = parseSelector(text)
    return parsed.ok || (parsed.error.position >= 0 && parsed.error.position <= text.length)
  })
  t.doesNotThrow(() => {
    fc.assert(property, { numRuns: 2000 })
  })
  t.end()
})
