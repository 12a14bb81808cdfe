import { Type } from '@sinclair/typebox'
import t from 'tap'
import { type Json, JsonNumber, type JsonObject, stringifyJson } from '../../../src/model/index.ts'
import { checkFields, goForm } from '../../../src/resources/object/index.ts'

const schema = Type.Object({
  text: Type.String(),
  flag: Type.Boolean(),
  count: Type.Integer(),
  texts: Type.Array(Type.String()),
  map: Type.Record(Type.String(), Type.String()),
  items: Type.Array(Type.Object({ name: Type.String() })),
  open: Type.Object({}, { additionalProperties: true }),
  whatever: Type.Unknown(),
})

/** What is kept of an object, the unknown fields in it, and the fields of the wrong type. */
function check(
  object: JsonObject,
  stored?: JsonObject,
  isComplete = false,
): readonly [string, readonly string[], readonly string[]] {
  const checked = checkFields(schema, object, { path: 'spec', stored, isComplete })
  return [
    stringifyJson(checked.object),
    checked.unknown,
    checked.causes.map(({ field, message }) => `${field}: ${message}`),
  ]
}

t.test('a whole number in another spelling is the plain number', (t) => {
  for (const text of ['26.0', '2.6e1', '26']) t.equal(check({ count: new JsonNumber(text) })[0], '{"count":26}', text)
  t.equal(check({ whatever: new JsonNumber('26.0') })[0], '{"whatever":26.0}')
  t.end()
})

t.test('a field has the JSON type of its schema, or is refused by its path', (t) => {
  const rows: readonly (readonly [
    name: string,
    right: readonly Json[],
    wrong: readonly (readonly [Json, string])[],
  ])[] = [
    ['text', ['', 'x'], [[1, 'spec.text: Invalid value: 1: must be a string']]],
    ['flag', [true, false], [['true', 'spec.flag: Invalid value: "true": must be true or false']]],
    [
      'count',
      [0, -1, 26, Number.MAX_SAFE_INTEGER],
      [
        ['26', 'spec.count: Invalid value: "26": must be a whole number'],
        [26.5, 'spec.count: Invalid value: 26.5: must be a whole number'],
        [new JsonNumber('1e30'), 'spec.count: Invalid value: 1e30: must be a whole number'],
      ],
    ],
    [
      'texts',
      [[], ['x', '']],
      [
        ['x', 'spec.texts: Invalid value: "x": must be a list'],
        [{}, 'spec.texts: Invalid value: {}: must be a list'],
        [['x', 1], 'spec.texts[1]: Invalid value: 1: must be a string'],
        [[null], 'spec.texts[0]: Invalid value: null: must be a string'],
      ],
    ],
    [
      'map',
      [{}, { 'a.b/c': 'x' }],
      [
        [['x'], 'spec.map: Invalid value: ["x"]: must be an object'],
        [{ a: 1 }, 'spec.map.a: Invalid value: 1: must be a string'],
        [{ 'a.b/c': false }, 'spec.map[a.b/c]: Invalid value: false: must be a string'],
      ],
    ],
    [
      'items',
      [[], [{ name: 'x' }, {}]],
      [
        [['x'], 'spec.items[0]: Invalid value: "x": must be an object'],
        [[{}, { name: 1 }], 'spec.items[1].name: Invalid value: 1: must be a string'],
      ],
    ],
    ['open', [{}, { anything: [1] }], [['x', 'spec.open: Invalid value: "x": must be an object']]],
    ['whatever', [1, 'x', {}, [{ a: 1 }]], []],
  ]
  for (const [name, rights, wrongs] of rows) {
    for (const right of rights) t.strictSame(check({ [name]: right }), [stringifyJson({ [name]: right }), [], []], name)
    for (const [wrong, message] of wrongs) t.strictSame(check({ [name]: wrong }), ['{}', [], [message]], message)
  }
  t.end()
})

