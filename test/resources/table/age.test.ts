import t from 'tap'
import { nanosecondsPerSecond } from '../../../src/model/index.ts'
import { ageOf } from '../../../src/resources/table/age.ts'

const created = '2026-11-23T03:59:00Z'
const createdSeconds = BigInt(Date.parse(created) / 1000)
const [minute, hour, day, year] = [60, 3_600, 86_400, 31_536_000]

t.test('a longer age has coarser units', (t) => {
  const cases: readonly (readonly [seconds: number, age: string])[] = [
    [-2, '<invalid>'],
    [-1, '0s'],
    [0, '0s'],
    [12, '12s'],
    [119, '119s'],
    [2 * minute, '2m'],
    [5 * minute + 30, '5m30s'],
    [10 * minute - 1, '9m59s'],
    [10 * minute + 59, '10m'],
    [3 * hour - 1, '179m'],
    [3 * hour, '3h'],
    [3 * hour + 20 * minute + 59, '3h20m'],
    [8 * hour + 59 * minute, '8h'],
    [2 * day - 1, '47h'],
    [2 * day, '2d'],
    [2 * day + 3 * hour, '2d3h'],
    [8 * day + 3 * hour, '8d'],
    [2 * year - 1, '729d'],
    [2 * year, '2y'],
    [2 * year + 3 * day, '2y3d'],
    [8 * year + 3 * day, '8y'],
  ]
  for (const [seconds, age] of cases) {
    const now = { nanoseconds: (createdSeconds + BigInt(seconds)) * nanosecondsPerSecond }
    t.equal(ageOf(created, now), age, `${String(seconds)} seconds`)
  }
  t.end()
})

t.test('without a creation time there is no age', (t) => {
  for (const timestamp of ['', 'yesterday']) t.equal(ageOf(timestamp, { nanoseconds: 0n }), '<unknown>')
  t.end()
})
