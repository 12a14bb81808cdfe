import t from 'tap'
import { stringifyJson } from '../../../src/model/index.ts'
import { withEmptyFields } from '../../../src/resources/object/empty-fields.ts'

t.test('what was said and means nothing is shown, and nothing else that is not stored', (t) => {
  const value = { name: 'x', object: { spec: { a: true, b: false } } }
  const said = {
    a: false,
    b: 1,
    c: false,
    d: 0,
    e: '',
    f: [],
    g: {},
    h: true,
    i: 1,
    j: 'x',
    k: [0],
    l: { m: 1 },
    n: null,
  }
  t.equal(
    stringifyJson(withEmptyFields(value, said).object),
    '{"spec":{"a":true,"b":false,"c":false,"d":0,"e":"","f":[],"g":{}}}',
  )
  t.equal(withEmptyFields(value, { h: true }), value)
  t.end()
})
