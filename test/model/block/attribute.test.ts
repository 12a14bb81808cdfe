import t from 'tap'
import {
  attributeFor,
  encodeAttribute,
  isFor,
  decodeAttribute,
  sameAttribute,
} from '../../../src/model/block/attribute.ts'
import { type Attribute, type Holder, setHolders, type Json, parseJson } from '../../../src/model/index.ts'
import { Malformed } from '../../../src/model/json/index.ts'

function mustRead(text: string): Attribute {
  const parsed = parseJson(text)
  if (!parsed.ok) throw new Error(parsed.problem)
  return decodeAttribute(parsed.value, 'attributes[0]')
}

t.test('entries come back byte for byte', (t) => {
  const texts = [
    '{}',
    '{"handle_id":"a"}',
    '{"handle_id":""}',
    '{"handle_id":"a\\rb"}',
    '{"secondary":{"10":"ten","9":"nine","node":"\\u003cn\\u003e"}}',
    '{"handle_id":"a","secondary":{"node":"n"},"alternateOwnerAttrs":{"pod":"p"}}',
    '{"releasedAt":"2026-11-23T04:10:00Z"}',
    '{"handle_id":"a","later":[1.0]}',
  ]
  for (const text of texts) t.equal(encodeAttribute(mustRead(text)), text)
  t.end()
})

t.test('older spellings are read, and written as they are written today', (t) => {
  const cases: [before: string, after: string][] = [
    ['{"handle_id":null,"secondary":null}', '{}'],
    ['{"handle_id":"a","secondary":{}}', '{"handle_id":"a"}'],
    ['{"secondary":{"b":"2","a":null},"handle_id":"a"}', '{"handle_id":"a","secondary":{"a":"","b":"2"}}'],
    ['{"Handle_ID":"a","alternateownerattrs":{},"ReleasedAt":null}', '{"handle_id":"a"}'],
    ['null', '{}'],
  ]
  for (const [before, after] of cases) t.equal(encodeAttribute(mustRead(before)), after)
  t.end()
})

t.test('an entry is encoded once', (t) => {
  const attribute = { handle: 'a' }
  t.equal(encodeAttribute(attribute), '{"handle_id":"a"}')
  t.equal(encodeAttribute(attribute), '{"handle_id":"a"}')
  t.end()
})

t.test('what cannot be read is refused', (t) => {
  const cases: [json: Json, message: RegExp][] = [
    [[], /^attributes\[0\]: expected an object/],
    [{ handle_id: 1 }, /^attributes\[0\]\.handle_id: /],
    [{ secondary: [] }, /^attributes\[0\]\.secondary: /],
    [{ secondary: { node: 1 } }, /^attributes\[0\]\.secondary\.node: /],
    [{ alternateOwnerAttrs: 'a' }, /^attributes\[0\]\.alternateOwnerAttrs: /],
    [{ releasedAt: 'yesterday' }, /^attributes\[0\]\.releasedAt: /],
  ]
  for (const [json, message] of cases)
    t.throws(() => decodeAttribute(json, 'attributes[0]'), { constructor: Malformed, message })
  t.end()
})

t.test('the entry of a holder has its handle and attributes, and nothing empty', (t) => {
  t.strictSame(attributeFor({ handle: 'a', attributes: { node: 'n' } }), { handle: 'a', active: { node: 'n' } })
  t.strictSame(attributeFor({ handle: 'a', attributes: {} }), { handle: 'a' })
  t.strictSame(attributeFor({ handle: undefined, attributes: undefined }), {})
  t.end()
})

t.test('holders with the same handle and attributes share an entry', (t) => {
  const secondary = { node: 'n', pod: 'p' }
  const cases: [name: string, attribute: Attribute, holder: Holder, want: boolean][] = [
    ['same', { handle: 'a', active: secondary }, { handle: 'a', attributes: secondary }, true],
    ['equal', { handle: 'a', active: secondary }, { handle: 'a', attributes: { pod: 'p', node: 'n' } }, true],
    [
      'as read',
      mustRead('{"handle_id":"a","secondary":{"node":"n","pod":"p"}}'),
      { handle: 'a', attributes: secondary },
      true,
    ],
    ['nothing said', { handle: 'a' }, { handle: 'a', attributes: {} }, true],
    ['no handle', {}, {}, true],
    ['another handle', { handle: 'b', active: secondary }, { handle: 'a', attributes: secondary }, false],
    ['empty handle', { handle: '' }, {}, false],
    ['one more', { handle: 'a', active: secondary }, { handle: 'a', attributes: { node: 'n' } }, false],
    ['another name', { handle: 'a', active: secondary }, { handle: 'a', attributes: { node: 'n', job: 'p' } }, false],
    ['another value', { handle: 'a', active: secondary }, { handle: 'a', attributes: { node: 'n', pod: 'q' } }, false],
    ['inherited name', { active: { toString: 'x' } }, { attributes: { other: 'x' } }, false],
    ['alternate owner', { handle: 'a', alternate: { pod: 'q' } }, { handle: 'a' }, false],
    ['cooling down', { releasedAt: '2026-11-23T04:10:00Z' }, {}, false],
    ['unknown fields', { handle: 'a', unknownFields: { x: 1 } }, { handle: 'a' }, false],
  ]
  for (const [name, attribute, holder, want] of cases) t.equal(isFor(attribute, holder), want, name)
  t.end()
})

t.test('holder attributes come and go, and leave nothing empty', (t) => {
  const before = mustRead('{"handle_id":"a","secondary":{"pod":"p"},"later":1}')
  const after = setHolders(before, { active: undefined, alternate: { pod: 'p' } })
  t.equal(encodeAttribute(after), '{"handle_id":"a","alternateOwnerAttrs":{"pod":"p"},"later":1}')
  const back = setHolders(after, { active: { pod: 'p' }, alternate: {} })
  t.equal(encodeAttribute(back), encodeAttribute(before))
  t.equal(encodeAttribute(setHolders(after, { active: {}, alternate: undefined })), '{"handle_id":"a","later":1}')
  t.end()
})

t.test('entries are the same if nothing in them differs', (t) => {
  const full: Attribute = { handle: 'a', active: { pod: 'p' }, alternate: { pod: 'q' } }
  const cases: [name: string, one: Attribute, other: Attribute, want: boolean][] = [
    ['equal', full, { alternate: { pod: 'q' }, active: { pod: 'p' }, handle: 'a' }, true],
    ['nothing at all', {}, {}, true],
    ['another handle', full, { ...full, handle: 'b' }, false],
    ['another owner', full, { ...full, active: { pod: 'x' } }, false],
    ['another alternate owner', full, { ...full, alternate: { pod: 'x' } }, false],
    ['no alternate owner', full, { handle: 'a', active: { pod: 'p' } }, false],
    ['an alternate owner more', { handle: 'a' }, { handle: 'a', alternate: { pod: 'x' } }, false],
    ['cooling down', { releasedAt: '2026-11-23T04:10:00Z' }, {}, false],
    ['and the reverse', {}, { releasedAt: '2026-11-23T04:10:00Z' }, false],
    ['unknown fields', full, { ...full, unknownFields: { x: 1 } }, false],
  ]
  for (const [name, one, other, want] of cases) t.equal(sameAttribute(one, other), want, name)
  const odd: Attribute = { unknownFields: { x: 1 } }
  t.equal(sameAttribute(odd, odd), true, 'the very same')
  t.end()
})
