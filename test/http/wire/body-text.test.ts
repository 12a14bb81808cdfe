import fc from 'fast-check'
import t from 'tap'
import { type BodyOptions, parseJsonBody, parseYamlBody } from '../../../src/http/wire/body-text.ts'
import { RefusalError } from '../../../src/http/wire/index.ts'
import { bodyLimits } from '../../../src/http/wire/limits.ts'
import { JsonNumber, stringifyJson } from '../../../src/model/index.ts'
import { jsonOf } from '../../../src/resources/object/index.ts'

const rounded: BodyOptions = { keepsDigits: false }
const kept: BodyOptions = { keepsDigits: true }

/** The reason of the refusal and the fields it names, or the value. */
function outcome(parse: typeof parseJsonBody, text: string | Buffer, options = rounded): unknown {
  try {
    return { value: parse(Buffer.from(text), options) }
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    return { reason: error.refusal.reason, fields: error.refusal.causes.map(({ field }) => field) }
  }
}

const bad = { reason: 'BadRequest', fields: [] }
const badField = (field: string): unknown => ({ reason: 'BadRequest', fields: [field] })
const tooLarge = { reason: 'RequestEntityTooLarge', fields: [] }
const value = (value: unknown): unknown => ({ value })

/** A list that holds so many values: empty lists and objects, with blanks inside or not, objects, texts, and a number. */
function valuesOf(count: number): string {
  const group = ['[]', '[ ]', '{}', '{\n}', '{"a":{"b":"c"}}', '"[{,:"']
  const items = Array.from({ length: Math.floor(count / 8) }, () => group).flat()
  return `[${[...items, ...Array.from({ length: count % 8 }, () => '0')].join(', ')}]`
}
const marks = JSON.stringify(Array(4).fill('[{"a\\\\":,'.repeat(20_000)))

