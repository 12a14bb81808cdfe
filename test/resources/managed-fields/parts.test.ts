import { Type } from '@sinclair/typebox'
import t from 'tap'
import type { Json } from '../../../src/model/index.ts'
import { keysLengthMax, partsOf, validateLists } from '../../../src/resources/managed-fields/parts.ts'
import { mapByKeys, setOfItems } from '../../../src/resources/object/index.ts'
import { atomicObject } from '../../../src/resources/object/list-type.ts'

const item = Type.Object({ name: Type.String(), port: Type.Optional(Type.Integer()) })
const byName = Type.Array(item, mapByKeys('name'))
const byBoth = Type.Array(item, mapByKeys('port', 'name'))
const texts = Type.Array(Type.String(), setOfItems)

t.test('objects have members, sets and maps have items', (t) => {
  const rows: readonly (readonly [name: string, parts: ReturnType<typeof partsOf>, elements: readonly string[]])[] = [
    ['an object', partsOf(item, { name: 'a', port: 1 }), ['f:name', 'f:port']],
    ['a member that is null', partsOf(item, { name: 'a', port: null }), ['f:name']],
    ['a member that is not known', partsOf(item, { name: 'a', colour: null }), ['f:name', 'f:colour']],
    ['a record', partsOf(Type.Record(Type.String(), Type.String()), { a: 'x', 'b/c': '' }), ['f:a', 'f:b/c']],
    ['a set', partsOf(texts, ['b', 'a', 'b']), ['v:"b"', 'v:"a"', 'v:"b"']],
    ['a map', partsOf(byName, [{ name: 'a' }, { name: 'b', port: 1 }]), ['k:{"name":"a"}', 'k:{"name":"b"}']],
    ['a map with two keys', partsOf(byBoth, [{ name: 'a', port: 1 }]), ['k:{"name":"a","port":1}']],
    ['nothing in it', partsOf(byName, []), []],
  ]
  for (const [name, parts, elements] of rows) {
    t.strictSame(
      parts?.map(({ element }) => element),
      elements,
      name,
    )
  }
  t.end()
})

t.test('a part knows its schema, and what is special about it', (t) => {
  t.strictSame(partsOf(item, { port: 1, colour: 'red' }), [
    { element: 'f:port', schema: item.properties.port, json: 1, isField: true, keyElements: [] },
    { element: 'f:colour', schema: undefined, json: 'red', isField: true, keyElements: [] },
  ])
  t.strictSame(partsOf(byBoth, [{ name: 'a', port: 1 }]), [
    {
      element: 'k:{"name":"a","port":1}',
      schema: item,
      json: { name: 'a', port: 1 },
      isField: false,
      keyElements: ['f:port', 'f:name'],
    },
  ])
  t.match(partsOf(Type.Record(Type.String(), Type.String()), { a: 'x' }), [{ isField: false }])
  t.match(partsOf(Type.Object({}, { additionalProperties: true }), { a: 1 }), [{ schema: Type.Unknown() }])
  t.end()
})

t.test('every other value is managed as a whole', (t) => {
  const long = 'x'.repeat(keysLengthMax)
  const rows: readonly (readonly [name: string, schema: Parameters<typeof partsOf>[0], json: Json | undefined])[] = [
    ['what has no schema', undefined, { a: 1 }],
    ['what may be anything', Type.Unknown(), { a: 1 }],
    ['a text', Type.String(), 'x'],
    ['a text in place of an object', item, 'x'],
    ['a list in place of an object', item, ['x']],
    ['an object in place of a list', texts, { a: 1 }],
    ['nothing', item, undefined],
    ['a list that says nothing', Type.Array(Type.String()), ['x']],
    ['an atomic object', Type.Object({ a: Type.String() }, atomicObject), { a: 'x' }],
    ['a map of texts', byName, ['a']],
    ['an item without its key', byName, [{ name: 'a' }, { port: 1 }]],
    ['an item whose key is null', byName, [{ name: null }]],
    ['an item with one key of two', byBoth, [{ name: 'a' }]],
    ['two items of the same key', byName, [{ name: 'a' }, { name: 'a', port: 1 }]],
    ['a key that is too long', byName, [{ name: long }]],
  ]
  for (const [name, schema, json] of rows) t.equal(partsOf(schema, json), undefined, name)
  t.end()
})

const textSet = Type.Array(Type.String(), setOfItems)
const listSchema = Type.Object({
  spec: Type.Object({ uses: textSet, list: Type.Array(Type.String()) }),
  sets: Type.Record(Type.String(), textSet),
  ports: Type.Array(
    Type.Object({ name: Type.String(), port: Type.Integer(), uses: textSet }),
    mapByKeys('name', 'port'),
  ),
})

const listRows: readonly (readonly [name: string, json: Json, causes: Readonly<Record<string, string>>])[] = [
  ['nothing', {}, {}],
  ['a text', 'x', {}],
  ['null', { spec: null, sets: { a: null } }, {}],
  ['a set', { spec: { uses: ['a', 'b'] } }, {}],
  ['a set with something twice', { spec: { uses: ['a', 'b', 'a'] } }, { 'spec.uses[2]': 'Duplicate value: "a"' }],
  ['a set in a map', { sets: { 'x/y': ['a', 'a'] } }, { 'sets[x/y][1]': 'Duplicate value: "a"' }],
  ['an atomic list', { spec: { list: ['a', 'a'] } }, {}],
  ['something else in place of a list', { spec: { uses: 'aa' } }, {}],
  ['what is not known', { bogus: ['a', 'a'] }, {}],
  [
    'items of a map',
    {
      ports: [
        { name: 'a', port: 1 },
        { name: 'a', port: 2 },
        { name: 'b', port: 1 },
      ],
    },
    {},
  ],
  [
    'an item twice',
    {
      ports: [
        { name: 'a', port: 1 },
        { port: 1, name: 'a', uses: [] },
      ],
    },
    { 'ports[1]': 'Duplicate value: {"name":"a","port":1}' },
  ],
  [
    'an item without keys',
    { ports: [{ port: 1 }, { name: null }] },
    {
      'ports[0].name': 'Required value: tells the items of the list apart',
      'ports[1].name': 'Required value: tells the items of the list apart',
      'ports[1].port': 'Required value: tells the items of the list apart',
    },
  ],
  ['items of another type', { ports: ['a', 'a', null] }, {}],
  [
    'a set in an item',
    { ports: [{ name: 'a', port: 1, uses: ['x', 'x'] }] },
    { 'ports[0].uses[1]': 'Duplicate value: "x"' },
  ],
]

for (const [name, json, causes] of listRows) {
  t.test(name, (t) => {
    t.strictSame(
      Object.fromEntries(validateLists(listSchema, json).map(({ field, message }) => [field, message])),
      causes,
    )
    t.end()
  })
}
