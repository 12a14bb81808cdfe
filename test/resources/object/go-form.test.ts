import { Type } from '@sinclair/typebox'
import t from 'tap'
import { type Json, stringifyJson } from '../../../src/model/index.ts'
import { goForm } from '../../../src/resources/object/fields.ts'

const inner = Type.Object({ a: Type.Optional(Type.String()), b: Type.String() })
const schema = Type.Object({
  first: Type.Optional(Type.String()),
  flag: Type.Optional(Type.Boolean()),
  count: Type.Optional(Type.Integer()),
  inner: Type.Optional(inner),
  list: Type.Optional(Type.Array(inner)),
})

const cases: readonly (readonly [claim: string, given: Json, written: string])[] = [
  ['fields have the order of the schema', { count: 1, first: 'x' }, '{"first":"x","count":1}'],
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

for (const [claim, given, written] of cases) {
  t.test(claim, (t) => {
    t.equal(stringifyJson(goForm(schema, given)), written)
    t.end()
  })
}
