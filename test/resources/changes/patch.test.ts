import fc from 'fast-check'
import { applyPatch } from 'rfc6902'
import t from 'tap'
import {
  type Json,
  JsonNumber,
  type JsonObject,
  jsonObject,
  parseJson,
  stringifyJson,
} from '../../../src/model/index.ts'
import {
  copiedLengthMax,
  depthMax,
  jsonPatch,
  mergePatch,
  operationsMax,
} from '../../../src/resources/changes/patch.ts'
import { sameJson } from '../../../src/resources/object/index.ts'

const document: JsonObject = { a: { b: 1, 'x/y': { '~': 2 }, '': 3 }, list: ['p', 'q', 'r'], none: null }

t.test('a patch changes what its paths lead to', (t) => {
  const rows: readonly (readonly [name: string, patch: Json, want: Json])[] = [
    ['no operation', [], document],
    ['add a member', [{ op: 'add', path: '/new', value: { c: [] } }], { ...document, new: { c: [] } }],
    ['add over a member', [{ op: 'add', path: '/list', value: null }], { ...document, list: null }],
    ['add an item', [{ op: 'add', path: '/list/1', value: 'n' }], { ...document, list: ['p', 'n', 'q', 'r'] }],
    [
      'add behind the last item',
      [{ op: 'add', path: '/list/3', value: 'n' }],
      { ...document, list: ['p', 'q', 'r', 'n'] },
    ],
    ['append an item', [{ op: 'add', path: '/list/-', value: 'n' }], { ...document, list: ['p', 'q', 'r', 'n'] }],
    ['replace the whole', [{ op: 'add', path: '', value: [1] }], [1]],
    ['remove the whole', [{ op: 'remove', path: '' }], null],
    ['remove a member', [{ op: 'remove', path: '/none' }], { a: document['a'] ?? 0, list: document['list'] ?? 0 }],
    ['remove an item', [{ op: 'remove', path: '/list/0' }], { ...document, list: ['q', 'r'] }],
    ['replace a member', [{ op: 'replace', path: '/a', value: 0 }], { ...document, a: 0 }],
    ['replace an item', [{ op: 'replace', path: '/list/2', value: 0 }], { ...document, list: ['p', 'q', 0] }],
    [
      'an escaped path',
      [{ op: 'replace', path: '/a/x~1y/~0', value: 0 }],
      { ...document, a: { b: 1, 'x/y': { '~': 0 }, '': 3 } },
    ],
    ['an empty name', [{ op: 'test', path: '/a/', value: 3 }], document],
    [
      'move a member',
      [{ op: 'move', from: '/a', path: '/c' }],
      { c: document['a'] ?? 0, list: document['list'] ?? 0, none: null },
    ],
    ['move an item', [{ op: 'move', from: '/list/0', path: '/list/2' }], { ...document, list: ['q', 'r', 'p'] }],
    ['move onto itself', [{ op: 'move', from: '/a', path: '/a' }], document],
    ['copy a member', [{ op: 'copy', from: '/a/b', path: '/list/0' }], { ...document, list: [1, 'p', 'q', 'r'] }],
    ['test null', [{ op: 'test', path: '/none', value: null }], document],
    ['test an object', [{ op: 'test', path: '/a', value: { '': 3, 'x/y': { '~': 2 }, b: 1 } }], document],
    [
      'a member that is not known',
      [
        { op: 'remove', path: '/none', comment: 'x' },
        { op: 'add', path: '/none', value: null },
      ],
      document,
    ],
  ]
  for (const [name, patch, want] of rows) {
    const patched = jsonPatch(document, patch)
    t.ok(patched.ok && sameJson(patched.value, want), name)
  }
  t.equal(
    stringifyJson(document),
    '{"a":{"b":1,"x/y":{"~":2},"":3},"list":["p","q","r"],"none":null}',
    'the document stays',
  )
  t.end()
})

