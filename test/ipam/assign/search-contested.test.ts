import t from 'tap'
import { blockKey } from '../../../src/model/index.ts'
import { mustParseCidr } from '../../../src/net/index.ts'
import type { World } from '../../support/ipam-world.ts'
import { blocksOfPool, worldWithPool } from '../../support/small-pool.ts'

const [block0, block1, block2, block3] = blocksOfPool

function contest(world: World, ...cidrs: readonly string[]): void {
  for (const cidr of cidrs) world.view.contest(blockKey(mustParseCidr(cidr)))
}

t.test('with a node, a contested block', (t) => {
  t.test('is used when the node may claim no other', (t) => {
    const world = worldWithPool()
    world.block(block1, 'host:node4')
    world.claim('node4', block1)
    contest(world, block1)
    t.strictSame(world.take({ node: 'node4', maxBlocksPerNode: 1 }), ['10.0.0.4'])
    t.strictSame(world.take({ node: 'node4', maxBlocksPerNode: 1 }), ['10.0.0.5'])
    t.end()
  })

  t.test('is used when the configuration lets nobody claim', (t) => {
    const world = worldWithPool()
    world.config({ auto_allocate_blocks: false })
    world.block(block1, 'host:node4')
    world.claim('node4', block1)
    contest(world, block1)
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.4'])
    t.end()
  })

  t.test('is used when nothing is vacant', (t) => {
    const world = worldWithPool()
    for (const cidr of [block0, block2, block3]) world.fullBlock(cidr, 'host:node2')
    world.block(block1, 'host:node4')
    world.claim('node4', block1)
    contest(world, block1)
    t.strictSame(world.take({ node: 'node4', ipv4: 2 }), ['10.0.0.4', '10.0.0.5'])
    t.end()
  })

  t.test('comes after the node’s other blocks', (t) => {
    const world = worldWithPool()
    for (const cidr of [block0, block1]) {
      world.block(cidr, 'host:node4')
      world.claim('node4', cidr)
    }
    contest(world, block0)
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.4'])
    t.equal(world.stored(block2), undefined, 'no block is claimed while one of them has room')
    t.end()
  })

  t.test('gives what is missing after everything else that can be claimed, within the limit', (t) => {
    const world = worldWithPool()
    world.block(block0, 'host:node4')
    world.claim('node4', block0)
    contest(world, block0)
    t.strictSame(world.take({ node: 'node4', ipv4: 6, maxBlocksPerNode: 2 }), [
      ...['10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.7'],
      ...['10.0.0.0', '10.0.0.1'],
    ])
    t.end()
  })
  t.end()
})

t.test('without a node, a contested block', (t) => {
  t.test('comes after those that can be claimed', (t) => {
    const world = worldWithPool()
    world.block(block0, null)
    contest(world, block0)
    const [address] = world.take()
    t.not(address, '10.0.0.0')
    t.end()
  })

  t.test('is used when nothing is vacant, or nothing may be claimed', (t) => {
    const full = worldWithPool()
    for (const cidr of [block1, block2, block3]) full.fullBlock(cidr, 'host:node2')
    full.block(block0, null)
    contest(full, block0)
    t.strictSame(full.take(), ['10.0.0.0'])

    const fixed = worldWithPool()
    fixed.config({ auto_allocate_blocks: false })
    fixed.block(block0, null)
    contest(fixed, block0)
    t.strictSame(fixed.take(), ['10.0.0.0'])
    t.end()
  })
  t.end()
})
