import t from 'tap'
import { type IpFamily, bits, ordinal, prefixLength } from '../../src/net/index.ts'

t.test('a family has 32 or 128 bits', (t) => {
  t.equal(bits(4), 32)
  t.equal(bits(6), 128)
  t.end()
})

const prefixLengths: readonly (readonly [IpFamily, number, boolean])[] = [
  [4, 0, true],
  [4, -1, false],
  [4, 32, true],
  [4, 33, false],
  [6, 33, true],
  [6, 128, true],
  [6, 129, false],
  [4, 26, true],
  [4, 26.5, false],
  [4, Number.NaN, false],
  [6, Number.POSITIVE_INFINITY, false],
]

for (const [family, length, isRight] of prefixLengths) {
  t.test(`${length} is ${isRight ? 'a' : 'no'} prefix length of IPv${family}`, (t) => {
    t.equal(prefixLength(family, length), isRight ? length : undefined)
    t.end()
  })
}

t.test('an ordinal is a whole number from 0 up', (t) => {
  t.equal(ordinal(0), 0)
  t.equal(ordinal(4095), 4095)
  for (const wrong of [-1, 0.5, Number.NaN, 2 ** 53]) t.throws(() => ordinal(wrong), { code: 'ERR_ASSERTION' })
  t.end()
})
