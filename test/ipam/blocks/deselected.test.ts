import t from 'tap'
import { releaseDeselected } from '../../../src/ipam/blocks/index.ts'
import { Draft } from '../../../src/ipam/draft.ts'
import { readPools } from '../../../src/ipam/surroundings.ts'
import { World } from '../../support/ipam-world.ts'
import { emptyBlock } from '../../support/small-pool.ts'

/** `node1` of the zone a claims two blocks of a pool for that zone, gives one back, and moves to the zone b. */
function movedWorld(): World {
  const world = new World()
  world.pool('a', '10.0.0.0/29', { blockSize: 30, nodeSelector: 'zone == "a"' })
  world.pool('b', '10.0.1.0/29', { blockSize: 30, nodeSelector: 'zone == "b"' })
  world.node('node1', { zone: 'a' })
  world.take({ handle: 'stays', node: 'node1', addresses: ['10.0.0.0'] })
  world.take({ handle: 'goes', node: 'node1', addresses: ['10.0.0.4'] })
  world.releaseHandle('goes')
  world.node('node1', { zone: 'b' })
  return world
}

t.test('an assignment gives up empty blocks of the node in pools that do not select it any more', (t) => {
  const world = movedWorld()
  t.match(world.take({ node: 'node1' }), [/^10\.0\.1\./])
  t.equal(world.stored('10.0.0.4/30'), undefined)
  t.equal(world.claimState('node1', '10.0.0.4/30'), undefined)
  t.ok(world.stored('10.0.0.0/30'), 'a block in use stays')
  t.equal(world.claimState('node1', '10.0.0.0/30'), 'confirmed')
  t.end()
})

t.test('a block is kept for as long as any rule speaks for it', (t) => {
  const cases: [name: string, prepare: (world: World) => void][] = [
    ['its pool is asked for', (world) => t.strictSame(world.take({ node: 'node1', pools: ['a'] }), ['10.0.0.1'])],
    [
      'a pool that overlaps selects the node',
      (world) => world.pool('aa', '10.0.0.0/29', { blockSize: 30, nodeSelector: 'all()' }),
    ],
    [
      'its pool selects the node, for another use',
      (world) =>
        world.pool('a', '10.0.0.0/29', { blockSize: 30, nodeSelector: 'zone == "b"', allowedUses: ['Tunnel'] }),
    ],
    [
      'its pool selects the node, but only when it is asked for',
      (world) => world.pool('a', '10.0.0.0/29', { blockSize: 30, assignmentMode: 'Manual' }),
    ],
    [
      'its pool is disabled',
      (world) => world.pool('a', '10.0.0.0/29', { blockSize: 30, nodeSelector: 'zone == "a"', disabled: true }),
    ],
    ['its pool is gone', (world) => world.remove('/calico/resources/v3/projectcalico.org/ippools/a')],
    ['an address of it cools down', (world) => coolDown(world)],
    ['somebody else has it', (world) => world.block('10.0.0.4/30', 'host:other')],
    ['it cannot be read', (world) => world.put(world.blockKey('10.0.0.4/30').text, '{')],
    [
      'another operation of the same batch has just taken from it',
      (world) => {
        world.beginBatch()
        world.take({ handle: 'named', node: 'node1', addresses: ['10.0.0.6'] })
      },
    ],
  ]
  for (const [name, prepare] of cases) {
    const world = movedWorld()
    prepare(world)
    if (name !== 'its pool is asked for')
      t.match(world.take({ handle: 'new', node: 'node1' }), [/^10\.0\.[01]\./], name)
    t.ok(world.view.text(world.blockKey('10.0.0.4/30').text), name)
    t.equal(world.claimState('node1', '10.0.0.4/30'), 'confirmed', name)
  }
  t.end()
})

function coolDown(world: World): void {
  world.config({ ipCooldownSeconds: 60 })
  world.take({ handle: 'cools', node: 'node1', addresses: ['10.0.0.5'] })
  world.releaseHandle('cools')
}

t.test('a node that is not registered keeps its blocks, and so do the load balancers', (t) => {
  const world = movedWorld()
  world.pool('c', '10.0.2.0/29', { blockSize: 30 })
  world.pool('d', '10.0.3.0/29', { blockSize: 30, nodeSelector: 'zone == "a"', allowedUses: ['LoadBalancer'] })
  world.pool('e', '10.0.4.0/29', { blockSize: 30, allowedUses: ['LoadBalancer'] })
  world.remove('/calico/resources/v3/projectcalico.org/nodes/node1')
  world.take({ node: 'node1' })
  t.ok(world.stored('10.0.0.4/30'))
  world.take({ handle: 'lb', use: 'LoadBalancer', pools: ['d'] })
  world.releaseHandle('lb')
  t.match(world.take({ use: 'LoadBalancer' }), [/^10\.0\.4\./])
  t.equal(world.view.keys('/calico/ipam/v2/virtual/load-balancer/').length, 2)
  t.end()
})

t.test('the blocks of the other family are left for a request for that family', (t) => {
  const world = movedWorld()
  world.pool('six', 'fd00::/120', { blockSize: 124 })
  t.match(world.take({ node: 'node1', ipv6: 1 }), [/^fd00::/])
  t.ok(world.stored('10.0.0.4/30'))
  t.end()
})

t.test('a refusal gives up nothing', (t) => {
  const world = movedWorld()
  const before = world.dump()
  t.match(world.take({ node: 'node1', ipv4: 100 })[0], 'InsufficientAddresses')
  t.strictSame(world.dump(), before)
  t.end()
})

t.test('a block that is nobody’s is not given up: it goes with its last address', (t) => {
  const world = movedWorld()
  const draft = new Draft(world.view, world.context.now, 0)
  for (const affinity of [null, 'nonsense'])
    releaseDeselected(draft, emptyBlock('10.0.0.4/30', affinity), readPools(world.view))
  t.strictSame(draft.writes(), [])
  t.end()
})

t.test('very many blocks are given up little by little, so that the transaction stays small', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 30, nodeSelector: 'zone == "a"' })
  world.pool('b', '10.0.1.0/24', { blockSize: 30 })
  world.node('node1', { zone: 'b' })
  for (let block = 0; block < 12; block++) {
    world.block(`10.0.0.${block * 4}/30`, 'host:node1')
    world.claim('node1', `10.0.0.${block * 4}/30`)
  }
  const left = (): number => world.view.keys('/calico/ipam/v2/assignment/ipv4/block/10.0.0.').length
  world.take({ node: 'node1' })
  t.equal(left(), 4)
  world.take({ node: 'node1' })
  t.equal(left(), 0)
  t.end()
})