t.test('a path that does not exist, or a failed test, refuses the whole patch', (t) => {
  const first = { op: 'add', path: '/new', value: 1 }
  const rows: readonly (readonly [name: string, operation: JsonObject])[] = [
    ['remove what is not there', { op: 'remove', path: '/b' }],
    ['replace what is not there', { op: 'replace', path: '/b', value: 1 }],
    ['add below what is not there', { op: 'add', path: '/b/c', value: 1 }],
    ['add below a text', { op: 'add', path: '/list/0/x', value: 1 }],
    ['remove the length of a text', { op: 'remove', path: '/list/0/length' }],
    ['test the length of a list', { op: 'test', path: '/list/length', value: 3 }],
    ['add beyond a list', { op: 'add', path: '/list/4', value: 1 }],
    ['replace beyond a list', { op: 'replace', path: '/list/3', value: 1 }],
    ['replace behind a list', { op: 'replace', path: '/list/-', value: 1 }],
    ['remove behind a list', { op: 'remove', path: '/list/-' }],
    ['a leading zero', { op: 'remove', path: '/list/01' }],
    ['a negative index', { op: 'remove', path: '/list/-1' }],
    ['an index that is none', { op: 'add', path: '/list/1e0', value: 1 }],
    ['move what is not there', { op: 'move', from: '/b', path: '/c' }],
    ['copy what is not there', { op: 'copy', from: '/b', path: '/c' }],
    ['copy to below what is not there', { op: 'copy', from: '/a', path: '/b/c' }],
    ['move into itself', { op: 'move', from: '/a', path: '/a/b' }],
    ['another value', { op: 'test', path: '/a/b', value: 2 }],
    ['a value where there is none', { op: 'test', path: '/b', value: null }],
    ['an inherited name', { op: 'test', path: '/toString', value: null }],
    ['a prototype', { op: 'add', path: '/__proto__/polluted', value: true }],
    ['a constructor', { op: 'add', path: '/a/constructor/prototype/polluted', value: true }],
  ]
  for (const [name, operation] of rows) {
    const field = '[1]'
    t.match(
      jsonPatch(document, [first, operation]),
      { ok: false, refusal: { reason: 'Invalid', message: /^JSON patch operation \[1\]: /, causes: [{ field }] } },
      name,
    )
  }
  t.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
  t.end()
})

t.test('every name is just a name', (t) => {
  const object = jsonObject([['labels', jsonObject([['constructor', 'x']])]])
  const patched = jsonPatch(object, [
    { op: 'copy', from: '/labels/constructor', path: '/labels/prototype' },
    { op: 'move', from: '/labels/constructor', path: '/labels/__proto__' },
    { op: 'test', path: '/labels/__proto__', value: 'x' },
  ])
  t.equal(patched.ok && stringifyJson(patched.value), '{"labels":{"prototype":"x","__proto__":"x"}}')
  t.end()
})

t.test('no digit is lost', (t) => {
  const patched = jsonPatch({ a: new JsonNumber('1795406400123456789') }, [
    { op: 'copy', from: '/a', path: '/b' },
    { op: 'move', from: '/a', path: '/c' },
  ])
  t.equal(patched.ok && stringifyJson(patched.value), '{"b":1795406400123456789,"c":1795406400123456789}')
  t.end()
})

t.test('a malformed patch is a bad request, before any operation is applied', (t) => {
  const failing = { op: 'test', path: '/b', value: 1 }
  const rows: readonly (readonly [name: string, patch: Json])[] = [
    ['an object', { op: 'remove', path: '/a' }],
    ['a text', 'x'],
    ['an operation that is none', [failing, null]],
    ['no op', [failing, { path: '/a' }]],
    ['another op', [failing, { op: 'merge', path: '/a', value: 1 }]],
    ['no path', [failing, { op: 'remove' }]],
    ['a path without a slash', [failing, { op: 'remove', path: 'a' }]],
    ['a path with a bad escape', [failing, { op: 'remove', path: '/a~2' }]],
    ['a path that ends in a tilde', [failing, { op: 'remove', path: '/a~' }]],
    ['add without a value', [failing, { op: 'add', path: '/a' }]],
    ['replace without a value', [failing, { op: 'replace', path: '/a' }]],
    ['test without a value', [failing, { op: 'test', path: '/a' }]],
    ['move without a source', [failing, { op: 'move', path: '/a' }]],
    ['copy from a number', [failing, { op: 'copy', path: '/a', from: 1 }]],
    [
      'too many operations',
      Array.from({ length: operationsMax + 1 }, () => ({ op: 'test', path: '', value: document })),
    ],
  ]
  for (const [name, patch] of rows)
    t.match(jsonPatch(document, patch), { ok: false, refusal: { reason: 'BadRequest' } }, name)
  t.match(
    jsonPatch(
      document,
      Array.from({ length: operationsMax }, () => ({ op: 'test', path: '/none', value: null })),
    ),
    { ok: true },
  )
  t.end()
})