const both: readonly (readonly [string, string | Buffer, unknown])[] = [
  ['nothing', '', value(undefined)],
  ['blanks only', ' \n\t', value(undefined)],
  ['an object', '{"a":[1,"x",null,true,{"b":-1.5}]}', value({ a: [1, 'x', null, true, { b: -1.5 }] })],
  ['a byte order mark', '\uFEFF{"a":1}', value({ a: 1 })],
  [
    'the same name in different objects',
    '{"a":{"a":1},"b":[{"a":1},{"a":2}]}',
    value({ a: { a: 1 }, b: [{ a: 1 }, { a: 2 }] }),
  ],
  ['a text that looks like a name', '{"a":"a","b":["a","a"]}', value({ a: 'a', b: ['a', 'a'] })],
  ['a name given twice', '{"a":1,"b":2,"a":3}', bad],
  ['a name given twice further inside', '[{"b":{"a":{},"a":{}}}]', bad],
  ['a name given twice, once escaped', '{"a":1,"\\u0061":2}', bad],
  ['names that end in backslashes', '{"a\\\\":1,"a\\"":2}', value({ 'a\\': 1, 'a"': 2 })],
  ['a name given twice with blanks before the colon', '{"a" :1,"a"\n:2}', bad],
  ['the greatest exact integer', '[9007199254740991,-9007199254740991]', value([9007199254740991, -9007199254740991])],
  ['one more', '{"a":[0,9007199254740992]}', badField('a[1]')],
  ['an integer that would be rounded', '{"a":{"b":9007199254740993}}', badField('a.b')],
  ['an integer in the form of a power', '[1e15]', value([1e15])],
  ['a bigger one', '[1e16]', badField('[0]')],
  ['a number without an end', '{"a":1e400}', badField('a')],
  ['a fraction', '[0.1]', value([0.1])],
  ['a pair of surrogates', '["\\ud83d\\ude00"]', value(['😀'])],
  ['half of it', '{"a":"\\ud83d"}', badField('a')],
  ['half of it in a name', '{"a\\ud83d":1}', badField('[a\ud83d]')],
  ['the name __proto__', '{"a":{"__proto__":{"b":1}}}', badField('a.__proto__')],
  ['the name constructor', '{"constructor":1}', value({ constructor: 1 })],
  ['the longest text', `["${'x'.repeat(10_000)}"]`, value(['x'.repeat(10_000)])],
  ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), bad],
  ['half a JSON', '{"a":', bad],
  [
    'the deepest nesting',
    `${'['.repeat(64)}${']'.repeat(64)}`,
    value(JSON.parse(`${'['.repeat(64)}${']'.repeat(64)}`)),
  ],
  ['one deeper', `${'['.repeat(65)}${']'.repeat(65)}`, bad],
  ['as deep as it gets', '['.repeat(100_000) + ']'.repeat(100_000), bad],
  ['as deep as it gets, with names', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`, bad],
  [
    'as many values as may be',
    JSON.stringify(Array(bodyLimits.values - 1).fill(0)),
    value(Array(bodyLimits.values - 1).fill(0)),
  ],
  ['one more value', JSON.stringify(Array(bodyLimits.values).fill(0)), tooLarge],
  [
    'as many values as may be, of every kind',
    valuesOf(bodyLimits.values - 1),
    value(JSON.parse(valuesOf(bodyLimits.values - 1))),
  ],
  ['one more of them', valuesOf(bodyLimits.values), tooLarge],
  ['marks inside of texts, which are no values', marks, value(JSON.parse(marks))],
  ['too many values before a mistake', `[${'1,'.repeat(bodyLimits.values)}`, tooLarge],
  ['too deep before a mistake', '['.repeat(65), bad],
  ['a text without an end', '{"a":"', bad],
]

for (const [name, text, want] of both) {
  t.test(`JSON: ${name}`, (t) => {
    t.strictSame(outcome(parseJsonBody, text), want)
    t.end()
  })
  t.test(`JSON read as YAML: ${name}`, (t) => {
    t.strictSame(outcome(parseYamlBody, text), want)
    t.end()
  })
}

t.test('a text that is too long is named', (t) => {
  const limit = bodyLimits.textLength
  t.strictSame(outcome(parseJsonBody, `{"a":"${'x'.repeat(limit)}"}`), value({ a: 'x'.repeat(limit) }))
  t.strictSame(outcome(parseJsonBody, `{"a":"${'x'.repeat(limit + 1)}"}`), badField('a'))
  t.end()
})

/** Names in a list, with a comma after each, such that all tokens of the list are as many as may be. */
const tokensMax = 1_665

const yaml: readonly (readonly [string, string, unknown])[] = [
  ['a block', 'a: 1\nb:\n- x\n- "1"\n', value({ a: 1, b: ['x', '1'] })],
  ['a document with its marks', '---\na: 1\n...\n', value({ a: 1 })],
  ['a mark at the end', '---\na: 1\n---\n', value({ a: 1 })],
  ['only a comment', '# nothing\n', value(undefined)],
  ['null in so many letters', 'null\n', value(null)],
  ['two documents', 'a: 1\n---\nb: 2\n', bad],
  ['yes and no are texts', 'a: yes\nb: no\n', value({ a: 'yes', b: 'no' })],
  ['a date is a text', 'a: 2026-11-23\n', value({ a: '2026-11-23' })],
  ['YAML 1.1 is read as 1.2', '%YAML 1.1\n---\na: yes\n', value({ a: 'yes' })],
  ['hexadecimal', 'a: 0x10\n', value({ a: 16 })],
  ['a hexadecimal number that would be rounded', 'a: 0x20000000000001\n', badField('a')],
  ['infinity', 'a: .inf\n', badField('a')],
  ['not a number', 'a: .nan\n', badField('a')],
  ['a name that is a number', '1: a\n', value({ 1: 'a' })],
  ['a name that is a list', '? [a]\n: b\n', bad],
  ['a name given twice', 'a: 1\na: 2\n', bad],
  ['the name __proto__', 'a:\n  __proto__: 1\n', badField('a.__proto__')],
  ['no merge keys', '<<: {a: 1}\n', value({ '<<': { a: 1 } })],
  ['a tag of the core schema', 'a: !!str 1\n', value({ a: '1' })],
  ['binary data', 'a: !!binary aGk=\n', bad],
  ['a tag of somebody else', 'a: !thing 1\n', bad],
  ['an alias', 'a: &x {b: 1}\nc: *x\n', value({ a: { b: 1 }, c: { b: 1 } })],
  ['an unknown alias', 'a: *x\n', bad],
  ['an alias of itself', 'a: &x [*x]\n', bad],
  ['a laugh', 'a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n', bad],
  ['flow style that is not JSON', "{a: 1, b: 'x'}\n", value({ a: 1, b: 'x' })],
  ['an open bracket', 'a: [1\n', bad],
  ['nested too deep with dashes', '- '.repeat(100), bad],
  ['nested too deep with names', Array.from({ length: 100 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'), bad],
  ['nested too deep with questions', '? '.repeat(100), bad],
  ['nested too deep with brackets', `a: ${'['.repeat(4_000)}`, bad],
  ['too many values', 'a: b\n'.repeat(6_000).slice(0, 32_000), tooLarge],
  ['as many tokens as may be', `[${'a,'.repeat(tokensMax)}a]`, value(Array(tokensMax + 1).fill('a'))],
  ['more tokens', `[${'a,'.repeat(tokensMax + 1)}a]`, tooLarge],
  ['more tokens that are no values', '---\n'.repeat(8_000), tooLarge],
  ['a comma after the last item', '[a,]', value(['a'])],
  ['commas without an item', '{a: 1,,}', bad],
  ['all escapes', '"\\0\\a\\x41\\u0041\\U00000041\\\\\\/\\N\\\n  b"', value('\0\x07AAA\\/\x85b')],
  ['an escape that YAML does not have', '"\\\\\\z"', bad],
  ['half an escape', '"\\x4"', bad],
  ['too many bytes', `a: "${'x'.repeat(bodyLimits.yamlBytes)}"`, tooLarge],
]

for (const [name, text, want] of yaml) {
  t.test(`YAML: ${name}`, (t) => {
    t.strictSame(outcome(parseYamlBody, text), want)
    t.end()
  })
}

t.test('numbers keep their digits where that is asked for', (t) => {
  const numbers = ['1', '1.10', '9007199254740993', '-0', '1e400', '1E2', '1e+30', '0.5']
  const json = `{"a":[${numbers.join(',')}],"b":"1.10"}`
  const asYaml = `a: [${numbers.join(', ')}]\nb: "1.10"\n`
  for (const [parse, text] of [
    [parseJsonBody, json],
    [parseYamlBody, json],
    [parseYamlBody, asYaml],
  ] as const) {
    t.equal(stringifyJson(jsonOf(parse(Buffer.from(text), kept))), json)
    t.strictSame(outcome(parse, text, rounded), badField('a[2]'))
  }
  t.strictSame(outcome(parseYamlBody, 'a: 0x10\nb: +1\nc: .5\n', kept), value({ a: 16, b: 1, c: 0.5 }))
  t.strictSame(outcome(parseJsonBody, '[1.0,1]', rounded), value([1, 1]))
  t.strictSame(outcome(parseJsonBody, '[1.0,1]', kept), value([new JsonNumber('1.0'), 1]))
  for (const text of ['{"a":1,"a":2}', '{"a":', '[1,]']) t.strictSame(outcome(parseJsonBody, text, kept), bad, text)
  t.strictSame(outcome(parseJsonBody, `[${'9'.repeat(bodyLimits.textLength + 1)}]`, kept), badField('[0]'))
  t.end()
})

t.test('a message says where YAML is broken', (t) => {
  t.throws(() => parseYamlBody(Buffer.from('a: 1\nb: [1'), rounded), { message: /line 2, column/ })
  t.end()
})

t.test('whatever JSON says exactly is read as JSON.parse reads it, by both parsers', (t) => {
  const json = fc.json({ noUnicodeString: false, maxDepth: 5 }).filter((text) => !/__proto__|\\u[dD]/.test(text))
  const isExact = (text: string): boolean => 'value' in (outcome(parseJsonBody, text) as object)
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(json.filter(isExact), (text) => {
        const want = { value: JSON.parse(text) as unknown }
        return t.strictSame(outcome(parseJsonBody, text), want) && t.strictSame(outcome(parseYamlBody, text), want)
      }),
      { numRuns: 200 },
    ),
  )
  t.end()
})

t.test('any bytes are read or refused', (t) => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map(Buffer.from),
    fc.string({ unit: 'binary', maxLength: 200 }).map((text) => Buffer.from(text)),
  )
  const yamlish = fc.array(
    fc.constantFrom(
      'a',
      ':',
      ' ',
      '\n',
      '-',
      '?',
      '[',
      ']',
      '{',
      '}',
      '&x',
      '*x',
      '!',
      '|',
      '"',
      "'",
      '#',
      ',',
      '%',
      '---\n',
      '0',
    ),
    { maxLength: 60 },
  )
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.oneof(
          anything,
          yamlish.map((parts) => Buffer.from(parts.join(''))),
        ),
        (bytes) => {
          for (const parse of [parseJsonBody, parseYamlBody]) {
            try {
              parse(bytes, rounded)
              parse(bytes, kept)
            } catch (error) {
              if (!(error instanceof RefusalError)) throw error
            }
          }
        },
      ),
      { numRuns: 2_000 },
    ),
  )
  t.end()
})
