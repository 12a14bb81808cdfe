import t from 'tap'
import { quotePath, quoteUrl, quoteValue } from '../../../src/http/wire/index.ts'

t.test('a path reads as a caller would write it', (t) => {
  const cases: readonly (readonly [readonly (string | number)[], string])[] = [
    [[], 'body'],
    [['handle'], 'handle'],
    [['addresses', 0, 'handle'], 'addresses[0].handle'],
    [['addresses', '0'], 'addresses[0]'],
    [[2], '[2]'],
    [['labels', 'a/b'], 'labels[a/b]'],
    [['labels', 'a.b'], 'labels[a.b]'],
    [['labels', ''], 'labels[]'],
    [['x'.repeat(200)], `[${'x'.repeat(100)}...]`],
  ]
  for (const [segments, want] of cases) t.equal(quotePath(segments, 'body'), want)
  t.end()
})

t.test('a value is shown as given, and never at length', (t) => {
  const cases: readonly (readonly [unknown, string])[] = [
    ['a"b', '"a\\"b"'],
    [26, '26'],
    [null, 'null'],
    [true, 'true'],
    [[1, 2], 'a list of 2'],
    [{ a: 1 }, 'an object of 1 entries'],
    ['x'.repeat(200), `"${'x'.repeat(99)}...`],
  ]
  for (const [value, want] of cases) t.equal(quoteValue(value), want)
  t.end()
})

t.test('of a URL the path is shown, without the query', (t) => {
  t.equal(quoteUrl('/a/b?c=d?e'), '/a/b')
  t.equal(quoteUrl(`/${'x'.repeat(200)}`), `/${'x'.repeat(99)}...`)
  t.end()
})