t.test('copies cannot make an object grow without bound', (t) => {
  const doubling = Array.from({ length: 40 }, (_, index) => ({ op: 'copy', from: '/a', path: `/a/${String(index)}` }))
  t.match(jsonPatch({ a: { x: 'y' } }, doubling), { ok: false, refusal: { reason: 'BadRequest' } })
  const big = 'x'.repeat(copiedLengthMax - 2)
  t.match(jsonPatch({ a: big }, [{ op: 'copy', from: '/a', path: '/b' }]), { ok: true })
  t.match(jsonPatch({ a: `${big}x` }, [{ op: 'copy', from: '/a', path: '/b' }]), { ok: false })
  t.end()
})

t.test('a patch cannot nest an object deeper than a body may be', (t) => {
  const nested = (depth: number): JsonObject => (depth === 1 ? {} : { x: nested(depth - 1) })
  const below = (depth: number): string => `/a${'/x'.repeat(depth - 1)}`
  const rows: readonly (readonly [name: string, isFine: boolean, patch: Json])[] = [
    ['as deep as may be', true, [{ op: 'add', path: '/a', value: nested(depthMax - 1) }]],
    ['too deep', false, [{ op: 'add', path: '/a', value: nested(depthMax) }]],
    ['replaced', false, [{ op: 'replace', path: '/list', value: nested(depthMax) }]],
    [
      'a text at the end',
      true,
      [
        { op: 'add', path: '/a', value: nested(depthMax - 1) },
        { op: 'add', path: below(depthMax), value: 'y' },
      ],
    ],
    [
      'a list at the end',
      false,
      [
        { op: 'add', path: '/a', value: nested(depthMax - 1) },
        { op: 'add', path: below(depthMax), value: [] },
      ],
    ],
    [
      'copied into itself',
      false,
      [
        { op: 'add', path: '/a', value: nested(40) },
        { op: 'copy', from: '/a', path: below(41) },
      ],
    ],
    [
      'moved',
      false,
      [
        { op: 'add', path: '/a', value: nested(40) },
        { op: 'add', path: '/b', value: nested(40) },
        { op: 'move', from: '/b', path: below(41) },
      ],
    ],
    [
      'tested',
      true,
      [
        { op: 'add', path: '/a', value: nested(63) },
        { op: 'test', path: '/a', value: nested(63) },
      ],
    ],
  ]
  for (const [name, isFine, patch] of rows) {
    const patched = jsonPatch(document, patch)
    t.match(
      patched,
      isFine ? { ok: true } : { ok: false, refusal: { reason: 'BadRequest', message: /nests deeper than 64 levels/ } },
      name,
    )
  }
  t.end()
})

t.test('the operations of a patch do not cost the size of the object each', (t) => {
  const names = Array.from({ length: 20_000 }, (_, index) => `k${String(index)}`)
  const object: JsonObject = { map: jsonObject(names.map((name) => [name, 'v'])), list: names }
  const of = (operation: (index: number) => Json): Json =>
    Array.from({ length: operationsMax }, (_, index) => operation(index))
  const patches = [
    of((index) => ({ op: 'add', path: `/map/z${String(index)}`, value: 'v' })),
    of((index) => ({ op: 'move', from: `/map/k${String(index)}`, path: `/map/z${String(index)}` })),
    of(() => ({ op: 'add', path: '/list/0', value: 'v' })),
    of((index) => ({ op: 'copy', from: '/list/0', path: `/map/z${String(index)}` })),
  ]
  for (const patch of patches) {
    const startedAt = performance.now()
    t.ok(jsonPatch(object, patch).ok)
    const ms = performance.now() - startedAt
    t.ok(ms < 1_000, `${String(Math.round(ms))} ms`)
  }
  t.equal(Object.keys(object['map'] ?? {}).length, names.length, 'the document stays')
  t.end()
})

