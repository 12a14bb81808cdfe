import fc from 'fast-check'
import t from 'tap'
import { formatMicroTime, formatTime, nanosecondsPerSecond, parseGoTime, parseTime } from '../../src/model/index.ts'

t.test('a time is printed in whole seconds of UTC, rounded down', (t) => {
  t.equal(formatTime({ nanoseconds: 1795406400123456789n }), '2026-11-23T04:00:00Z')
  t.equal(formatTime({ nanoseconds: 1795406400999999999n }), '2026-11-23T04:00:00Z')
  t.equal(formatTime({ nanoseconds: 0n }), '1970-01-01T00:00:00Z')
  t.end()
})

t.test('a time is printed in microseconds of UTC, rounded down', (t) => {
  t.equal(formatMicroTime({ nanoseconds: 1795406400123456789n }), '2026-11-23T04:00:00.123456Z')
  t.equal(formatMicroTime({ nanoseconds: 1795406400000007999n }), '2026-11-23T04:00:00.000007Z')
  t.equal(formatMicroTime({ nanoseconds: 0n }), '1970-01-01T00:00:00.000000Z')
  t.end()
})

t.test('RFC 3339 is read with its fraction and offset', (t) => {
  const cases: [string, bigint][] = [
    ['2026-11-23T04:00:00Z', 1795406400000000000n],
    ['2026-11-23T04:00:00.123456789Z', 1795406400123456789n],
    ['2026-11-23T04:00:00.5Z', 1795406400500000000n],
    ['2026-11-23T04:00:00.0000000009Z', 1795406400000000000n],
    ['2026-11-23T05:30:00+01:30', 1795406400000000000n],
    ['2026-11-22T20:00:00-08:00', 1795406400000000000n],
    ['1970-01-01T00:00:00Z', 0n],
    ['0001-01-01T00:00:00Z', -62135596800000000000n],
    ['2024-02-29T00:00:00Z', 1709164800000000000n],
  ]
  for (const [text, nanoseconds] of cases) t.strictSame(parseTime(text), { nanoseconds }, text)
  t.end()
})

t.test('a text that is no time is refused', (t) => {
  const cases: [wrong: string, right: string][] = [
    ['', '2026-11-23T04:00:00Z'],
    ['2026-11-23', '2026-11-23T00:00:00Z'],
    ['2026-11-23 04:00:00Z', '2026-11-23T04:00:00Z'],
    ['2026-11-23t04:00:00z', '2026-11-23T04:00:00Z'],
    ['2026-11-23T04:00:00', '2026-11-23T04:00:00Z'],
    ['2026-11-23T4:00:00Z', '2026-11-23T04:00:00Z'],
    ['2026-02-29T04:00:00Z', '2028-02-29T04:00:00Z'],
    ['2026-13-01T04:00:00Z', '2026-12-01T04:00:00Z'],
    ['2026-00-01T04:00:00Z', '2026-01-01T04:00:00Z'],
    ['2026-01-00T04:00:00Z', '2026-01-01T04:00:00Z'],
    ['2026-11-31T04:00:00Z', '2026-11-30T04:00:00Z'],
    ['2026-11-23T24:00:00Z', '2026-11-23T23:00:00Z'],
    ['2026-11-23T04:60:00Z', '2026-11-23T04:59:00Z'],
    ['2026-11-23T04:00:60Z', '2026-11-23T04:00:59Z'],
    ['2026-11-23T04:00:00.Z', '2026-11-23T04:00:00.0Z'],
    ['2026-11-23T04:00:00+24:00', '2026-11-23T04:00:00+23:00'],
    ['2026-11-23T04:00:00+01:60', '2026-11-23T04:00:00+01:59'],
  ]
  for (const [wrong, right] of cases) {
    t.equal(parseTime(wrong), undefined, wrong)
    t.not(parseTime(right), undefined, right)
  }
  t.end()
})

t.test('a printed time parses to the same time, without the fraction of its second', (t) => {
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(fc.bigInt(0n, 250_000_000_000n * nanosecondsPerSecond), (nanoseconds) => {
        return (
          parseTime(formatTime({ nanoseconds }))?.nanoseconds === nanoseconds - (nanoseconds % nanosecondsPerSecond)
        )
      }),
    )
  })
  t.end()
})

t.test('a time is read as Go prints it', (t) => {
  const cases: [text: string, printed: string | undefined][] = [
    ['2026-11-23 04:00:01.5 +0000 UTC', '2026-11-23T04:00:01Z'],
    ['2026-11-23 04:00:01 +0000 UTC', '2026-11-23T04:00:01Z'],
    ['2026-11-23 04:00:01.123456789 +0530 IST m=+0.000012', '2026-11-22T22:30:01Z'],
    ['2026-11-23 04:00:01 -0800', '2026-11-23T12:00:01Z'],
    ['2026-11-23T04:00:01Z', undefined],
    ['2026-13-23 04:00:01 +0000 UTC', undefined],
    ['yesterday', undefined],
  ]
  for (const [text, printed] of cases) {
    const time = parseGoTime(text)
    t.equal(time && formatTime(time), printed, text)
  }
  t.end()
})
