import t from 'tap'
import { blockKey, poolKey } from '../../../src/model/index.ts'
import { mustParseCidr } from '../../../src/net/index.ts'
import { blockPrefix, World } from '../../support/ipam-world.ts'
import { affinities, blocksOfPool, blocksRead, emptyBlock, worldWithPool } from '../../support/small-pool.ts'

const [block0, block1, block2, block3] = blocksOfPool

t.test('a search goes from own blocks to vacant ones, to abandoned ones of others, and to those that lend', (t) => {
  const world = worldWithPool()
  world.pool('b', '10.0.1.0/30', { blockSize: 30 })
  const held = { allocations: [null, 0, null, null], unallocated: [3, 2, 0], attributes: [{ handle_id: 'x' }] }
  world.block(block0, 'host:node2', held)
  world.block(block1, 'host:node2')
  world.block(block2, 'host:node2', { affinity_claim_time: '2026-11-23T03:59:01Z' })
  for (const cidr of [block0, block1, block2]) world.claim('node2', cidr)
  world.block(block3, 'host:node4')
  for (const cidr of [block0, block3]) world.claim('node4', cidr)
  world.pool('c', '10.0.2.0/30', { blockSize: 30 })
  world.block('10.0.2.0/30', null, held)
  t.strictSame(world.take({ node: 'node4', ipv4: 17 }), [
    ...['10.0.0.12', '10.0.0.13', '10.0.0.14', '10.0.0.15'],
    ...['10.0.1.0', '10.0.1.1', '10.0.1.2', '10.0.1.3'],
    ...['10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.7'],
    ...['10.0.0.3', '10.0.0.2', '10.0.0.0'],
    ...['10.0.0.8', '10.0.0.9'],
  ])
  t.strictSame(world.take({ node: 'node4', ipv4: 3 }), ['10.0.0.10', '10.0.0.11', '10.0.2.3'])
  t.equal(world.claimState('node4', block0), undefined, 'a claim on the block of another is dropped')
  t.strictSame(affinities(world), {
    [block0]: 'host:node2',
    [block1]: 'host:node4',
    [block2]: 'host:node2',
    [block3]: 'host:node4',
  })
  t.equal(world.take({ node: 'node4', ipv4: 3 })[0], 'InsufficientAddresses')
  t.end()
})

t.test('under strict affinity nothing is borrowed, and nothing is given without a node', (t) => {
  const world = worldWithPool()
  world.config({ strict_affinity: true })
  for (const cidr of blocksOfPool) world.block(cidr, 'host:node2')
  t.strictSame(world.take({ node: 'node4' }), ['InsufficientAddresses', 'node StrictAffinity', 'pools[a] PoolFull'])
  world.block(block0, null)
  t.strictSame(world.take(), ['InsufficientAddresses', 'node StrictAffinity', 'pools[a] PoolFull'])
  t.end()
})

t.test('a block that others keep taking from is passed over while another one can be claimed', (t) => {
  const world = worldWithPool()
  world.take({ node: 'node4' })
  world.view.contest(blockKey(mustParseCidr(block1)))
  t.strictSame(world.take({ node: 'node4', ipv4: 2 }), ['10.0.0.8', '10.0.0.9'])
  t.end()
})

