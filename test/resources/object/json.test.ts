import t from 'tap'
import { type Json, JsonNumber, jsonObject } from '../../../src/model/index.ts'
import { objectIn } from '../../../src/resources/index.ts'
import { sameJson, textIn } from '../../../src/resources/object/index.ts'

t.test('values are compared regardless of order and spelling', (t) => {
  const rows: readonly (readonly [Json | undefined, Json | undefined, boolean])[] = [
    [undefined, undefined, true],
    [undefined, null, false],
    [undefined, {}, false],
    [null, null, true],
    [null, false, false],
    ['a', 'a', true],
    ['1', 1, false],
    [1, 1, true],
    [1, new JsonNumber('1.0'), true],
    [new JsonNumber('1e2'), new JsonNumber('100'), true],
    [new JsonNumber('1e2'), 101, false],
    [[], [], true],
    [[], {}, false],
    [{}, [], false],
    [[1, 2], [1, 2], true],
    [[1, 2], [2, 1], false],
    [[1], [1, 2], false],
    [{ a: 1, b: { c: [2] } }, { b: { c: [2] }, a: 1 }, true],
    [{ a: 1 }, { a: 2 }, false],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [{ a: 1 }, { b: 1 }, false],
    [{ a: null }, { b: null }, false],
    [jsonObject([['__proto__', 1]]), jsonObject([['constructor', 1]]), false],
    [{}, null, false],
    [[1], 1, false],
    [new JsonNumber('1.10'), 1.1, true],
    [new JsonNumber('1.10'), new JsonNumber('1.1e0'), true],
    [new JsonNumber('-0'), 0, true],
    [new JsonNumber('-0.0e7'), new JsonNumber('0'), true],
    [new JsonNumber('10'), new JsonNumber('1E+1'), true],
    [new JsonNumber('0.010'), new JsonNumber('1e-2'), true],
    [new JsonNumber('1e21'), 1e21, true],
    [new JsonNumber('-1.0'), 1, false],
    [new JsonNumber('9007199254740993'), new JsonNumber('9007199254740992'), false],
    [new JsonNumber('1e400'), new JsonNumber('1e401'), false],
    [new JsonNumber('1e-400'), 0, false],
    [new JsonNumber('1.0'), '1', false],
    [new JsonNumber('1.0'), null, false],
  ]
  for (const [one, other, isSame] of rows) {
    t.equal(sameJson(one, other), isSame, `${JSON.stringify(one)} and ${JSON.stringify(other)}`)
    t.equal(sameJson(other, one), isSame, `${JSON.stringify(other)} and ${JSON.stringify(one)}`)
  }
  t.end()
})

t.test('a member of another type than it should be is empty', (t) => {
  t.strictSame(Object.keys(objectIn({ a: { b: 1 } }, 'a')), ['b'])
  for (const object of [undefined, {}, { a: null }, { a: 'x' }, { a: [] }])
    t.strictSame(Object.keys(objectIn(object, 'a')), [])
  t.equal(textIn({ uid: 'u' }, 'uid'), 'u')
  t.equal(textIn({ uid: 1 }, 'uid'), '')
  t.end()
})
