import { Type } from '@sinclair/typebox'
import t from 'tap'
import { type Json, type JsonObject, stringifyJson } from '../../../src/model/index.ts'
import { mergeManagedFields, removeLeaves } from '../../../src/resources/managed-fields/merge.ts'
import { mapByKeys, setOfItems } from '../../../src/resources/object/index.ts'
import { atomicObject } from '../../../src/resources/object/list-type.ts'
import { mustParse } from '../fixtures.ts'

const schema = Type.Object({
  text: Type.String(),
  map: Type.Record(Type.String(), Type.String()),
  set: Type.Array(Type.String(), setOfItems),
  list: Type.Array(Type.String()),
  ports: Type.Array(
    Type.Object({ name: Type.String(), protocol: Type.String(), port: Type.Integer() }),
    mapByKeys('name', 'protocol'),
  ),
  point: Type.Object({ x: Type.Integer(), y: Type.Integer() }, atomicObject),
})
const [dns, web] = [
  { name: 'dns', protocol: 'UDP', port: 53 },
  { name: 'web', protocol: 'TCP', port: 80 },
]

t.test('merge', (t) => {
  const rows: readonly (readonly [name: string, live: Json | undefined, applied: Json, merged: Json])[] = [
    ['a new object', undefined, { text: 'a', map: { a: 'x' } }, { text: 'a', map: { a: 'x' } }],
    ['nothing', { text: 'a' }, {}, { text: 'a' }],
    ['a field', { text: 'a', list: [] }, { text: 'b' }, { text: 'b', list: [] }],
    ['a member', { map: { a: '1', b: '2' } }, { map: { b: '3', c: '4' } }, { map: { a: '1', b: '3', c: '4' } }],
    ['no members', { map: { a: '1' } }, { map: {} }, { map: { a: '1' } }],
    ['null, which is not given', { text: 'a' }, { text: null, list: null }, { text: 'a' }],
    ['null inside what is new', {}, { map: { a: 'x', b: null } }, { map: { a: 'x' } }],
    ['items, the order as it is', { set: ['b', 'a'] }, { set: ['c', 'a'] }, { set: ['b', 'a', 'c'] }],
    ['items twice', { set: ['a', 'a'] }, { set: ['a'] }, { set: ['a'] }],
    ['an atomic list', { list: ['a'] }, { list: ['b'] }, { list: ['b'] }],
    ['an atomic object', { point: { x: 1, y: 1 } }, { point: { x: 2 } }, { point: { x: 2 } }],
    [
      'items by their keys',
      { ports: [dns, web] },
      {
        ports: [
          { name: 'ssh', protocol: 'TCP', port: 22 },
          { ...dns, port: 54 },
        ],
      },
      { ports: [{ ...dns, port: 54 }, web, { name: 'ssh', protocol: 'TCP', port: 22 }] },
    ],
    ['something of another type', { map: { a: '1' }, set: ['a'] }, { map: 'x', set: {} }, { map: 'x', set: {} }],
    [
      'in place of another type',
      { map: 'x', set: {} },
      { map: { a: '1' }, set: ['a'] },
      { map: { a: '1' }, set: ['a'] },
    ],
    [
      'names like any other',
      mustParse('{"map":{"__proto__":"1"}}'),
      mustParse('{"map":{"__proto__":"2","constructor":"3"}}'),
      mustParse('{"map":{"__proto__":"2","constructor":"3"}}'),
    ],
    ['what is not known', { colour: { a: 1 }, shape: 1 }, { colour: { b: 2 } }, { colour: { b: 2 }, shape: 1 }],
    ['what is not known and null', { colour: 1 }, { colour: null }, { colour: null }],
  ]
  for (const [name, live, applied, merged] of rows) {
    t.equal(stringifyJson(mergeManagedFields(schema, live, applied)), stringifyJson(merged), name)
  }
  t.end()
})

const keys = 'k:{"name":"dns","protocol":"UDP"}'
const allOfDns = [`/f:ports/${keys}/f:name`, `/f:ports/${keys}/f:protocol`, `/f:ports/${keys}/f:port`]

t.test('remove', (t) => {
  const rows: readonly (readonly [name: string, live: JsonObject, paths: readonly string[], rest: Json])[] = [
    ['nothing', { text: 'a' }, [], { text: 'a' }],
    ['a field', { text: 'a', list: [] }, ['/f:text'], { list: [] }],
    ['what is not there', { text: 'a' }, ['/f:list', '/f:map/f:a'], { text: 'a' }],
    ['a member', { map: { a: '1', b: '2' } }, ['/f:map/f:a'], { map: { b: '2' } }],
    ['the last member', { text: 'a', map: { a: '1' } }, ['/f:map/f:a'], { text: 'a' }],
    ['everything', { map: { a: '1' } }, ['/f:map/f:a'], {}],
    ['a container that holds something', { map: { a: '1' } }, ['/f:map'], { map: { a: '1' } }],
    ['a container that is empty', { map: {}, set: [], text: 'a' }, ['/f:map'], { set: [], text: 'a' }],
    ['an item', { set: ['a', 'b', 'c'] }, ['/f:set/v:"b"'], { set: ['a', 'c'] }],
    ['an atomic list', { list: ['a'], text: 'a' }, ['/f:list'], { text: 'a' }],
    ['an item of an atomic list', { list: ['a'] }, ['/f:list/i:0'], { list: ['a'] }],
    [
      'a field of an item',
      { ports: [dns] },
      [`/f:ports/${keys}/f:port`],
      { ports: [{ name: 'dns', protocol: 'UDP' }] },
    ],
    ['the keys of an item that has more', { ports: [dns] }, allOfDns.slice(0, 2), { ports: [dns] }],
    [
      'one of the keys',
      { ports: [{ name: 'dns', protocol: 'UDP' }] },
      allOfDns.slice(0, 1),
      { ports: [{ name: 'dns', protocol: 'UDP' }] },
    ],
    ['an item by its keys', { ports: [dns, web] }, allOfDns, { ports: [web] }],
    ['what is not known', { colour: { a: 1 } }, ['/f:colour/f:a'], { colour: { a: 1 } }],
  ]
  for (const [name, live, paths, rest] of rows) {
    t.equal(stringifyJson(removeLeaves(schema, live, new Set(paths))), stringifyJson(rest), name)
  }
  t.end()
})
