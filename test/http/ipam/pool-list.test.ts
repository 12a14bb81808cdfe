import t from 'tap'
import { PoolTrends } from '../../../src/ipam/index.ts'
import { pools as poolFamily } from '../../../src/model/index.ts'
import { poolsIn } from '../../../src/ipam/surroundings.ts'
import { causesOf, putPool, startServer } from '../server-in-memory.ts'

const hour = 3_600_000
/** The moment at which every test happens. */
const nowMs = 1_794_812_345_678

t.test('pools are listed by how full they are, page by page', async (t) => {
  const { call, store } = startServer(t)
  putPool(store, 'small', '10.2.0.0/28', 29)
  await call('POST', '/ipam/v1/assign', { ipv4: 4, pools: ['small'] })
  const first = await call('GET', '/ipam/v1/pools?sort=-percentInUse&limit=2')
  t.match(first, {
    status: 200,
    body: {
      pools: [
        {
          utilization: { pool: 'small', capacity: '16', inUse: '4', available: '12', percentInUse: 25 },
          growthPerHour: null,
          fullAt: null,
        },
        { utilization: { pool: 'blue', inUse: '0' } },
      ],
      total: 3,
    },
  })
  const next = await call('GET', `/ipam/v1/pools?sort=-percentInUse&limit=2&continue=${String(first.body['continue'])}`)
  t.match(next.body, { pools: [{ utilization: { pool: 'green' } }], total: 3, continue: null })
  putPool(store, 'off', '10.3.0.0/28', 29, { disabled: true })
  t.match((await call('GET', '/ipam/v1/pools?state=Disabled')).body, {
    pools: [{ utilization: { pool: 'off' } }],
    total: 1,
  })
  t.match((await call('GET', '/ipam/v1/pools?q=10.2')).body, { pools: [{ utilization: { pool: 'small' } }], total: 1 })
})

t.test('an order that does not exist, and a token that is none, are refused', async (t) => {
  const { call } = startServer(t)
  t.match(await call('GET', '/ipam/v1/pools?sort=color'), { status: 422 })
  t.match(await call('GET', '/ipam/v1/pools?state=Full'), { status: 422 })
  for (const place of ['x', '1', '-1/blue', '1/', 'NaN/blue', '1e/blue']) {
    const token = Buffer.from(place).toString('base64url')
    const refused = await call('GET', `/ipam/v1/pools?continue=${token}`)
    t.strictSame([refused.status, causesOf(refused)], [422, [['continue', 'FieldValueInvalid']]], place)
  }
})

t.test('how a pool has grown, and when it is full, follows from what was noted', async (t) => {
  const trends = new PoolTrends()
  const { call, store } = startServer(t, { trends })
  const { all } = poolsIn(store.view.list(poolFamily, 'hint'))
  trends.note(new Map(all.map((pool) => [pool, 0])), nowMs - 2 * hour)
  await call('POST', '/ipam/v1/assign', { ipv4: 128, pools: ['blue'] })
  t.match((await call('GET', '/ipam/v1/pools?sort=-inUse')).body, {
    pools: [
      { utilization: { pool: 'blue' }, growthPerHour: 64, fullAt: '2026-11-16T08:59:05Z' },
      { utilization: { pool: 'green' }, growthPerHour: 0, fullAt: null },
    ],
  })
  t.match(await call('GET', '/ipam/v1/trends?pools=blue&pools=fd00::/120'), {
    status: 200,
    body: {
      since: '2026-11-16T04:59:05Z',
      pools: [
        {
          pool: 'blue',
          points: [
            { at: '2026-11-16T04:59:05Z', inUse: 0 },
            { at: '2026-11-16T06:59:05Z', inUse: 128 },
          ],
        },
        { pool: 'green', points: [{ inUse: 0 }, { inUse: 0 }] },
      ],
    },
  })
  t.match(await call('GET', '/ipam/v1/trends?pools=nosuch'), { status: 422 })
  t.match(await call('GET', '/ipam/v1/trends'), { status: 400 })
})

t.test('a server that has not looked yet knows no more than now', async (t) => {
  const { call } = startServer(t)
  t.match((await call('GET', '/ipam/v1/trends?pools=blue')).body, {
    since: null,
    pools: [{ pool: 'blue', points: [{ at: '2026-11-16T06:59:05Z', inUse: 0 }] }],
  })
})
