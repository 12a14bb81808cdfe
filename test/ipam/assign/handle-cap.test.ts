import t from 'tap'
import { handlePrefix, World } from '../../support/ipam-world.ts'

function worldWithPools(): World {
  const world = new World()
  world.pool('a', '10.0.0.0/28', { blockSize: 28 })
  world.pool('six', 'fd00::/124', { blockSize: 124 })
  return world
}

t.test('within its cap a handle gets what it asks for, beyond it what it has already', (t) => {
  const world = worldWithPools()
  t.strictSame(world.take({ ipv4: 2, maxPerHandle: 2 }), ['10.0.0.0', '10.0.0.1'])
  const before = world.dump()
  t.strictSame(world.take({ ipv4: 2, maxPerHandle: 2 }), ['10.0.0.0', '10.0.0.1'], 'the same call again')
  t.strictSame(world.take({ ipv4: 1, maxPerHandle: 2 }), ['10.0.0.0'], 'the first of them')
  t.strictSame(world.take({ ipv4: 2, maxPerHandle: 3 }), ['10.0.0.0', '10.0.0.1'], 'although one more would fit')
  t.strictSame(world.dump(), before)
  t.strictSame(world.take({ ipv4: 1, maxPerHandle: 3 }), ['10.0.0.2'])
  t.strictSame(world.take({ ipv4: 1 }), ['10.0.0.3'], 'without a cap there is none')
  t.end()
})

t.test('a handle that has less than it asks for, and may not have as much, is refused', (t) => {
  const world = worldWithPools()
  world.take({ ipv4: 2 })
  for (const partial of [false, true]) {
    t.strictSame(world.take({ ipv4: 3, maxPerHandle: 4, partial }), ['Conflict', 'maxPerHandle HandleLimit'])
  }
  t.strictSame(world.take({ handle: 'new', ipv4: 3, ipv6: 3, maxPerHandle: 2 }), [
    'Conflict',
    'maxPerHandle HandleLimit',
    'maxPerHandle HandleLimit',
  ])
  t.end()
})

t.test('each family has a cap of its own', (t) => {
  const world = worldWithPools()
  world.take({ ipv6: 1 })
  t.strictSame(world.take({ ipv4: 1, ipv6: 1, maxPerHandle: 1 }), ['10.0.0.0', 'fd00::'])
  t.strictSame(world.take({ ipv4: 1, ipv6: 1, maxPerHandle: 1 }), ['10.0.0.0', 'fd00::'])
  t.end()
})

t.test('addresses count, not what the handle says', (t) => {
  const world = worldWithPools()
  world.handle('h', { '10.0.0.0/28': 64 })
  t.strictSame(world.take({ maxPerHandle: 1 }), ['10.0.0.0'])
  t.strictSame(world.take({ maxPerHandle: 1 }), ['10.0.0.0'])
  t.end()
})

t.test('a named address that the handle has is given again, one more only within the cap', (t) => {
  const world = worldWithPools()
  world.take({ addresses: ['10.0.0.5'] })
  t.strictSame(
    world.take({ addresses: ['10.0.0.5'] }),
    ['AddressInUse', 'addresses[0] FieldValueInvalid'],
    'without a cap',
  )
  t.strictSame(world.take({ addresses: ['10.0.0.5'], maxPerHandle: 1 }), ['10.0.0.5'])
  t.strictSame(world.take({ addresses: ['10.0.0.9', '10.0.0.5'], maxPerHandle: 1 }), [
    'Conflict',
    'maxPerHandle HandleLimit',
  ])
  t.strictSame(world.take({ addresses: ['10.0.0.9', '10.0.0.5', 'fd00::1'], maxPerHandle: 2 }), [
    '10.0.0.9',
    '10.0.0.5',
    'fd00::1',
  ])
  t.end()
})

t.test('what the handle holds must be known', (t) => {
  const world = worldWithPools()
  world.take({ addresses: ['10.0.0.5'] })
  world.put(world.blockKey('10.0.0.0/28').text, '{')
  t.strictSame(world.take({ maxPerHandle: 9 }), ['Conflict'])
  world.put(`${handlePrefix}h`, '{')
  t.strictSame(world.take({ maxPerHandle: 9 }), ['Conflict'])
  t.end()
})
