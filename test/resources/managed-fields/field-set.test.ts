import fc from 'fast-check'
import t from 'tap'
import { type Json, stringifyJson } from '../../../src/model/index.ts'
import {
  depthMax,
  displayPath,
  fieldSetJson,
  fieldSetLengthMax,
  itemElement,
  keyElement,
  memberElement,
  pathsAbove,
  pathTo,
  readFieldSet,
  rootPath,
  sameFields,
} from '../../../src/resources/managed-fields/field-set.ts'
import { mustParse } from '../fixtures.ts'

/** A path by its elements. */
function path(...elements: readonly string[]): string {
  return elements.reduce(pathTo, rootPath)
}

function read(json: Json) {
  return readFieldSet(json, fieldSetLengthMax)
}

t.test('fieldsV1 is read and written', (t) => {
  const rows: readonly (readonly [name: string, text: string, paths: readonly string[]])[] = [
    ['nothing', '{}', []],
    ['a field', '{"f:spec":{"f:cidr":{}}}', ['.spec.cidr']],
    ['a container by itself', '{"f:labels":{".":{},"f:a":{}}}', ['.labels', '.labels.a']],
    ['a container without what is in it', '{"f:labels":{}}', ['.labels']],
    ['items of a set', '{"f:uses":{"v:\\"Tunnel\\"":{},"v:1":{}}}', ['.uses[="Tunnel"]', '.uses[=1]']],
    [
      'an item by its keys',
      '{"f:conditions":{"k:{\\"type\\":\\"Ready\\"}":{".":{},"f:status":{}}}}',
      ['.conditions[type="Ready"]', '.conditions[type="Ready"].status'],
    ],
    ['several keys', '{"k:{\\"ip\\":\\"10.0.0.1\\",\\"port\\":53}":{}}', ['[ip="10.0.0.1",port=53]']],
    ['items by their index', '{"f:list":{"i:-1":{},"i:0":{},"i:12":{}}}', ['.list[-1]', '.list[0]', '.list[12]']],
    [
      'a name with a slash',
      '{"f:labels":{"f:example.org/a":{},"f:a~1b":{}}}',
      ['.labels.a~1b', '.labels.example.org/a'],
    ],
    ['names like any other', '{"f:":{},"f:__proto__":{}}', ['.', '.__proto__']],
  ]
  for (const [name, text, paths] of rows) {
    const fields = read(mustParse(text))
    t.ok(fields.ok, name)
    if (!fields.ok) continue
    t.strictSame([...fields.value].map(displayPath).sort(), paths, name)
    t.ok(sameFields(fields.value, mustFields(mustParse(stringifyJson(fieldSetJson(fields.value))))), name)
  }
  t.equal(
    stringifyJson(fieldSetJson(mustFields(mustParse('{"f:b":{},"f:a":{"f:c":{},".":{}}}')))),
    '{"f:a":{".":{},"f:c":{}},"f:b":{}}',
  )
  t.end()
})

t.test('one element has one spelling', (t) => {
  const one = mustFields({ 'k:{"b": 1, "a":"\\u0078"}': {}, 'v: "x"': {}, '.': {} })
  t.strictSame([...one], ['/k:{"a":"x","b":1}', '/v:"x"'])
  t.equal(keyElement({ b: 1, a: 'x' }), 'k:{"a":"x","b":1}')
  t.end()
})

t.test('a malformed field set is refused', (t) => {
  const deep = (levels: number): Json => Array.from({ length: levels }).reduce<Json>((json) => ({ 'f:a': json }), {})
  const rows: readonly (readonly [name: string, json: Json, problem: RegExp])[] = [
    ['null', null, /^it must be an object$/],
    ['a list', [], /^it must be an object$/],
    ['a text inside', { 'f:a': { 'f:b': 'x' } }, /^the value at "\.a\.b" must be an object$/],
    ['a name without a kind', { spec: {} }, /"spec" is not a path element/],
    ['another kind', { 'x:a': {} }, /"x:a" is not a path element/],
    ['an empty name', { '': {} }, /"" is not a path element/],
    ['a value that is not JSON', { 'v:Tunnel': {} }, /"v:Tunnel" is not a path element/],
    ['keys that are not JSON', { 'k:{': {} }, /is not a path element/],
    ['keys that are a list', { 'k:[]': {} }, /is not a path element/],
    ['no keys', { 'k:{}': {} }, /is not a path element/],
    ['an index that is none', { 'i:1x': {} }, /is not a path element/],
    ['an index without digits', { 'i:': {} }, /is not a path element/],
    ['too deep', deep(depthMax + 1), /nested deeper than 32/],
  ]
  for (const [name, json, problem] of rows) t.match(read(json), { ok: false, problem }, name)
  t.match(read(deep(depthMax)), { ok: true })
  t.match(readFieldSet({ 'f:a': {}, 'f:b': {} }, 8), { ok: true })
  t.match(readFieldSet({ 'f:a': {}, 'f:b': {} }, 7), { ok: false, problem: 'it has too many fields' })
  const name = 'f:'.padEnd(100_000, 'x')
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`f:${String(index)}`, {}]))
  t.match(read({ [name]: many }), { ok: false, problem: 'it has too many fields' }, 'a long name above many others')
  t.end()
})

t.test('reading and writing a field set is lossless', (t) => {
  const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null))
  const name = fc.oneof(fc.constantFrom('a', 'a/b', 'a~b', '~1', 'a.b', '', '\u0000', '__proto__'), fc.string())
  const element = fc.oneof(
    name.map(memberElement),
    scalar.map(itemElement),
    fc.dictionary(name, scalar, { minKeys: 1, maxKeys: 3, noNullPrototype: true }).map(keyElement),
    fc.nat({ max: 1_000 }).map((index) => `i:${String(index)}`),
  )
  const paths = fc.array(fc.array(element, { minLength: 1, maxLength: 4 }).map((elements) => path(...elements)))
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(paths, (list) => {
        const fields = new Set(list)
        if (!sameFields(fields, mustFields(mustParse(stringifyJson(fieldSetJson(fields))))))
          throw new Error('not the same')
      }),
    ),
  )
  const rubbish = fc.letrec<{ json: Json }>((tie) => ({
    json: fc.oneof({ maxDepth: 4 }, scalar, fc.array(tie('json')), fc.dictionary(fc.oneof(element, name), tie('json'))),
  })).json
  t.doesNotThrow(() => fc.assert(fc.property(rubbish, (json) => void read(json))), 'nothing that is given breaks it')
  t.end()
})

t.test('containers of paths', (t) => {
  t.strictSame([...pathsAbove([path('f:a', 'f:b', 'f:c/d'), path('f:a'), path('f:a', 'f:x')])].sort(), [
    '/f:a',
    '/f:a/f:b',
  ])
  t.strictSame([...pathsAbove([])], [])
  t.end()
})

t.test('sets are the same or not', (t) => {
  t.ok(sameFields(new Set(['/f:a', '/f:b']), new Set(['/f:b', '/f:a'])))
  t.notOk(sameFields(new Set(['/f:a']), new Set(['/f:b'])))
  t.notOk(sameFields(new Set(['/f:a']), new Set()))
  t.equal(displayPath(path('k:x')), '[]', 'a path that no element was read from')
  t.end()
})

function mustFields(json: Json) {
  const fields = read(json)
  if (!fields.ok) throw new Error(fields.problem)
  return fields.value
}
