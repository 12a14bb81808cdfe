import t from 'tap'
import { World } from '../support/ipam-world.ts'

const windows = { 4: { start: 3, end: 1 } }

/** A pool of two blocks of eight, under strict affinity. */
function strictWorld(): World {
  const world = new World()
  world.config({ strict_affinity: true })
  world.pool('a', '10.0.0.0/28', { blockSize: 29 })
  world.claim('win1', '10.0.0.0/29', 'pending')
  return world
}

t.test('the ends of each new block stay the host’s, without a handle’s key', (t) => {
  const world = strictWorld()
  t.strictSame(
    world.take({ node: 'win1', ipv4: 5, hostReserved: windows }),
    ['3', '4', '5', '6', '11'].map((last) => `10.0.0.${last}`),
  )
  for (const cidr of ['10.0.0.0/29', '10.0.0.8/29']) {
    t.strictSame(
      world.stored(cidr)?.allocations.map((index) => index === 0),
      [true, true, true, false, false, false, false, true],
    )
  }
  t.strictSame(world.view.keys('/calico/ipam/v2/handle/'), ['/calico/ipam/v2/handle/h'])
  t.end()
})

t.test('a block that is there is used as it is', (t) => {
  const world = strictWorld()
  world.take({ handle: 'linux', node: 'win1' })
  t.strictSame(world.take({ node: 'win1', hostReserved: windows }), ['10.0.0.1'])
  t.end()
})

t.test('a named address makes such a block, and is not one of the host’s', (t) => {
  const world = strictWorld()
  t.strictSame(world.take({ node: 'win1', addresses: ['10.0.0.2'], hostReserved: windows }), [
    'AddressInUse',
    'addresses[0] FieldValueInvalid',
  ])
  t.equal(world.stored('10.0.0.0/29'), undefined)
  t.strictSame(world.take({ node: 'win1', addresses: ['10.0.0.3'], hostReserved: windows }), ['10.0.0.3'])
  t.equal(world.stored('10.0.0.0/29')?.unallocated.length, 3)
  t.end()
})

t.test('a taken-over block has its ends reserved, too', (t) => {
  const world = strictWorld()
  for (const cidr of ['10.0.0.0/29', '10.0.0.8/29']) {
    world.block(cidr, 'host:other', { affinity_claim_time: '2026-11-23T03:00:00Z' })
    world.claim('other', cidr)
  }
  t.strictSame(world.take({ node: 'win1', hostReserved: windows }), ['10.0.0.3'])
  t.end()
})

t.test('a block of which reservations leave nothing is not made, nor taken over', (t) => {
  const world = strictWorld()
  world.reserve('10.0.0.3/32', '10.0.0.4/31', '10.0.0.6/32', '10.0.0.11/32', '10.0.0.12/31', '10.0.0.14/32')
  t.match(world.take({ node: 'win1', hostReserved: windows }), ['InsufficientAddresses'])
  world.block('10.0.0.8/29', 'host:other')
  world.claim('other', '10.0.0.8/29')
  t.match(world.take({ node: 'win1', hostReserved: windows }), ['InsufficientAddresses'])
  t.strictSame(world.take({ node: 'win1' }), ['10.0.0.0'], 'for others there is something')
  t.end()
})

t.test('without strict affinity addresses cannot be reserved for the host', (t) => {
  const world = strictWorld()
  world.config({})
  t.strictSame(world.take({ node: 'win1', hostReserved: windows }), ['Conflict', 'hostReserved StrictAffinity'])
  t.end()
})

t.test('pools with blocks too small for it do not serve', (t) => {
  const world = strictWorld()
  world.pool('b', '10.0.1.0/29', { blockSize: 30 })
  t.strictSame(world.take({ node: 'win1', pools: ['b'], hostReserved: windows }), [
    'InsufficientAddresses',
    'pools[b] PoolBlocksTooSmall',
  ])
  t.match(world.take({ node: 'win1', ipv4: 9, hostReserved: windows }), [
    'InsufficientAddresses',
    'node StrictAffinity',
    'pools[a] PoolFull',
    'pools[b] PoolBlocksTooSmall',
  ])
  t.match(world.take({ node: 'win1', pools: ['b'], hostReserved: { 4: { start: 1, end: 1 } } }), [/^10\.0\.1\.[15]$/])
  t.match(
    world.take({ node: 'win1', pools: ['b'], hostReserved: { 6: { start: 9, end: 9 } } }),
    [/^10\.0\.1\./],
    'of the other family',
  )
  t.end()
})
