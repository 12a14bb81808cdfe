import t from 'tap'
import { matchesLabels, parseLabelSelector } from '../../src/resources/index.ts'
import { everyLabel } from '../../src/resources/label-selector.ts'

const labels = { team: 'x', zone: 'a', empty: '', 'example.org/kind': 'b.c-d_e' }

t.test('a selector says which labels an object has', (t) => {
  const rows: readonly (readonly [string, boolean])[] = [
    ['', true],
    [' \t', true],
    ['team', true],
    ['nosuch', false],
    ['!team', false],
    ['! nosuch', true],
    ['team=x', true],
    ['team==x', true],
    [' team == x ', true],
    ['team=y', false],
    ['nosuch=x', false],
    ['team!=y', true],
    ['team!=x', false],
    ['nosuch!=x', true],
    ['empty=', true],
    ['team=', false],
    ['empty=,team', true],
    ['empty!=', false],
    ['team in (x)', true],
    ['team in (y, x)', true],
    ['team in (y,z)', false],
    ['nosuch in (x)', false],
    ['empty in ()', true],
    ['empty in (,x)', true],
    ['team notin (x)', false],
    ['team notin (y,z)', true],
    ['nosuch notin (x)', true],
    ['team=x,zone=a', true],
    ['team=x,zone=b', false],
    ['team in (x,y),!nosuch,zone!=b', true],
    ['example.org/kind=b.c-d_e', true],
    ['in in (x)', false],
    ['notin', false],
    ['toString', false],
    ['constructor!=x', true],
  ]
  for (const [text, want] of rows) {
    const parsed = parseLabelSelector(text)
    t.equal(parsed.ok && matchesLabels(parsed.selector, labels), want, JSON.stringify(text))
  }
  t.end()
})

t.test('a malformed selector is refused with the position', (t) => {
  const rows: readonly (readonly [string, string])[] = [
    [',', 'expected a label name at position 0, found ","'],
    ['team=x,', 'expected a label name at position 7, found the end'],
    ['=x', 'expected a label name at position 0, found "=x"'],
    ['a b', 'expected "," or the end at position 2, found "b"'],
    ['-a=x', 'expected a label name at position 0, found "-a=x"'],
    ['team=x y', 'expected "," or the end at position 7, found "y"'],
    ['team=-', 'expected a label value at position 5, found "-"'],
    ['team=x\n', 'expected "," or the end at position 6, found "\\n"'],
    ['team in x', 'expected "(" at position 8, found "x"'],
    ['team in (x', 'expected "," or ")" at position 10, found the end'],
    ['team in (x=', 'expected "," or ")" at position 10, found "="'],
    ['team in (-)', 'expected a label value at position 9, found "-)"'],
    ['team=(', 'expected a label value at position 5, found "("'],
    ['a>1', 'expected a label name at position 0, found "a>1"'],
    ['!', 'expected a label name at position 1, found the end'],
    [`team ${'y'.repeat(40)}`, `expected "," or the end at position 5, found "${'y'.repeat(20)}"`],
  ]
  for (const [text, problem] of rows)
    t.strictSame(parseLabelSelector(text), { ok: false, problem }, JSON.stringify(text))
  t.end()
})

t.test('a selector as long as a URL can carry is read in time', (t) => {
  const startedAt = performance.now()
  for (let time = 0; time < 20; time++) t.ok(parseLabelSelector('a!=b,'.repeat(3_000).slice(0, -1)).ok)
  const ms = performance.now() - startedAt
  t.ok(ms < 1_000, `${String(Math.round(ms))} ms`)
  t.end()
})

t.test('the selector of everything matches objects without labels', (t) => {
  t.ok(matchesLabels(everyLabel, {}))
  t.end()
})
