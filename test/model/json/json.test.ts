import fc from 'fast-check'
import t from 'tap'
import {
  compareBytewise,
  isJsonArray,
  isJsonObject,
  type Json,
  JsonNumber,
  jsonObject,
  stringifyJson,
} from '../../../src/model/index.ts'
import { stringifyMembers, stringifyString } from '../../../src/model/json/index.ts'

t.test('values are written compactly, in the order of their object', (t) => {
  const cases: [Json, string][] = [
    [null, 'null'],
    [true, 'true'],
    [-1.5, '-1.5'],
    ['a', '"a"'],
    [new JsonNumber('1.0'), '1.0'],
    [[], '[]'],
    [[1, [null]], '[1,[null]]'],
    [{}, '{}'],
    [{ b: 1, a: { c: [] } }, '{"b":1,"a":{"c":[]}}'],
  ]
  for (const [json, text] of cases) t.equal(stringifyJson(json), text)
  t.end()
})

t.test('an object has only the names given to it', (t) => {
  const object = jsonObject([
    ['__proto__', 'a'],
    ['b', 'c'],
    ['b', 'd'],
  ])
  t.equal(stringifyJson(object), '{"__proto__":"a","b":"d"}')
  for (const name of ['constructor', 'toString', 'valueOf']) t.equal(name in object, false, name)
  t.end()
})

t.test('strings are escaped as Go escapes them', (t) => {
  t.equal(stringifyString('plain é 😀 \u007f'), '"plain é 😀 \u007f"')
  t.equal(stringifyString('<a href="x">&\u2028\u2029'), '"\\u003ca href=\\"x\\"\\u003e\\u0026\\u2028\\u2029"')
  t.equal(stringifyString('\b\f\n\r\t\u0001\\'), '"\\b\\f\\n\\r\\t\\u0001\\\\"')
  t.end()
})

t.test('members are written in the order given', (t) => {
  t.equal(
    stringifyMembers([
      ['10', '1'],
      ['2', '[]'],
    ]),
    '{"10":1,"2":[]}',
  )
  t.end()
})

t.test('a number that JSON cannot represent is a bug', (t) => {
  t.throws(() => stringifyJson(Number.NaN))
  t.throws(() => stringifyJson([Number.POSITIVE_INFINITY]))
  t.end()
})

t.test('objects, arrays and numbers with text are told apart', (t) => {
  const cases: [Json | undefined, boolean, boolean][] = [
    [{}, true, false],
    [[], false, true],
    [new JsonNumber('1.0'), false, false],
    [null, false, false],
    [undefined, false, false],
    ['a', false, false],
  ]
  for (const [json, isObject, isArray] of cases) {
    t.equal(isJsonObject(json), isObject)
    t.equal(isJsonArray(json), isArray)
  }
  t.end()
})

t.test('texts are ordered by their UTF-8 bytes', (t) => {
  const ordered = ['', '0', '1', '10', '2', 'A', 'a', 'aa', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '😁']
  t.strictSame([...ordered].reverse().sort(compareBytewise), ordered)
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
        return Math.sign(compareBytewise(one, other)) === Buffer.compare(Buffer.from(one), Buffer.from(other))
      }),
    )
  })
  t.end()
})
