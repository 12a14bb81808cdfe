import fc from 'fast-check'
import t from 'tap'
import { storedAnswerKey, storedAnswers } from '../../src/model/index.ts'
import type { StoredAnswer } from '../../src/model/stored-answer.ts'

const key = '/ippoold/v1/answers/k/0'

t.test('the key has a prefix of its own, and names the call and the transaction', (t) => {
  const cases: [idempotencyKey: string, part: number, key: string][] = [
    ['k', 0, '/ippoold/v1/answers/k/0'],
    ['k', 12, '/ippoold/v1/answers/k/12'],
    ['k/12', 0, '/ippoold/v1/answers/k%2F12/0'],
    ['k%2F12', 0, '/ippoold/v1/answers/k%252F12/0'],
    ['..', 0, '/ippoold/v1/answers/../0'],
    ['a b?#&=', 0, '/ippoold/v1/answers/a%20b%3F%23%26%3D/0'],
  ]
  for (const [idempotencyKey, part, want] of cases) t.equal(storedAnswerKey(idempotencyKey, part).text, want)
  t.equal(storedAnswerKey('k', 0).family, storedAnswers)
  t.equal(storedAnswers.prefix, '/ippoold/v1/answers/')
  t.end()
})

t.test('no two calls, and no two transactions of one, share a key', (t) => {
  const visible = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)) })
  const call = fc.tuple(visible, fc.nat({ max: 30 }))
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(call, call, (one, other) => {
        const isSame = one[0] === other[0] && one[1] === other[1]
        return isSame === (storedAnswerKey(...one).text === storedAnswerKey(...other).text)
      }),
    )
  })
  t.end()
})

t.test('an answer is stored as JSON, its body as a text that comes back character by character', (t) => {
  const answer = { request: 'ab12', body: '{"sequenceNumber":"1794812345678901234","a":"<é>"}' }
  const text =
    '{"request":"ab12","body":"{\\"sequenceNumber\\":\\"1794812345678901234\\",\\"a\\":\\"\\u003cé\\u003e\\"}"}'
  t.equal(storedAnswers.encode(answer), text)
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(fc.record({ request: fc.string(), body: fc.string({ unit: 'grapheme' }) }), (answer) => {
        const decoded = storedAnswers.decode(key, storedAnswers.encode(answer))
        return decoded.ok && decoded.value.request === answer.request && decoded.value.body === answer.body
      }),
    )
  })
  t.end()
})

t.test('an answer with unknown or missing fields is read', (t) => {
  const cases: [text: string, want: StoredAnswer][] = [
    ['{"request":"a","body":"b"}', { request: 'a', body: 'b' }],
    ['{"body":"b","later":1,"Request":"a"}', { request: 'a', body: 'b' }],
    ['{"request":"a","body":null}', { request: 'a', body: '' }],
    ['{"body":"b"}', { request: '', body: 'b' }],
  ]
  for (const [text, value] of cases) t.strictSame(storedAnswers.decode(key, text), { ok: true, value }, text)
  t.end()
})

t.test('what cannot be read is a problem', (t) => {
  const cases: [text: string, problem: RegExp][] = [
    ['{', /^not JSON: /],
    ['[]', /^stored answer: expected an object/],
    ['{"request":1,"body":"b"}', /^request: expected a string/],
    ['{"request":"a","body":{}}', /^body: expected a string/],
  ]
  for (const [text, problem] of cases) t.match(storedAnswers.decode(key, text), { ok: false, problem }, text)
  t.end()
})