t.test('own blocks', (t) => {
  t.test('are used in the order of the claims’ keys, as text, and a full one is followed by the next', (t) => {
    const world = new World()
    world.pool('a', '10.0.0.0/24')
    for (const cidr of ['10.0.0.64/26', '10.0.0.128/26', '10.0.0.0/26']) {
      world.block(cidr, 'host:node4')
      world.claim('node4', cidr)
    }
    t.strictSame(world.take({ node: 'node4', ipv4: 64 })[0], '10.0.0.0')
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.128'])
    t.strictSame(world.take({ node: 'node4', ipv4: 64 }).slice(62), ['10.0.0.191', '10.0.0.64'])
    t.end()
  })

  t.test('come before new ones, whatever pool comes first', (t) => {
    const world = new World()
    world.pool('a', '10.0.0.0/28', { blockSize: 30 })
    world.pool('b', '10.0.1.0/28', { blockSize: 30 })
    world.block(block0, 'host:node4')
    world.claim('node4', block0)
    const taken = world.take({ node: 'node4', pools: ['b', 'a'], ipv4: 5 })
    t.strictSame(taken.slice(0, 4), ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3'])
    t.match(taken[4], /^10\.0\.1\./)
    t.end()
  })

  t.test('outside of the pools of the request are not touched', (t) => {
    const world = worldWithPool()
    world.pool('b', '10.0.1.0/28', { blockSize: 30 })
    world.block(block0, 'host:node4')
    world.claim('node4', block0)
    t.match(world.take({ node: 'node4', pools: ['b'] }), [/^10\.0\.1\./])
    t.equal(world.stored(block0)?.sequenceNumber, 100n)
    t.end()
  })

  t.test('that are known to be used up are not read', (t) => {
    const world = worldWithPool()
    for (const cidr of [block0, block1]) {
      world.fullBlock(cidr, 'host:node4')
      world.claim('node4', cidr)
    }
    world.block(block2, 'host:node4')
    world.claim('node4', block2)
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.8'])
    t.strictSame(blocksRead(world), [block2])
    t.end()
  })

  t.test('that cannot be read are left alone', (t) => {
    const world = worldWithPool()
    world.put(world.blockKey(block0).text, '{')
    world.claim('node4', block0)
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.4'])
    t.equal(world.view.text(world.blockKey(block0).text), '{')
    t.equal(world.claimState('node4', block0), 'confirmed')
    t.end()
  })

  t.test('that are claimed but do not exist are made', (t) => {
    const world = worldWithPool()
    world.claim('node4', block3, 'pending')
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.12'])
    t.equal(world.claimState('node4', block3), 'confirmed')
    t.end()
  })

  t.test('that are entirely reserved are passed over', (t) => {
    const world = worldWithPool()
    world.block(block0, 'host:node4')
    world.claim('node4', block0)
    world.reserve('10.0.0.0/31', '10.0.0.2/31')
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.4'])
    t.end()
  })

  t.test('are found although a key beside the claims’ is none', (t) => {
    const world = worldWithPool()
    world.put('/calico/ipam/v2/host/node4/ipv4/block/nonsense', '{"state":"confirmed"}')
    world.block(block3, 'host:node4')
    world.claim('node4', block3)
    t.strictSame(world.take({ node: 'node4', maxBlocksPerNode: 2, ipv4: 5 }).slice(3), ['10.0.0.15', '10.0.0.4'])
    t.end()
  })

  t.test('are used although the pools were cut differently when they were made', (t) => {
    const world = worldWithPool()
    world.block('10.0.0.8/31', 'host:node4')
    world.claim('node4', '10.0.0.8/31')
    t.strictSame(world.take({ node: 'node4', ipv4: 2 }), ['10.0.0.8', '10.0.0.9'])
    t.end()
  })

  t.end()
})

t.test('the limit of blocks', (t) => {
  t.test('is 20 when nothing is said', (t) => {
    const world = new World()
    world.pool('a', '10.0.0.0/24', { blockSize: 30 })
    t.equal(world.take({ node: 'node4', ipv4: 80 }).length, 80)
    t.strictSame(world.take({ node: 'node4' }), ['InsufficientAddresses', 'node BlockLimit', 'pools[a] PoolFull'])
    t.strictSame(world.take({ node: 'node2', ipv4: 81 }), [
      'InsufficientAddresses',
      'node BlockLimit',
      'pools[a] PoolFull',
    ])
    t.end()
  })

  t.test('is the smaller one of the request’s and the configuration’s', (t) => {
    const cases: [ofRequest: number, ofConfig: number, addressCount: number][] = [
      [1, 0, 4],
      [0, 2, 8],
      [1, 2, 4],
      [3, 2, 8],
      [4, 0, 16],
    ]
    for (const [maxBlocksPerNode, maxBlocksPerHost, addressCount] of cases) {
      const world = worldWithPool()
      world.config({ maxBlocksPerHost })
      const wish = { node: 'node4', maxBlocksPerNode, partial: true, ipv4: 16 }
      t.equal(world.take(wish).length, addressCount, `${maxBlocksPerNode} and ${maxBlocksPerHost}`)
    }
    t.end()
  })

  t.test(
    'counts the claims in the pools of the request, of its family, in every state, also those that are stale',
    (t) => {
      const cases: [name: string, prepare: (world: World) => void, isLimited: boolean][] = [
        ['no claim', () => undefined, false],
        [
          'a full block',
          (world) => {
            world.fullBlock(block0, 'host:node4')
            world.claim('node4', block0)
          },
          true,
        ],
        [
          'a pending claim on somebody’s block',
          (world) => {
            world.fullBlock(block0, 'host:node2')
            world.claim('node4', block0, 'pending')
          },
          true,
        ],
        [
          'a claim in another pool',
          (world) => {
            world.fullBlock('10.0.1.0/30', 'host:node4')
            world.claim('node4', '10.0.1.0/30')
          },
          false,
        ],
        [
          'a claim in no pool',
          (world) => {
            world.claim('node4', '10.9.0.0/30')
          },
          false,
        ],
        [
          'a claim of the other family',
          (world) => {
            world.claim('node4', 'fd00::/122')
          },
          false,
        ],
        [
          'a claim of another node',
          (world) => {
            world.claim('node40', block0)
          },
          false,
        ],
      ]
      for (const [name, prepare, isLimited] of cases) {
        const world = worldWithPool()
        world.pool('b', '10.0.1.0/28', { blockSize: 30 })
        prepare(world)
        const taken = world.take({ node: 'node4', maxBlocksPerNode: 1, pools: ['a'] })
        t.equal(taken[0] === 'InsufficientAddresses', isLimited, name)
      }
      t.end()
    },
  )

  t.test('stops before borrowing, although others have free addresses', (t) => {
    const world = worldWithPool()
    world.block(block0, 'host:node2')
    world.claim('node2', block0)
    const wish = { node: 'node4', maxBlocksPerNode: 1 }
    t.equal(world.take({ ...wish, ipv4: 4 }).length, 4)
    for (let repetition = 0; repetition < 2; repetition++) {
      t.strictSame(world.take(wish), ['InsufficientAddresses', 'node BlockLimit', 'pools[a] PoolFull'])
    }
    t.end()
  })

  t.test('does not stop blocks that are there from filling', (t) => {
    const world = worldWithPool()
    for (const cidr of [block0, block1, block2]) {
      world.block(cidr, 'host:node4')
      world.claim('node4', cidr)
    }
    t.equal(world.take({ node: 'node4', maxBlocksPerNode: 1, ipv4: 12 }).length, 12)
    t.end()
  })

  t.test('counts a block whose claim is lost as a new one', (t) => {
    const world = worldWithPool()
    for (const cidr of [block0, block1]) world.block(cidr, 'host:node4')
    t.equal(world.take({ node: 'node4', maxBlocksPerNode: 1, ipv4: 4 }).length, 4)
    t.strictSame(world.take({ node: 'node4', maxBlocksPerNode: 1 })[1], 'node BlockLimit')
    t.end()
  })

  t.test('does not hold for requests without a node', (t) => {
    const world = worldWithPool()
    t.equal(world.take({ maxBlocksPerNode: 1, ipv4: 16 }).length, 16)
    t.end()
  })

  t.end()
})

t.test('with auto_allocate_blocks off', (t) => {
  t.test('a node fills its blocks, and neither claims nor borrows', (t) => {
    const world = worldWithPool()
    world.config({ auto_allocate_blocks: false })
    world.block(block3, 'host:node4')
    world.claim('node4', block3)
    world.block(block0, 'host:node2')
    t.equal(world.take({ node: 'node4', ipv4: 4 }).length, 4)
    t.strictSame(world.take({ node: 'node4' }), [
      'InsufficientAddresses',
      'node AutoAllocationOff',
      'pools[a] PoolFull',
    ])
    t.end()
  })

  t.test('a block whose claim is lost is not claimed again', (t) => {
    const world = worldWithPool()
    world.config({ auto_allocate_blocks: false })
    world.block(block3, 'host:node4')
    t.strictSame(world.take({ node: 'node4' })[1], 'node AutoAllocationOff')
    t.end()
  })

  t.test('without a node only nobody’s blocks are used', (t) => {
    const world = worldWithPool()
    world.config({ auto_allocate_blocks: false })
    world.fullBlock(block1, null)
    world.block(block3, null)
    t.equal(world.take({ ipv4: 4 }).length, 4)
    t.strictSame(world.take(), ['InsufficientAddresses', 'node AutoAllocationOff', 'pools[a] PoolFull'])
    t.end()
  })

  t.end()
})

t.test('vacant CIDRs', (t) => {
  t.test('are claimed from the owner’s own place on, wrapping at the end of the pool', (t) => {
    const world = worldWithPool()
    const taken = world.take({ node: 'node4', ipv4: 13 })
    t.strictSame(
      [0, 4, 8, 12].map((place) => taken[place]),
      ['10.0.0.4', '10.0.0.8', '10.0.0.12', '10.0.0.0'],
    )
    t.strictSame(affinities(world), Object.fromEntries(blocksOfPool.map((cidr) => [cidr, 'host:node4'])))
    for (const cidr of blocksOfPool) t.equal(world.claimState('node4', cidr), 'confirmed')
    t.end()
  })

  t.test('in a later pool come before blocks of others in an earlier one', (t) => {
    const world = worldWithPool()
    world.pool('b', '10.0.1.0/30', { blockSize: 30 })
    for (const cidr of blocksOfPool) {
      world.block(cidr, 'host:node2')
      world.claim('node2', cidr)
    }
    t.strictSame(world.take({ node: 'node4' }), ['10.0.1.0'])
    t.end()
  })

  t.test('that are entirely reserved are passed over, partly reserved ones are claimed', (t) => {
    const world = worldWithPool()
    world.reserve('10.0.0.4/30', '10.0.0.8/31')
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.10'])
    t.strictSame(world.stored(block2)?.unallocated, [0, 1, 3])
    t.equal(world.stored(block1), undefined)
    t.end()
  })

  t.test('where blocks of another size lie are passed over unread', (t) => {
    const world = worldWithPool()
    world.fullBlock('10.0.0.4/31', 'host:node2')
    world.fullBlock('10.0.0.8/29', 'host:node2')
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.0'])
    t.strictSame(blocksRead(world), [block0])
    t.end()
  })

  t.test('that somebody is claiming at this moment are left for others', (t) => {
    const world = worldWithPool()
    world.view.occupy(blockKey(mustParseCidr(block1)))
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.8'])
    t.end()
  })

  t.test('are waited for when all of them are being claimed', (t) => {
    const world = worldWithPool()
    for (const cidr of blocksOfPool) world.view.occupy(blockKey(mustParseCidr(cidr)))
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.4'], 'in the engine reading the key waits for the commit')
    t.end()
  })

  t.test(
    'that another operation of the same batch has claimed are passed over, or used when they are nobody’s',
    (t) => {
      const world = worldWithPool()
      // Not told to the index: the image knows of it only when it is committed.
      world.view.put(world.blockKey(block1), emptyBlock(block1, 'host:node2'))
      t.strictSame(world.take({ node: 'node4' }), ['10.0.0.8'])

      const ownerless = worldWithPool()
      const [before] = ownerless.take()
      const key = ownerless.view.keys(blockPrefix)[0] ?? ''
      ownerless.blocks.changed(key, { kind: 'absent' })
      const [after] = ownerless.take()
      t.strictSame(ownerless.view.keys(blockPrefix), [key], `${String(before)} and ${String(after)} are of one block`)
      t.end()
    },
  )

  t.test('are not claimed under a block that cannot be read', (t) => {
    const world = worldWithPool()
    world.view.putText(world.blockKey(block1).text, '{')
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.8'])
    t.end()
  })

  t.end()
})

t.test('reserved addresses are not chosen, and keep their places in the queue', (t) => {
  const world = worldWithPool()
  world.block(block0, 'host:node4', { unallocated: [3, 1, 0, 2] })
  world.claim('node4', block0)
  world.reserve('10.0.0.1/32')
  t.strictSame(world.take({ node: 'node4' }), ['10.0.0.3'])
  t.strictSame(world.stored(block0)?.unallocated, [1, 0, 2])
  t.strictSame(world.take({ node: 'node4', ipv4: 2 }), ['10.0.0.0', '10.0.0.2'])
  t.strictSame(world.stored(block0)?.unallocated, [1])
  world.remove('/calico/resources/v3/projectcalico.org/ipreservations/10-0-0-1-32')
  t.strictSame(world.take({ node: 'node4' }), ['10.0.0.1'])
  t.end()
})

t.test('a block of which reservations and the host leave nothing is neither made nor taken over', (t) => {
  const world = worldWithPool()
  world.config({ strict_affinity: true })
  world.block(block0, 'host:other')
  world.claim('other', block0)
  for (const cidr of blocksOfPool) world.reserve(cidr.replace('/30', '/31'))
  const wish = { node: 'node4', hostReserved: { 4: { start: 0, end: 2 } } }
  t.equal(world.take(wish)[0], 'InsufficientAddresses')
  t.strictSame(world.take({ ...wish, hostReserved: { 4: { start: 0, end: 1 } } }), ['10.0.0.6'])
  t.strictSame(world.take({ handle: 'six', ...wish, ipv4: 6, hostReserved: { 4: { start: 1, end: 0 } } }).length, 6)
  t.equal(world.stored(block0)?.affinity, 'host:node4', 'taken over')
  t.end()
})

t.test('for load balancers one virtual owner has all blocks, and no node counts', (t) => {
  const world = worldWithPool({ allowedUses: ['LoadBalancer'] })
  const wish = { use: 'LoadBalancer', node: 'node4', ipv4: 3 } as const
  const taken = world.take(wish)
  const cidr = blocksOfPool.find((cidr) => world.stored(cidr) !== undefined) ?? ''
  t.equal(world.stored(cidr)?.affinity, 'virtual:load-balancer')
  t.strictSame(world.view.keys('/calico/ipam/v2/virtual/'), [
    `/calico/ipam/v2/virtual/load-balancer/ipv4/block/${cidr.replace('/', '-')}`,
  ])
  t.strictSame(world.view.keys('/calico/ipam/v2/host/'), [])
  t.equal(world.take({ ...wish, node: 'node2', ipv4: 1 }).length, 1)
  t.equal(taken.length, 3)
  t.equal(world.view.keys(blockPrefix).length, 1)
  t.end()
})

t.test('the pool that addresses come from is compared with the commit, others only as a listing', (t) => {
  const world = worldWithPool()
  world.pool('b', '10.0.1.0/28', { blockSize: 30 })
  t.equal(world.assign({ node: 'node4' }).ok, true)
  const { lastReads } = world
  t.ok(lastReads.has(poolKey('a').text))
  t.notOk(lastReads.has(poolKey('b').text))
  t.ok(lastReads.has(`current ${poolKey('').text}`))
  t.ok(lastReads.has('hint /calico/ipam/v2/host/node4/ipv4/block/'))
  t.ok(lastReads.has('changed /calico/ipam/v2/host/node4/ipv4/block/'))
  t.end()
})

t.test('a full pool says what it has', (t) => {
  const world = worldWithPool()
  world.reserve('10.0.0.12/30')
  t.equal(world.take({ node: 'node4', ipv4: 12 }).length, 12)
  const refused = world.assign({ node: 'node4' })
  t.match(refused, {
    refusal: {
      causes: [
        {
          message:
            'pool a has no more addresses for this request: 16 addresses, 12 in use, 0 cooling down, 4 reserved, 0 available, 3 of 4 blocks claimed; 4 are free but reserved: request them by name, or change the reservation',
        },
      ],
    },
  })
  t.end()
})

t.test('a claimed block that was used up is looked at again when an address of it has cooled down', (t) => {
  const world = worldWithPool()
  world.config({ ipCooldownSeconds: 60, auto_allocate_blocks: true })
  const attributes = [{ handle_id: 'x' }, { releasedAt: '2026-11-23T04:00:00Z' }]
  world.block(block2, 'host:node4', { allocations: [0, 1, 0, 0], unallocated: [], attributes })
  world.claim('node4', block2)
  const wish = { node: 'node4', maxBlocksPerNode: 1 }
  for (let repetition = 0; repetition < 2; repetition++) t.strictSame(world.take(wish)[1], 'node BlockLimit')
  world.passSeconds(61)
  t.strictSame(world.take(wish), ['10.0.0.9'])
  t.end()
})