t.test('a copied value is independent of its origin', (t) => {
  const value = { x: { y: [1] } }
  const patched = jsonPatch({}, [
    { op: 'add', path: '/a', value },
    { op: 'add', path: '/a/x/y/-', value: 2 },
    { op: 'copy', from: '/a', path: '/b' },
    { op: 'add', path: '/b/x/y/-', value: 3 },
    { op: 'add', path: '/a/x/z', value: 4 },
    { op: 'move', from: '/a/x', path: '/c' },
    { op: 'remove', path: '/c/y/0' },
  ])
  t.equal(patched.ok && stringifyJson(patched.value), '{"a":{},"b":{"x":{"y":[1,2,3]}},"c":{"y":[2],"z":4}}')
  t.strictSame(value, { x: { y: [1] } }, 'the patch stays')
  t.end()
})

t.test('a message does not repeat a path at length', (t) => {
  const patched = jsonPatch({}, [{ op: 'remove', path: `/${'x'.repeat(100_000)}` }])
  t.ok(!patched.ok && patched.refusal.message.length < 500)
  t.end()
})

t.test('patches come out as from another implementation', (t) => {
  const name = fc.constantFrom('a', 'b', 'c', '0', '1')
  const value = fc.letrec((tie) => ({
    json: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(null, true, 1, 'x'),
      fc.array(tie('json'), { maxLength: 3 }),
      fc.dictionary(name, tie('json'), { maxKeys: 3, noNullPrototype: true }),
    ),
  })).json
  const path = fc
    .array(fc.oneof(name, fc.constant('-')), { minLength: 1, maxLength: 3 })
    .map((names) => `/${names.join('/')}`)
  const operation = fc.oneof(
    fc.record({ op: fc.constantFrom('add', 'replace', 'test'), path, value }),
    fc.record({ op: fc.constant('remove'), path }),
    fc.record({ op: fc.constant('copy'), path, from: path }),
    // The other one finds the target of a move before it takes the source away, which makes a difference within lists.
    fc.record({ op: fc.constant('move'), path, from: name.map((text) => `/${text}`) }),
  )
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(
        fc.dictionary(name, value, { noNullPrototype: true }),
        fc.array(operation, { maxLength: 4 }),
        (target, patch) => {
          const given = mustParse(JSON.stringify(target))
          const patched = jsonPatch(given, mustList(JSON.stringify(patch)))
          // The other one goes on after a failure, and writes into texts and behind lists; so only what succeeds is compared.
          if (!patched.ok) return
          const results = applyPatch(target, structuredClone(patch))
          if (results.some((result) => result !== null)) throw new Error('the other implementation refuses this')
          if (!sameJson(patched.value, mustParse(JSON.stringify(target))))
            throw new Error(JSON.stringify([patched.value, target]))
        },
      ),
      { numRuns: 2_000 },
    )
  })
  t.end()
})

function mustParse(text: string): JsonObject {
  const parsed = parseJson(text)
  if (!parsed.ok) throw new Error(parsed.problem)
  return jsonObject(Object.entries(parsed.value ?? {}))
}

function mustList(text: string): Json {
  const parsed = parseJson(text)
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.value
}

t.test('the examples of RFC 7396, appendix A', (t) => {
  const rows: readonly (readonly [Json, Json, Json])[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ]
  for (const [target, patch, want] of rows) {
    t.ok(sameJson(mergePatch(target, patch), want), `${JSON.stringify(target)} with ${JSON.stringify(patch)}`)
  }
  t.end()
})

t.test('every name is just a name', (t) => {
  const parsed = parseJson('{"__proto__":{"polluted":true},"constructor":null}')
  const patched = parsed.ok && mergePatch(jsonObject([['constructor', 'x']]), parsed.value)
  t.ok(sameJson(patched, jsonObject([['__proto__', { polluted: true }]])))
  t.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
  t.end()
})
