import fc from 'fast-check'
import t from 'tap'
import { isJsonObject, type Json, JsonNumber, stringifyJson, parseJson } from '../../../src/model/index.ts'
import { jsonDepthMax } from '../../../src/model/json/parser.ts'

function mustParse(text: string): Json {
  const parsed = parseJson(text)
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.value
}

t.test('every text of a JSON value comes back as it was', (t) => {
  const texts = [
    'null',
    'true',
    'false',
    '0',
    '-1',
    '12.5',
    '999999999999999',
    '1795406400123456789',
    '18446744073709551615',
    '-0',
    '1.0',
    '1e3',
    '1E+400',
    '0.1e-7',
    '100000000000000000000000',
    '1e+21',
    '""',
    '"a"',
    '[]',
    '{}',
    '[1,[2,[]],{"a":[{}]}]',
    '{"b":1,"a":{"c":null}}',
    '"\\" \\\\ \\n \\r \\t \\b \\f \\u0000 \\u001f \\u003c\\u003e\\u0026 \\u2028\\u2029 \\ud800 é 😀"',
  ]
  for (const text of texts) t.equal(stringifyJson(mustParse(text)), text)
  t.end()
})

t.test('numbers that a JavaScript number holds exactly are numbers, all others keep their text', (t) => {
  const cases: [string, Json][] = [
    ['7', 7],
    ['-7', -7],
    ['0.25', 0.25],
    ['1.5e-7', 1.5e-7],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', new JsonNumber('9007199254740992')],
    // A JavaScript number prints this text, but stands for ...768.
    ['1795406400123456800', new JsonNumber('1795406400123456800')],
    ['-0', new JsonNumber('-0')],
    ['1.50', new JsonNumber('1.50')],
    ['1e999', new JsonNumber('1e999')],
  ]
  for (const [text, want] of cases) t.strictSame(mustParse(text), want, text)
  t.end()
})

t.test('white space between the parts does not matter', (t) => {
  t.equal(
    stringifyJson(mustParse(' \t\r\n{ "a" : [ 1 , 2 ] , "b" : { } , "c" : [ ] } \n')),
    '{"a":[1,2],"b":{},"c":[]}',
  )
  t.end()
})

t.test('escapes mean what RFC 8259 says', (t) => {
  t.equal(mustParse('"\\u0041\\/\\"\\\\\\b\\f\\n\\r\\t\\ud83d\\ude00 b"'), 'A/"\\\b\f\n\r\t😀 b')
  t.end()
})

t.test('of several members with one name the last counts', (t) => {
  t.equal(stringifyJson(mustParse('{"a":1,"b":2,"a":3}')), '{"a":3,"b":2}')
  t.end()
})

t.test('no name is special', (t) => {
  const text = '{"__proto__":{"x":1},"constructor":2,"toString":3,"hasOwnProperty":4}'
  const object = mustParse(text)
  t.equal(stringifyJson(object), text)
  t.equal(isJsonObject(object) && object['x'], undefined)
  const empty = mustParse('{}')
  for (const name of ['__proto__', 'constructor', 'toString', 'valueOf']) {
    t.equal(isJsonObject(empty) && name in empty, false, name)
  }
  t.end()
})

t.test('what is not JSON is a problem that says where', (t) => {
  const cases: [wrong: string, position: number, right: string][] = [
    ['', 0, '0'],
    ['nul', 0, 'null'],
    ['tru', 0, 'true'],
    ['fals', 0, 'false'],
    ['{"a":1', 6, '{"a":1}'],
    ['{"a":1,}', 7, '{"a":1,"b":2}'],
    ['{a:1}', 1, '{"a":1}'],
    ['{"a" 1}', 5, '{"a":1}'],
    ['{"a":}', 5, '{"a":0}'],
    ['{"a":1 "b":2}', 7, '{"a":1,"b":2}'],
    ['[1 2]', 3, '[1,2]'],
    ['[1,]', 3, '[1]'],
    ['[', 1, '[]'],
    ['1 2', 2, '12'],
    ['01', 1, '10'],
    ['-', 0, '-1'],
    ['-01', 2, '-10'],
    ['1.', 1, '1.0'],
    ['.5', 0, '0.5'],
    ['1e', 1, '1e1'],
    ['+1', 0, '1'],
    ['"a', 2, '"a"'],
    ['"a\n"', 2, '"a\\n"'],
    ['"\\n\u0001"', 3, '"\\n\\u0001"'],
    ['"\\n', 3, '"\\n"'],
    ['"\\x"', 1, '"\\\\x"'],
    ['"\\u12g4"', 1, '"\\u1234"'],
    ['"\\', 1, '"\\\\"'],
    ['\u00a01', 0, ' 1'],
    ['NaN', 0, '1'],
  ]
  for (const [wrong, position, right] of cases) {
    const parsed = parseJson(wrong)
    t.equal(parsed.ok, false, wrong)
    if (!parsed.ok) t.match(parsed.problem, `position ${position}: `, wrong)
    t.equal(parseJson(right).ok, true, right)
  }
  t.end()
})

t.test('a value that is no string is a bug, not a problem', (t) => {
  // @ts-expect-error only a caller without types can do this
  t.throws(() => parseJson(undefined), TypeError)
  t.end()
})

t.test('nesting is bounded', (t) => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  t.equal(parseJson(nested(jsonDepthMax)).ok, true)
  t.match(parseJson(nested(jsonDepthMax + 1)), { ok: false, problem: /deeper than 200 levels/ })
  t.equal(parseJson('{"a":'.repeat(100_000)).ok, false)
  t.end()
})

t.test('it reads the same as JSON.parse', (t) => {
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        return JSON.stringify(JSON.parse(stringifyJson(mustParse(text)))) === JSON.stringify(JSON.parse(text))
      }),
    )
  })
  t.end()
})

t.test('it refuses the same as JSON.parse', (t) => {
  const accepted = (parse: () => unknown): boolean => {
    try {
      parse()
      return true
    } catch {
      return false
    }
  }
  const fragments = ['{', '}', '[', ']', ',', ':', '"', '"a"', '\\', 'u0041', 'n', '1', '-', '0', '.', 'e', 'null', ' ']
  const almostJson = fc.array(fc.constantFrom(...fragments), { maxLength: 8 }).map((parts) => parts.join(''))
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(almostJson, (text) => parseJson(text).ok === accepted(() => JSON.parse(text))),
      { numRuns: 2000 },
    )
  })
  t.end()
})
