import t from 'tap'
import { type Json, jsonObject, parseJson } from '../../../src/model/index.ts'
import { mergePatch } from '../../../src/resources/changes/patch.ts'
import { sameJson } from '../../../src/resources/object/json.ts'

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
