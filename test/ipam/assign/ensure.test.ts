import t from 'tap'
import { planEnsure } from '../../../src/ipam/index.ts'
import { formatAddress } from '../../../src/net/index.ts'
import { reasonsOf, requestOf, type Wish, World } from '../../support/ipam-world.ts'

/** Carries out a wish that may be repeated: whether something was added, then the addresses; or the refusal. */
function ensure(world: World, wish: Wish): readonly (string | boolean)[] {
  world.view.reads.clear()
  const ensured = world.commit(planEnsure(world.view, requestOf(wish), world.context))
  if (!ensured.ok) return reasonsOf(ensured.refusal)
  return [ensured.value.isAdded, ...ensured.value.addresses.map(({ address }) => formatAddress(address))]
}

function worldWithPools(): World {
  const world = new World()
  world.pool('a', '10.0.0.0/29', { blockSize: 29 })
  world.pool('b', '10.0.1.0/29', { blockSize: 29 })
  world.pool('six', 'fd00::/125', { blockSize: 125 })
  return world
}

t.test('what is missing is assigned, and what is held already is not assigned again', (t) => {
  const world = worldWithPools()
  t.strictSame(ensure(world, { ipv4: 2 }), [true, '10.0.0.0', '10.0.0.1'])
  const before = world.dump()
  t.strictSame(ensure(world, { ipv4: 2 }), [false, '10.0.0.0', '10.0.0.1'])
  t.strictSame(world.dump(), before)
  t.strictSame(ensure(world, { ipv4: 3, ipv6: 1 }), [true, '10.0.0.0', '10.0.0.1', '10.0.0.2', 'fd00::'])
  const all = ['10.0.0.0', '10.0.0.1', '10.0.0.2', 'fd00::']
  t.strictSame(ensure(world, { ipv4: 1 }), [false, ...all], 'nothing is released')
  t.strictSame(ensure(world, { ipv6: 1 }), [false, ...all])
  t.equal(world.counts('h'), '{"10.0.0.0/29":3,"fd00::/125":1}')
  t.end()
})

t.test('what others hold does not count', (t) => {
  const world = worldWithPools()
  ensure(world, { handle: 'other', ipv4: 2 })
  t.strictSame(ensure(world, { handle: 'h', ipv4: 2 }), [true, '10.0.0.2', '10.0.0.3'])
  t.end()
})

t.test('only what is held in the pools asked for counts', (t) => {
  const world = worldWithPools()
  ensure(world, { ipv4: 1, pools: ['a'] })
  t.strictSame(ensure(world, { ipv4: 1, pools: ['b'] }), [true, '10.0.0.0', '10.0.1.0'])
  t.strictSame(ensure(world, { ipv4: 2, pools: ['10.0.1.0/29', 'a'] }), [false, '10.0.0.0', '10.0.1.0'])
  world.remove('/calico/resources/v3/projectcalico.org/ippools/a')
  t.strictSame(ensure(world, { ipv4: 2 }), [false, '10.0.0.0', '10.0.1.0'], 'without pools all of it does')
  t.strictSame(ensure(world, { ipv4: 2, pools: ['b'] }), [true, '10.0.0.0', '10.0.1.0', '10.0.1.1'])
  t.end()
})

t.test('the very addresses that are missing are assigned', (t) => {
  const world = worldWithPools()
  world.take({ handle: 'other', addresses: ['10.0.0.7'] })
  t.strictSame(ensure(world, { addresses: ['10.0.0.5'] }), [true, '10.0.0.5'])
  t.strictSame(ensure(world, { addresses: ['fd00::5', '10.0.0.5'] }), [true, '10.0.0.5', 'fd00::5'])
  t.strictSame(ensure(world, { addresses: ['10.0.0.5', 'fd00::5'] }), [false, '10.0.0.5', 'fd00::5'])
  t.strictSame(ensure(world, { addresses: ['10.0.0.5', '10.0.0.7'] }), [
    'AddressInUse',
    'addresses[1] FieldValueInvalid',
  ])
  t.strictSame(ensure(world, { addresses: ['10.0.0.5', 'fd00::5', '192.0.2.1'] }), [
    'Invalid',
    'addresses[2] FieldValueInvalid',
  ])
  t.end()
})

t.test('all or nothing: without enough nothing is added', (t) => {
  const world = worldWithPools()
  ensure(world, { ipv4: 1, pools: ['a'] })
  const before = world.dump()
  t.strictSame(ensure(world, { ipv4: 9, pools: ['a'] }), ['InsufficientAddresses', 'pools[a] PoolFull'])
  t.strictSame(world.dump(), before)
  t.end()
})

t.test('who is content with less stays content when the call is repeated', (t) => {
  const world = worldWithPools()
  const wish = { ipv4: 9, pools: ['a'], partial: true }
  t.equal(ensure(world, wish).length, 9)
  t.strictSame([ensure(world, wish)[0], ensure(world, wish).length], [false, 9])
  t.strictSame(ensure(world, { ...wish, handle: 'late' }), ['InsufficientAddresses', 'pools[a] PoolFull'])
  t.strictSame(ensure(world, { ...wish, pools: ['a', 'nowhere'] }), ['Invalid', 'pools[1] FieldValueInvalid'])

  world.take({ handle: 'other', addresses: ['10.0.1.7'] })
  const named = { addresses: ['10.0.1.6', '10.0.1.7'], partial: true }
  const pair = { ...named, handle: 'pair' }
  t.strictSame(ensure(world, pair), [true, '10.0.1.6'])
  t.strictSame(ensure(world, pair), [false, '10.0.1.6'])
  t.end()
})

t.test('what cannot be read is refused, because what the handle holds is not known', (t) => {
  const world = worldWithPools()
  world.put('/calico/ipam/v2/handle/h', '{')
  t.strictSame(ensure(world, { ipv4: 1 }), ['Conflict'])

  world.take({ handle: 'in-a-block', addresses: ['10.0.1.1'] })
  world.put('/calico/ipam/v2/assignment/ipv4/block/10.0.1.0-29', '{')
  t.strictSame(ensure(world, { handle: 'in-a-block', ipv4: 1 }), ['Conflict'])
  t.end()
})
