import t from 'tap'
import { matches, parseSelector } from '../../src/selector/index.ts'

type Labels = Readonly<Record<string, string>>

/** Row of docs/calico/formats.md section 6.6: selector, labels, whether it selects them. */
const selected: readonly (readonly [row: number, text: string, labels: Labels, isSelected: boolean])[] = [
  [1, '', {}, true],
  [2, 'all( )', { a: 'b' }, true],
  [3, '!all()', {}, false],
  [6, 'global()', {}, true],
  [7, "a == 'b'", { a: 'b' }, true],
  [8, "a=='b'", {}, false],
  [11, "a == ''", { a: '' }, true],
  [12, "a == ''", {}, false],
  [13, `a == "b'c"`, { a: "b'c" }, true],
  [14, "a == 'B'", { a: 'b' }, false],
  [14, "A == 'b'", { a: 'b' }, false],
  [15, "a != 'b'", { a: 'c' }, true],
  [16, "a != 'b'", {}, true],
  [17, "has(a) && a != 'b'", {}, false],
  [18, "!a == 'b'", {}, true],
  [19, "! (a == 'b')", { a: 'b' }, false],
  [20, '!!has(a)', { a: '' }, true],
  [21, 'has( a )', { a: 'x' }, true],
  [24, `a in {'x', "y"}`, { a: 'y' }, true],
  [25, "a in{'y','x','x',}", { a: 'x' }, true],
  [26, "a in {'x','y'}", {}, false],
  [27, 'a in {}', { a: 'x' }, false],
  [28, 'a not in {}', {}, true],
  [29, "a not in {'x'}", {}, true],
  [30, "a notin {'x'}", { a: 'x' }, false],
  [34, "a contains 'bc'", { a: 'abcd' }, true],
  [35, "a contains ''", {}, false],
  [36, "a startswith 'ab'", { a: 'xab' }, false],
  [37, "a starts  \twith'ab'", { a: 'abc' }, true],
  [38, "a ends with '.local'", { a: 'n1.local' }, true],
  [40, "a == 'b' || c == 'd' && e == 'f'", { a: 'b' }, true],
  [41, "(a == 'b' || c == 'd') && e == 'f'", { a: 'b' }, false],
  [42, "((a == 'b'))", { a: 'b' }, true],
  [50, "topology.kubernetes.io/zone == 'eu-1'", { 'topology.kubernetes.io/zone': 'eu-1' }, true],
  [50, "-_./ == 'x'", { '-_./': 'x' }, true],
  [52, "a == 'é'", { a: 'é' }, true],
  [53, "not in {'x'}", { not: 'y' }, false],
  [54, `a in {"it's", 'say "hi"'}`, { a: "it's" }, true],
]

for (const [row, text, labels, isSelected] of selected) {
  const verb = isSelected ? 'selects' : 'does not select'
  t.test(`row ${row}: ${text} ${verb} ${JSON.stringify(labels)}`, (t) => {
    const parsed = parseSelector(text)
    if (!parsed.ok) throw new Error(parsed.error.message)
    t.equal(matches(parsed.selector, labels), isSelected)
    t.end()
  })
}

const operator = 'an operator (==, !=, in, not in, contains, starts with, ends with)'
const primitive = 'a label name, has(), all(), "!" or "("'
const set = 'a set, like {"a", "b"}'
const stringOrBrace = 'a string in quotes or "}"'
const connectiveOrEnd = '"&&", "||" or the end'
const connectiveOrParenthesis = '"&&", "||" or ")"'

/** Row of docs/calico/formats.md section 6.6: selector, position of the error, what was expected there. */
const refused: readonly (readonly [row: number, text: string, position: number, expected: string])[] = [
  [4, 'all ()', 4, operator],
  [5, 'ALL()', 3, operator],
  [5, 'all(x)', 4, '")"'],
  [9, "a = 'b'", 2, '"=="'],
  [10, 'a == b', 5, 'a string in quotes'],
  [10, 'a ==', 4, 'a string in quotes'],
  [22, 'has (a)', 4, operator],
  [23, 'has()', 4, 'a label name'],
  [23, "has('a')", 4, 'a label name'],
  [31, "a in ('x')", 5, set],
  [32, "a in {'x'", 9, stringOrBrace],
  [32, 'a in {,}', 6, stringOrBrace],
  [32, 'a in {x}', 6, stringOrBrace],
  [33, "a !in {'x'}", 2, operator],
  [39, "a containing 'x'", 2, operator],
  [39, "a CONTAINS 'x'", 2, operator],
  [39, 'a b', 2, operator],
  [43, "a == 'b' c == 'd'", 9, connectiveOrEnd],
  [43, "a == 'b')", 8, connectiveOrEnd],
  [43, 'has(a)has(b)', 6, connectiveOrEnd],
  [43, "a == 'x' == 'x'", 9, connectiveOrEnd],
  [44, "a == 'b' &&", 11, primitive],
  [44, '!', 1, primitive],
  [45, "&& a == 'b'", 0, primitive],
  [45, '()', 1, primitive],
  [45, "'a' == 'b'", 0, primitive],
  [46, "a == 'b' & c == 'd'", 9, '"&&"'],
  [47, "(a == 'b'", 9, connectiveOrParenthesis],
  [48, 'a', 1, operator],
  [49, "a == 'b", 7, "the closing ' of the string"],
  [51, "a:b == 'x'", 1, operator],
  [51, "a@b == 'x'", 1, operator],
  [52, "é == 'x'", 0, 'a label name'],
  [52, "a == 'b'\n", 8, 'a label name'],
]

for (const [row, text, position, expected] of refused) {
  t.test(`row ${row}: ${JSON.stringify(text)} stops making sense at ${position}`, (t) => {
    const parsed = parseSelector(text)
    t.match(parsed, { ok: false, error: { position, expected } })
    t.end()
  })
}

t.test('every row of the table is here', (t) => {
  const rows = new Set([...selected.map(([row]) => row), ...refused.map(([row]) => row)])
  t.strictSame(
    [...rows].sort((a, b) => a - b),
    Array.from({ length: 54 }, (_, index) => index + 1),
  )
  t.end()
})
