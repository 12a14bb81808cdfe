import t from 'tap'
import { causesOf, startServer } from '../server-in-memory.ts'

t.test('the addresses of ranges are counted, and single ones have states', async (t) => {
  const { call } = startServer(t)
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses: ['10.1.0.1', '10.1.0.70'] })
  t.match(await call('GET', '/ipam/v1/map?cidr=10.0.0.0/8&prefixLength=16'), {
    status: 200,
    body: {
      cidr: '10.0.0.0/8',
      prefixLength: 16,
      pools: [],
      ranges: [
        {
          range: '10.1.0.0/16',
          pools: ['blue'],
          poolCount: 1,
          blocks: 2,
          capacity: '256',
          inUse: '2',
          cooling: '0',
          reserved: '0',
          available: '254',
        },
      ],
    },
  })
  t.match((await call('GET', '/ipam/v1/map?cidr=10.1.0.0/24&prefixLength=26')).body, {
    pools: [{ pool: 'blue', cidr: '10.1.0.0/24' }],
    ranges: [{ range: '10.1.0.0/26' }, { range: '10.1.0.64/26' }],
  })
  t.strictSame((await call('GET', '/ipam/v1/map/addresses?cidr=10.1.0.0/29')).body, {
    cidr: '10.1.0.0/29',
    states: 'auaaaaaa',
  })
})

t.test('what cannot be mapped is refused with what would be right', async (t) => {
  const { call } = startServer(t)
  const cases: [query: string, field: string, message: RegExp][] = [
    ['map?cidr=10.1&prefixLength=16', 'cidr', /is not a CIDR/],
    ['map?cidr=10.1.0.0/24&prefixLength=16', 'prefixLength', /16 does not fit 10\.1\.0\.0\/24; .* from 24 to 32/],
    ['map?cidr=10.0.0.0/8&prefixLength=33', 'prefixLength', /from 8 to 20/],
    ['map/addresses?cidr=10.0.0.0/19', 'cidr', /more than 4096 addresses; give a prefix length of at least 20/],
    ['map/addresses?cidr=nothing', 'cidr', /is not a CIDR/],
  ]
  for (const [query, field, message] of cases) {
    const refused = await call('GET', `/ipam/v1/${query}`)
    t.match(refused, { status: 422, body: { message } }, query)
    t.strictSame(
      causesOf(refused).map(([name]) => name),
      [field],
      query,
    )
  }
  t.match(await call('GET', '/ipam/v1/map?cidr=10.0.0.0/8'), { status: 400 })
})
