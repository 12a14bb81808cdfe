import t from 'tap'
import { matches, parseSelector } from '../../src/selector/index.ts'

type Labels = Readonly<Record<string, string>>

function selects(text: string, labels: Labels): boolean {
  const parsed = parseSelector(text)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return matches(parsed.selector, labels)
}

/** Condition on the label a; what it says of a value that satisfies it, of one that does not, and of a missing label. */
const conditions: readonly (readonly [
  text: string,
  right: string,
  wrong: string | undefined,
  isTrueWhenMissing: boolean,
])[] = [
  ["a == 'x'", 'x', 'X', false],
  ["a == ''", '', 'x', false],
  ["a != 'x'", 'X', 'x', true],
  ["a in {'x', 'y'}", 'y', 'z', false],
  ["a not in {'x', 'y'}", 'z', 'y', true],
  ["a contains 'b'", 'abc', 'aBc', false],
  ["a starts with 'ab'", 'abc', 'cab', false],
  ["a ends with 'ab'", 'cab', 'abc', false],
  ["a contains ''", '', undefined, false],
  ["a starts with ''", '', undefined, false],
  ["a ends with ''", 'x', undefined, false],
  ['has(a)', '', undefined, false],
  ["!a == 'x'", 'y', 'x', true],
  ["!a in {'x'}", 'y', 'x', true],
  ["!a not in {'x'}", 'x', 'y', false],
]

for (const [text, right, wrong, isTrueWhenMissing] of conditions) {
  t.test(`${text} is ${isTrueWhenMissing} of a missing label`, (t) => {
    t.equal(selects(text, { a: right }), true)
    if (wrong !== undefined) t.equal(selects(text, { a: wrong }), false)
    t.equal(selects(text, {}), isTrueWhenMissing)
    t.equal(selects(text, { b: right }), isTrueWhenMissing)
    t.end()
  })
}

t.test('groups and negations combine as in logic', (t) => {
  const truths: readonly (readonly [text: string, isSelected: boolean])[] = [
    ['all() && global()', true],
    ['all() && !all()', false],
    ['!all() || all()', true],
    ['!all() || !all()', false],
    ['!(all() && !all())', true],
  ]
  for (const [text, isSelected] of truths) t.equal(selects(text, {}), isSelected, text)
  t.end()
})

t.test('only own properties are labels', (t) => {
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
    t.notOk(selects(`has(${name})`, {}), name)
    t.ok(selects(`${name} != 'x'`, {}), name)
    t.notOk(selects(`${name} contains ''`, {}), name)
    const inherited: Labels = Object.create({ [name]: 'x' }) as Labels
    t.notOk(selects(`${name} == 'x'`, inherited), name)
    const own: Labels = Object.defineProperty({}, name, { value: 'x', enumerable: true })
    t.ok(selects(`has(${name}) && ${name} == 'x'`, own), name)
    const bare: Labels = Object.defineProperty(Object.create(null) as Labels, name, { value: 'x', enumerable: true })
    t.ok(selects(`has(${name}) && ${name} in {'x'}`, bare), name)
    t.notOk(selects(`has(${name})`, Object.create(null) as Labels), name)
  }
  t.end()
})

t.test('the deepest selector that can be parsed can be evaluated', (t) => {
  const depth = 512
  const text = `${"!(a == 'x' || has(a) && ".repeat(depth)}has(a)${')'.repeat(depth)}`
  t.equal(selects(text, { a: 'y' }), true)
  t.end()
})
