import t from 'tap'
import type { Emptying } from '../../../src/ipam/blocks/empty-pool.ts'
import { countBlocks, emptyPool, proveBlocks } from '../../../src/ipam/index.ts'
import { type Pool, poolKey } from '../../../src/model/index.ts'
import { Budget } from '../../../src/plan/index.ts'
import { World } from '../../support/ipam-world.ts'

/** The pool `a`, 10.0.0.0/24 in blocks of four, and nothing in it. */
function start(): World {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 30 })
  return world
}

function poolIn(world: World): Pool {
  const lookup = world.view.get(poolKey('a'))
  if (lookup.kind !== 'value') throw new Error('the pool is gone')
  return lookup.value
}

/** Carries out one step; `index` is what the index of blocks says by then. */
function step(world: World, looksThrough = false, index = world.blocks): Omit<Emptying, 'writes'> {
  const pool = poolIn(world)
  world.view.reads.clear()
  const { writes, ...emptying } = emptyPool(new Budget(world.view), pool, index, {
    now: world.context.now,
    looksThrough,
  })
  t.ok(world.view.reads.size < 126, 'a step fits into a transaction')
  world.commit({ answer: undefined, writes })
  return emptying
}

t.test('blocks are released, affinities that are left over are removed, and then the pool is empty', (t) => {
  const world = start()
  world.block('10.0.0.0/30', 'host:node1')
  world.claim('node1', '10.0.0.0/30')
  world.fullBlock('10.0.0.4/30', 'host:node1')
  world.claim('node1', '10.0.0.4/30')
  world.claim('node2', '10.0.0.8/30')
  world.put(world.claimKey('node2', '10.0.0.12/30'), 'broken')
  world.claim('node2', '10.0.1.0/30')
  world.put('/calico/ipam/v2/host/node1', '')
  t.equal(countBlocks(world.view, poolIn(world), world.blocks), 2)
  t.strictSame(step(world), { blocksLeft: 1, isEmpty: false, isCut: false })
  t.match(world.stored('10.0.0.4/30'), { affinity: null })
  t.strictSame(world.view.keys('/calico/ipam/v2/host/'), [
    '/calico/ipam/v2/host/node1',
    world.claimKey('node2', '10.0.1.0/30'),
  ])
  t.strictSame(step(world), { blocksLeft: 1, isEmpty: false, isCut: false })
  world.remove(world.blockKey('10.0.0.4/30').text)
  t.strictSame(step(world), { blocksLeft: 0, isEmpty: true, isCut: false })
  t.end()
})

t.test('what lies in a pool that stays, or around the pool, is not touched', (t) => {
  const world = start()
  world.pool('b', '10.0.0.0/25', { blockSize: 30 })
  for (const cidr of ['10.0.0.0/30', '10.0.0.128/30']) {
    world.block(cidr, 'host:node1')
    world.claim('node1', cidr)
  }
  world.block('10.0.0.0/20', 'host:node1')
  t.equal(countBlocks(world.view, poolIn(world), world.blocks), 1)
  t.strictSame(step(world), { blocksLeft: 0, isEmpty: false, isCut: false })
  t.ok(world.stored('10.0.0.0/30'))
  t.equal(world.stored('10.0.0.128/30'), undefined)
  t.equal(world.claimState('node1', '10.0.0.0/30'), 'confirmed')
  t.strictSame(step(world), { blocksLeft: 0, isEmpty: true, isCut: false })
  t.end()
})

t.test('a block that cannot be read stays with its affinity', (t) => {
  const world = start()
  world.put(world.blockKey('10.0.0.0/30').text, '{')
  world.claim('node1', '10.0.0.0/30')
  t.strictSame(step(world, true), { blocksLeft: 1, isEmpty: false, isCut: false })
  t.equal(world.claimState('node1', '10.0.0.0/30'), 'confirmed')
  t.end()
})

t.test('an address is taken to be free when its cooldown is over, unless the configuration cannot be read', (t) => {
  for (const [config, blocksLeft] of [
    ['{"ipCooldownSeconds":60}', 0],
    ['{', 1],
    ['{"ipCooldownSeconds":600}', 1],
  ] as const) {
    const world = start()
    const attributes = [{ releasedAt: '2026-11-23T03:58:00Z' }]
    world.block('10.0.0.0/30', null, { allocations: [0, null, null, null], unallocated: [1, 2, 3], attributes })
    world.put('/calico/ipam/v2/config', config)
    t.equal(step(world).blocksLeft, blocksLeft, config)
  }
  t.end()
})

t.test('an affinity stays if the block has it, although the index does not know the block yet', (t) => {
  const world = start()
  world.beginBatch()
  world.take({ node: 'node1', addresses: ['10.0.0.0'] })
  t.strictSame(step(world), { blocksLeft: 0, isEmpty: false, isCut: false })
  t.equal(world.claimState('node1', '10.0.0.0/30'), 'confirmed')
  t.end()
})

t.test('a step is bounded, and says if affinities are left that it had no room for', (t) => {
  const world = start()
  world.fullBlock('10.0.0.0/30', null)
  for (let number = 0; number < 100; number++) world.claim(`node${number}`, '10.0.0.0/30')
  for (let number = 1; number < 31; number++) world.claim('node1', `10.0.0.${number * 4}/30`)
  t.strictSame(step(world), { blocksLeft: 1, isEmpty: false, isCut: false }, 'no block was released')
  t.strictSame(step(world, true), { blocksLeft: 1, isEmpty: false, isCut: true })
  t.strictSame(step(world, true), { blocksLeft: 1, isEmpty: false, isCut: false })
  t.strictSame(world.view.keys('/calico/ipam/v2/host/'), [])
  world.remove(world.blockKey('10.0.0.0/30').text)
  for (let number = 0; number < 64; number++) world.block(`10.0.0.${number * 4}/30`, 'host:node1')
  t.strictSame(step(world), { blocksLeft: 3, isEmpty: false, isCut: false })
  t.end()
})

t.test('that there is no other block is proved on request', (t) => {
  const world = start()
  proveBlocks(world.view)
  t.ok(world.view.reads.has('created /calico/ipam/v2/assignment/'))
  t.end()
})
