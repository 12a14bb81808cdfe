import t from 'tap'
import { encodeMessage, type Message } from '../../../src/http/openapi/v2-protobuf.ts'

t.test('a field is its number and wire type, its length, and its bytes', (t) => {
  const cases: readonly (readonly [message: Message, hex: string])[] = [
    [[], ''],
    // The example of protobuf's own documentation.
    [[[2, 'testing']], '120774657374696e67'],
    [[[1, '']], '0a00'],
    [[[1, 'ä']], '0a02c3a4'],
    [[[3, [[1, 'a']]]], '1a030a0161'],
    [
      [
        [1, 'a'],
        [1, 'b'],
      ],
      '0a01610a0162',
    ],
    // From 16 on, a number takes two bytes.
    [[[15, '']], '7a00'],
    [[[16, '']], '820100'],
    [[[31, 'a']], 'fa010161'],
  ]
  for (const [message, hex] of cases) t.equal(encodeMessage(message).toString('hex'), hex)
  t.end()
})

t.test('a length takes seven bits a byte', (t) => {
  for (const [length, hex] of [
    [127, '0a7f'],
    [128, '0a8001'],
    [300, '0aac02'],
    [16_384, '0a808001'],
  ] as const) {
    const encoded = encodeMessage([[1, 'x'.repeat(length)]])
    t.equal(encoded.subarray(0, encoded.length - length).toString('hex'), hex)
  }
  t.end()
})
