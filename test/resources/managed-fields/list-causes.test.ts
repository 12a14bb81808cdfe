import { Type } from '@sinclair/typebox'
import t from 'tap'
import type { Json } from '../../../src/model/index.ts'
import { validateLists } from '../../../src/resources/managed-fields/parts.ts'
import { mapByKeys, setOfItems } from '../../../src/resources/object/list-type.ts'

const texts = Type.Array(Type.String(), setOfItems)
const schema = Type.Object({
  spec: Type.Object({ uses: texts, list: Type.Array(Type.String()) }),
  sets: Type.Record(Type.String(), texts),
  ports: Type.Array(Type.Object({ name: Type.String(), port: Type.Integer(), uses: texts }), mapByKeys('name', 'port')),
})

const rows: readonly (readonly [name: string, json: Json, causes: Readonly<Record<string, string>>])[] = [
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

for (const [name, json, causes] of rows) {
  t.test(name, (t) => {
    t.strictSame(Object.fromEntries(validateLists(schema, json).map(({ field, message }) => [field, message])), causes)
    t.end()
  })
}
