import t from 'tap'
import { causesOf, startServer } from '../server-in-memory.ts'

t.test('the available addresses of a pool are listed as ranges, page by page', async (t) => {
  const { call } = startServer(t)
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses: ['10.1.0.5', '10.1.0.200'] })
  const first = await call('GET', '/ipam/v1/pools/blue/free?limit=2')
  t.match(first, { status: 200 })
  const { continue: token, ...body } = first.body
  t.strictSame(body, {
    pool: 'blue',
    cidr: '10.1.0.0/24',
    isAllocatable: true,
    available: '254',
    ranges: [
      { first: '10.1.0.0', last: '10.1.0.4', count: '5' },
      { first: '10.1.0.6', last: '10.1.0.199', count: '194' },
    ],
  })
  const second = await call('GET', `/ipam/v1/pools/10.1.0.0%2F24/free?continue=${String(token)}`)
  t.match(second.body, { ranges: [{ first: '10.1.0.201', last: '10.1.0.255', count: '55' }], continue: null })
  const part = await call('GET', '/ipam/v1/pools/blue/free?cidr=10.1.0.4/30')
  t.match(part.body, { cidr: '10.1.0.4/30', available: '3', ranges: [{ first: '10.1.0.4' }, { first: '10.1.0.6' }] })
})

t.test('what cannot be listed is refused', async (t) => {
  const { call } = startServer(t)
  t.match(await call('GET', '/ipam/v1/pools/red/free'), {
    status: 404,
    body: { reason: 'NotFound', message: 'Pool red does not exist.' },
  })
  for (const cidr of ['10.1.0', '10.2.0.0/24']) {
    const answer = await call('GET', `/ipam/v1/pools/blue/free?cidr=${cidr}`)
    t.match(answer, { status: 422, body: { reason: 'Invalid' } })
    t.strictSame(causesOf(answer), [['cidr', 'FieldValueInvalid']])
  }
  t.equal((await call('GET', '/ipam/v1/pools/blue/free?continue=x')).status >= 400, true)
})
