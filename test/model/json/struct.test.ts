import t from 'tap'
import { type Json, JsonNumber, jsonObject, stringifyJson } from '../../../src/model/index.ts'
import {
  decodeJson,
  declareFields,
  Malformed,
  mismatch,
  noFields,
  readArray,
  readBoolean,
  readInteger,
  readObject,
  readString,
  readStringMap,
  readStruct,
  readTime,
  readUint64,
  spell,
  stringifyStruct,
} from '../../../src/model/json/index.ts'

const names = declareFields('first', 'Second')

t.test('known fields are found whatever their case, all others are kept apart', (t) => {
  const cases: [text: string, fields: string, unknownFields: string][] = [
    ['{"first":1,"Second":2}', '{"first":1,"Second":2}', '{}'],
    ['{"FIRST":1,"second":2}', '{"first":1,"Second":2}', '{}'],
    ['{"FIRST":1,"first":2}', '{"first":2}', '{}'],
    ['{"first":1,"First":2}', '{"first":2}', '{}'],
    ['{"third":[1],"first":1}', '{"third":[1],"first":1}', '{"third":[1]}'],
    ['{}', '{}', '{}'],
    ['null', '{}', '{}'],
  ]
  for (const [text, fields, unknownFields] of cases) {
    const decoded = decodeJson(text, (json) => readStruct(json, names, 'thing'))
    t.equal(decoded.ok, true, text)
    if (!decoded.ok) continue
    t.equal(stringifyJson(decoded.value.fields), fields, text)
    t.equal(stringifyJson(decoded.value.unknownFields), unknownFields, text)
  }
  t.throws(() => readStruct([], names, 'thing'), new Malformed('thing: expected an object, found an array'))
  t.end()
})

t.test('an object that is spelt as Go spells it is not copied', (t) => {
  const object = jsonObject([['first', 1]])
  t.equal(spell(object, names), object)
  t.equal(readStruct(object, names, 'thing').unknownFields, noFields)
  t.end()
})

t.test('a text that is not JSON, or of a wrong form, is a problem', (t) => {
  t.match(
    decodeJson('{', (json) => json),
    { ok: false, problem: /^not JSON: position 1: / },
  )
  t.strictSame(
    decodeJson('1', (json) => readString(json, 'a.b')),
    { ok: false, problem: 'a.b: expected a string, found 1' },
  )
  t.end()
})

t.test('a bug while reading is not taken for a problem', (t) => {
  const bug = new TypeError('a bug')
  t.throws(
    () =>
      decodeJson('1', () => {
        throw bug
      }),
    bug,
  )
  t.end()
})

t.test("null and absent fields read as Go's zero values", (t) => {
  for (const nothing of [null, undefined]) {
    t.equal(readString(nothing, 'x'), undefined)
    t.equal(readBoolean(nothing, 'x'), false)
    t.equal(readInteger(nothing, 'x'), 0)
    t.equal(readUint64(nothing, 'x'), 0n)
    t.equal(readTime(nothing, 'x'), undefined)
    t.equal(readObject(nothing, 'x'), undefined)
    t.equal(readArray(nothing, 'x'), undefined)
    t.equal(readStringMap(nothing, 'x'), undefined)
  }
  t.end()
})

t.test('values of the right type are read', (t) => {
  t.equal(readString('a', 'x'), 'a')
  t.equal(readBoolean(true, 'x'), true)
  t.equal(readInteger(-3, 'x'), -3)
  t.equal(readUint64(3, 'x'), 3n)
  t.equal(readUint64(new JsonNumber('1795406400123456789'), 'x'), 1795406400123456789n)
  t.equal(readUint64(new JsonNumber('18446744073709551615'), 'x'), 18446744073709551615n)
  t.equal(readTime('2026-11-23T04:00:00Z', 'x'), '2026-11-23T04:00:00Z')
  t.same(readArray([1], 'x'), [1])
  t.equal(stringifyJson(readStringMap(jsonObject([['a', 'b']]), 'x') ?? null), '{"a":"b"}')
  t.equal(
    stringifyJson(
      readStringMap(
        jsonObject([
          ['a', null],
          ['b', 'c'],
        ]),
        'x',
      ) ?? null,
    ),
    '{"a":"","b":"c"}',
  )
  t.end()
})

t.test('values of the wrong type are refused, with their path and what was found', (t) => {
  const cases: [read: () => unknown, message: string][] = [
    [() => readString(1, 'x'), 'x: expected a string, found 1'],
    [() => readString(new JsonNumber('1.0'), 'x'), 'x: expected a string, found 1.0'],
    [() => readString({}, 'x'), 'x: expected a string, found an object'],
    [() => readBoolean('true', 'x'), 'x: expected true or false, found "true"'],
    [() => readInteger(1.5, 'x'), 'x: expected a whole number, found 1.5'],
    [() => readInteger(new JsonNumber('1e3'), 'x'), 'x: expected a whole number, found 1e3'],
    [() => readInteger('1', 'x'), 'x: expected a whole number, found "1"'],
    [() => readUint64(-1, 'x'), 'x: expected a whole number from 0 to 2^64 - 1, found -1'],
    [() => readUint64(0.5, 'x'), 'x: expected a whole number from 0 to 2^64 - 1, found 0.5'],
    [() => readUint64('1', 'x'), 'x: expected a whole number from 0 to 2^64 - 1, found "1"'],
    [
      () => readUint64(new JsonNumber('18446744073709551616'), 'x'),
      'x: expected a whole number from 0 to 2^64 - 1, found 18446744073709551616',
    ],
    [() => readTime('now', 'x'), 'x: expected a time such as 2026-11-23T04:00:00Z, found "now"'],
    [() => readObject([], 'x'), 'x: expected an object, found an array'],
    [() => readArray({}, 'x'), 'x: expected an array, found an object'],
    [() => readStringMap(jsonObject([['a', 1]]), 'x'), 'x.a: expected a string, found 1'],
  ]
  for (const [read, message] of cases) t.throws(read, new Malformed(message), message)
  t.end()
})

t.test('a long wrong text is quoted in part', (t) => {
  const { message } = mismatch('x', 'less', 'a'.repeat(1000))
  t.ok(message.length < 100)
  t.match(message, /aaa\.\.\.$/)
  t.end()
})

t.test('a struct is written with its known fields first', (t) => {
  const unknownFields: Json = { 7: true, z: [null] }
  t.equal(
    stringifyStruct(
      [
        ['b', '1'],
        ['a', '"x"'],
      ],
      unknownFields,
    ),
    '{"b":1,"a":"x","7":true,"z":[null]}',
  )
  t.equal(stringifyStruct([], noFields), '{}')
  t.end()
})
