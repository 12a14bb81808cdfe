import t from 'tap'
import { locateBlock } from '../../src/ipam/locate.ts'
import { readPools } from '../../src/ipam/surroundings.ts'
import { formatCidr, mustParseAddress } from '../../src/net/index.ts'
import { World } from '../support/ipam-world.ts'

function locate(world: World, address: string): string | undefined {
  const found = locateBlock(world.view, readPools(world.view), mustParseAddress(address), world.blocks)
  return found && formatCidr(found)
}

t.test('in a pool, enabled or not, a block is where the block size puts it', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 29 })
  world.pool('b', '10.0.1.0/24', { blockSize: 26, disabled: true })
  world.pool('c', 'fd00::/64')
  t.equal(locate(world, '10.0.0.13'), '10.0.0.8/29')
  t.equal(locate(world, '10.0.1.70'), '10.0.1.64/26')
  t.equal(locate(world, 'fd00::41'), 'fd00::40/122')
  t.notOk(world.view.reads.has('index of blocks'), 'nothing is to be proved about other blocks')
  t.end()
})

t.test('in a pool, too, the block that is there counts, when it has another size', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 29 })
  world.block('10.0.0.0/26', null)
  t.equal(locate(world, '10.0.0.13'), '10.0.0.0/26')
  t.equal(locate(world, '10.0.0.64'), '10.0.0.64/29')
  world.block('10.0.0.8/29', null)
  t.equal(locate(world, '10.0.0.13'), '10.0.0.8/29')
  t.end()
})

t.test('outside of all pools a block is found wherever it is, and its absence must be proved', (t) => {
  const world = new World()
  world.block('10.0.0.0/28', null)
  t.equal(locate(world, '10.0.0.13'), '10.0.0.0/28')
  t.equal(locate(world, '10.0.0.16'), undefined)
  t.ok(world.view.reads.has('index of blocks'))
  t.end()
})
