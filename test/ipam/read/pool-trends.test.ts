import t from 'tap'
import { fullAt, PoolTrends } from '../../../src/ipam/index.ts'
import { type Pool, poolOf } from '../../../src/model/index.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const start = 1_795_406_400_000

function pool(name: string, cidr = '10.0.0.0/24'): Pool {
  const decoded = poolOf({ kind: 'IPPool', apiVersion: 'projectcalico.org/v3', metadata: { name }, spec: { cidr } })
  if (!decoded.ok) throw new Error(decoded.problem)
  return decoded.value
}

const a = pool('a')

/** The points of a pool, in minutes after the start. */
const pointsOf = (trends: PoolTrends, of = a): readonly (readonly [number, number])[] =>
  trends.pointsOf(of).map(({ atMs, inUse }) => [(atMs - start) / minute, inUse])

t.test('only changes are remembered', (t) => {
  const trends = new PoolTrends()
  t.equal(trends.sinceMs, undefined)
  t.strictSame(pointsOf(trends), [])
  for (const [at, inUse] of [
    [0, 5],
    [1, 5],
    [2, 7],
    [3, 7],
    [4, 5],
  ] as const)
    trends.note(new Map([[a, inUse]]), start + at * minute)
  t.strictSame(pointsOf(trends), [
    [0, 5],
    [2, 7],
    [4, 5],
  ])
  t.equal(trends.sinceMs, start)
  t.end()
})

t.test('what is older than a day is forgotten, but not the number at its beginning', (t) => {
  const trends = new PoolTrends()
  trends.note(new Map([[a, 1]]), start)
  trends.note(new Map([[a, 2]]), start + 10 * minute)
  trends.note(new Map([[a, 3]]), start + day + 5 * minute)
  t.strictSame(pointsOf(trends), [
    [5, 1],
    [10, 2],
    [24 * 60 + 5, 3],
  ])
  trends.note(new Map([[a, 3]]), start + 2 * day)
  t.strictSame(pointsOf(trends), [
    [24 * 60, 2],
    [24 * 60 + 5, 3],
  ])
  t.end()
})

t.test('a pool that is gone, or has another range, begins anew', (t) => {
  const trends = new PoolTrends()
  trends.note(
    new Map([
      [a, 1],
      [pool('b'), 2],
    ]),
    start,
  )
  trends.note(new Map([[a, 3]]), start + minute)
  t.strictSame(pointsOf(trends, pool('b')), [])
  t.strictSame(pointsOf(trends, pool('a', '10.1.0.0/24')), [], 'these are the numbers of another range')
  trends.note(new Map([[pool('a', '10.1.0.0/24'), 4]]), start + 2 * minute)
  t.strictSame(pointsOf(trends, pool('a', '10.1.0.0/24')), [[2, 4]])
  t.end()
})

t.test('many changes are thinned out, and the first and the last of them stay', (t) => {
  const trends = new PoolTrends()
  for (let at = 0; at < 600; at++) trends.note(new Map([[a, at]]), start + at * minute)
  const points = pointsOf(trends)
  t.ok(points.length <= 96 && points.length > 40, `${points.length} points`)
  t.strictSame(
    [points[0], points.at(-1)],
    [
      [0, 0],
      [599, 599],
    ],
  )
  t.strictSame(
    points,
    points.toSorted(([one], [other]) => one - other),
  )
  t.end()
})

t.test('growth is what was added in an hour, once there are ten minutes of it', (t) => {
  const trends = new PoolTrends()
  const at = (minutes: number, inUse: number) => ({ atMs: start + minutes * minute, inUse })
  t.equal(trends.growthOf(a, at(0, 10)), undefined)
  trends.note(new Map([[a, 10]]), start)
  t.equal(trends.growthOf(a, at(9, 100)), undefined)
  t.equal(trends.growthOf(a, at(10, 12)), 12)
  t.equal(trends.growthOf(a, at(120, 4)), -3)
  t.equal(trends.growthOf(a, at(120, 10)), 0)
  t.end()
})

t.test('a pool that grows is full after a time, unless that is very long', (t) => {
  const cases: [available: number, growth: number | undefined, hours: number | undefined][] = [
    [100, 50, 2],
    [0, 1, 0],
    [100, undefined, undefined],
    [100, 0, undefined],
    [100, -1, undefined],
    [1e6, 1, undefined],
  ]
  for (const [available, growth, hours] of cases) {
    const at = hours === undefined ? undefined : start + hours * hour
    t.equal(fullAt(available, growth, start), at, `${available} left, ${growth} an hour`)
  }
  t.end()
})