t.test('all fields of a wrong type are reported at once', (t) => {
  t.strictSame(check({ text: 1, texts: [1, 'x', 2], flag: true, count: 'x' }), [
    '{"flag":true}',
    [],
    [
      'spec.text: Invalid value: 1: must be a string',
      'spec.texts[0]: Invalid value: 1: must be a string',
      'spec.texts[2]: Invalid value: 2: must be a string',
      'spec.count: Invalid value: "x": must be a whole number',
    ],
  ])
  t.end()
})

t.test('null counts as absent', (t) => {
  t.strictSame(check({ text: null, items: [{ name: null }], map: null }), ['{"items":[{}]}', [], []])
  t.strictSame(check({ map: { a: null } }), ['{"map":{}}', [], []])
  t.end()
})

t.test('unknown fields are found at every depth, and dropped', (t) => {
  t.strictSame(check({ text: 'x', bogus: 1, 'odd name': null, items: [{ name: 'a' }, { size: 1 }] }), [
    '{"text":"x","items":[{"name":"a"},{}]}',
    ['spec.bogus', 'spec[odd name]', 'spec.items[1].size'],
    [],
  ])
  const whole = checkFields(schema, { bogus: 1 }, { path: '', isComplete: false })
  t.strictSame(whole.unknown, ['bogus'], 'the path of a whole resource is its fields')
  t.strictSame(
    check({ toString: 1, constructor: 1 })[1],
    ['spec.toString', 'spec.constructor'],
    'inherited names are not known',
  )
  t.end()
})

t.test('unknown fields that are stored stay as they are', (t) => {
  const stored = { text: 'x', future: { b: 1, a: 2 } }
  const kept = '{"text":"y","future":{"b":1,"a":2}}'
  t.strictSame(check({ text: 'y' }, stored), [kept, [], []], 'left out by a client that does not know them')
  t.strictSame(check({ text: 'y', future: { a: 2, b: 1 } }, stored), [kept, [], []], 'sent back')
  t.strictSame(check({ text: 'y', future: { a: 3, b: 1 } }, stored), [kept, ['spec.future'], []], 'with another value')
  t.strictSame(check({ text: 'y', future: null }, stored), [kept, ['spec.future'], []], 'as null')
  t.strictSame(check({ text: 'y' }, stored, true), [kept, ['spec.future'], []], 'removed by a patch')
  t.strictSame(check({ text: 'y', future: { a: 2, b: 1 } }, stored, true), [kept, [], []], 'left alone by a patch')
  t.strictSame(check({}, stored), ['{"future":{"b":1,"a":2}}', [], []], 'known ones do not stay')
  t.end()
})

const inner = Type.Object({ a: Type.Optional(Type.String()), b: Type.String() })
const struct = Type.Object({
  first: Type.Optional(Type.String()),
  flag: Type.Optional(Type.Boolean()),
  count: Type.Optional(Type.Integer()),
  inner: Type.Optional(inner),
  list: Type.Optional(Type.Array(inner)),
})

const structs: readonly (readonly [claim: string, given: Json, written: string])[] = [
  ['fields have the order of the struct', { count: 1, first: 'x' }, '{"first":"x","count":1}'],
  ['empty optional fields are left out', { first: '', flag: false, count: 0, list: [] }, '{}'],
  ['null is left out', { first: null }, '{}'],
  [
    'an object is written although it is empty, with the texts that are not optional',
    { inner: {} },
    '{"inner":{"b":""}}',
  ],
  ['null is the empty text where a text is written in any case', { list: [{ b: null }] }, '{"list":[{"b":""}]}'],
  ['a field that is not optional is written although it is empty', { inner: { b: '', a: '' } }, '{"inner":{"b":""}}'],
  ['lists are gone into', { list: [{ b: 'y', a: 'x' }] }, '{"list":[{"a":"x","b":"y"}]}'],
  ['what is not known follows', { zz: 1, first: 'x' }, '{"first":"x","zz":1}'],
  ['what is of another type stays', { inner: 7, list: 'x' }, '{"inner":7,"list":"x"}'],
]

for (const [claim, given, written] of structs) {
  t.test(claim, (t) => {
    t.equal(stringifyJson(goForm(struct, given)), written)
    t.end()
  })
}
