import assert from 'node:assert/strict'
import t from 'tap'
import { S, World } from '../../support/ipam-world.ts'
import { affinities, blocksOfPool, blocksRead, emptyBlock, worldWithPool } from '../../support/small-pool.ts'

const [block0, block1, block2, block3] = blocksOfPool

t.test('taking over', (t) => {
  /** A pool in which every block is node2’s, the third one empty. */
  function fullWorld(fields: object = {}): World {
    const world = worldWithPool()
    for (const cidr of [block0, block1, block3]) world.fullBlock(cidr, 'host:node2')
    world.block(block2, 'host:node2', fields)
    world.claim('node2', block2)
    return world
  }
  /** Has node4 take an address, of the third block in any case, and tells whether the block is its own then. */
  function isTakenOver(world: World): boolean {
    const taken = world.take({ node: 'node4' })
    assert.deepEqual(taken, ['10.0.0.8'])
    return world.stored(block2)?.affinity === 'host:node4'
  }

  t.test('makes an empty block one’s own, with a number of its own, and drops the claim of the other', (t) => {
    const world = fullWorld()
    t.equal(isTakenOver(world), true)
    t.equal(world.stored(block2)?.affinityClaimTime, '2026-11-23T04:00:00Z')
    t.equal(world.stored(block2)?.sequenceNumber, S + 1n)
    t.equal(world.claimState('node4', block2), 'confirmed')
    t.equal(world.claimState('node2', block2), undefined)
    t.end()
  })

  t.test('takes a minute since the claim; a block that does not say counts as old', (t) => {
    const cases: [claimedAt: string | undefined, isTakenOver: boolean][] = [
      [undefined, true],
      ['2026-11-23T03:59:00Z', true],
      ['2026-11-23T03:59:01Z', false],
      ['2026-11-23T04:00:00Z', false],
      ['2026-11-23T05:00:00Z', false],
    ]
    for (const [affinity_claim_time, want] of cases) {
      t.equal(isTakenOver(fullWorld({ affinity_claim_time })), want, affinity_claim_time ?? 'not said')
    }
    t.end()
  })

  t.test('takes that minute to the nanosecond', (t) => {
    for (const [early, want] of [
      [1n, false],
      [0n, true],
    ] as const) {
      const world = fullWorld({ affinity_claim_time: '2026-11-23T03:59:00Z' })
      world.nanoseconds = 1_795_406_400_000_000_000n - early
      t.equal(isTakenOver(world), want)
    }
    t.end()
  })

  t.test('does not happen to a block in use, which lends instead', (t) => {
    const world = fullWorld({
      allocations: [null, null, null, 0],
      unallocated: [0, 1, 2],
      attributes: [{ handle_id: 'x' }],
    })
    t.equal(isTakenOver(world), false)
    t.equal(world.claimState('node4', block2), undefined)
    t.equal(world.claimState('node2', block2), 'confirmed')
    t.end()
  })

  t.test('happens to a block of which only the addresses that Windows reserves are held', (t) => {
    const world = fullWorld({
      allocations: [null, null, null, 0],
      unallocated: [0, 1, 2],
      attributes: [{ handle_id: 'Windows-Reserved-IPAM-Handle' }],
    })
    t.equal(isTakenOver(world), true)
    t.end()
  })

  t.test('needs an owner to take it from, whose claim is there and can be read', (t) => {
    for (const affinity of [null, 'nonsense', 'host:']) {
      const world = fullWorld()
      world.block(block2, affinity)
      t.equal(isTakenOver(world), false, String(affinity))
    }
    const unclaimed = fullWorld()
    unclaimed.remove(unclaimed.claimKey('node2', block2))
    t.equal(isTakenOver(unclaimed), false)
    const unreadable = fullWorld()
    unreadable.put(unreadable.claimKey('node2', block2), '[')
    t.equal(isTakenOver(unreadable), false)
    t.equal(unreadable.view.text(unreadable.claimKey('node2', block2)), '[')
    t.end()
  })

  t.test('passes over blocks that are entirely reserved, or of another size', (t) => {
    const reserved = fullWorld()
    reserved.reserve('10.0.0.8/30')
    t.strictSame(reserved.take({ node: 'node4' }), ['InsufficientAddresses', 'pools[a] PoolFull'])

    const cut = worldWithPool()
    for (const cidr of [block0, block1, block3]) cut.fullBlock(cidr, 'host:node2')
    cut.block('10.0.0.8/31', 'host:node2')
    cut.claim('node2', '10.0.0.8/31')
    t.strictSame(cut.take({ node: 'node4' }), ['InsufficientAddresses', 'pools[a] PoolFull'])
    t.end()
  })

  t.test('waits for addresses that cool down, but not for longer', (t) => {
    const world = fullWorld({
      allocations: [0, 0, 0, 0],
      unallocated: [],
      attributes: [{ releasedAt: '2026-11-23T04:00:00Z' }],
    })
    world.config({ ipCooldownSeconds: 60, strict_affinity: true })
    t.strictSame(world.take({ node: 'node4' }), ['InsufficientAddresses', 'node StrictAffinity', 'pools[a] PoolFull'])
    world.passSeconds(61)
    t.equal(isTakenOver(world), true)
    t.end()
  })

  t.test('does not happen to a block that was changed a moment ago in the same batch', (t) => {
    const world = fullWorld()
    const changed = { ...emptyBlock(block2, 'host:node2'), sequenceNumber: 101n }
    world.view.put(world.blockKey(block2), changed)
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.8'])
    t.equal(world.stored(block2)?.affinity, 'host:node2')
    t.end()
  })

  t.test('reads none of the many blocks that it must leave alone', (t) => {
    const world = new World()
    world.pool('a', '10.0.0.0/22', { blockSize: 30 })
    for (let block = 0; block < 256; block++) {
      const cidr = `10.0.${block >> 6}.${(block & 63) * 4}/30`
      world.block(cidr, `host:n${block}`, { affinity_claim_time: '2026-11-23T04:00:00Z' })
      world.claim(`n${block}`, cidr)
    }
    t.match(world.take({ node: 'node4' }), [/^10\.0\./])
    t.equal(blocksRead(world).length, 1, 'the block that lends')
    t.end()
  })

  t.end()
})

t.test('borrowing', (t) => {
  t.test('takes from blocks of anybody, block after block in the order of the pools, and changes no affinity', (t) => {
    const world = new World()
    world.pool('a', '10.0.0.0/30', { blockSize: 30 })
    world.pool('b', '10.0.1.0/30', { blockSize: 30 })
    world.pool('c', '10.0.2.0/30', { blockSize: 30 })
    const held = { allocations: [0, 0, null, null], unallocated: [3, 2], attributes: [{ handle_id: 'x' }] }
    world.block('10.0.0.0/30', 'host:node2', held)
    world.block('10.0.1.0/30', null, held)
    world.block('10.0.2.0/30', 'virtual:load-balancer', held)
    t.strictSame(world.take({ node: 'node4', ipv4: 3 }), ['10.0.0.3', '10.0.0.2', '10.0.1.3'])
    t.strictSame(world.take({ node: 'node4', pools: ['c', 'b'], ipv4: 2 }), ['10.0.2.3', '10.0.2.2'])
    t.strictSame(
      ['10.0.0.0/30', '10.0.1.0/30', '10.0.2.0/30'].map((cidr) => world.stored(cidr)?.affinity),
      ['host:node2', null, 'virtual:load-balancer'],
    )
    t.strictSame(world.view.keys('/calico/ipam/v2/host/'), [])
    t.end()
  })

  t.test('finds an address that has cooled down in a full block', (t) => {
    const world = new World()
    world.pool('a', '10.0.0.0/30', { blockSize: 30 })
    world.config({ ipCooldownSeconds: 60 })
    world.block('10.0.0.0/30', 'host:node2', {
      allocations: [0, 1, 0, 0],
      unallocated: [],
      attributes: [{ handle_id: 'x' }, { releasedAt: '2026-11-23T04:00:00Z' }],
    })
    for (const node of ['node4', undefined]) t.strictSame(world.take({ node })[0], 'InsufficientAddresses')
    world.passSeconds(60)
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.1'])
    t.end()
  })

  t.test('stays inside of the pool, and leaves blocks of another size alone', (t) => {
    for (const cidr of ['10.0.0.0/26', '10.0.0.0/31']) {
      const world = new World()
      world.pool('a', '10.0.0.0/30', { blockSize: 30 })
      world.block(cidr, null)
      for (const node of ['node4', undefined]) t.strictSame(world.take({ node })[0], 'InsufficientAddresses', cidr)
    }
    t.end()
  })

  t.test('leaves alone what cannot be read, though the index does not know it yet', (t) => {
    const world = new World()
    world.pool('a', '10.0.0.0/29', { blockSize: 30 })
    for (const cidr of ['10.0.0.0/30', '10.0.0.4/30']) world.block(cidr, null)
    world.view.putText(world.blockKey('10.0.0.0/30').text, '{')
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.4'])
    t.end()
  })

  t.test('passes over what is reserved', (t) => {
    const world = worldWithPool()
    for (const cidr of blocksOfPool) world.block(cidr, null)
    world.reserve('10.0.0.0/30', '10.0.0.4/31')
    t.strictSame(world.take({ node: 'node4', ipv4: 3 }), ['10.0.0.6', '10.0.0.7', '10.0.0.8'])
    t.end()
  })

  t.end()
})

t.test('without a node', (t) => {
  t.test('addresses come from nobody’s blocks, then from new ones, for which no claim is written', (t) => {
    const world = worldWithPool()
    world.block(block0, 'host:node2')
    world.claim('node2', block0)
    world.block(block3, null)
    const taken = world.take({ ipv4: 12 })
    t.strictSame(taken.slice(0, 4), ['10.0.0.12', '10.0.0.13', '10.0.0.14', '10.0.0.15'])
    t.strictSame(affinities(world), { [block0]: 'host:node2', [block1]: null, [block2]: null, [block3]: null })
    t.strictSame(world.view.keys('/calico/ipam/v2/host/'), [world.claimKey('node2', block0)])
    t.notMatch(world.view.text(world.blockKey(block1).text), /affinity_claim_time/)
    t.end()
  })

  t.test('an empty block of a node is taken over before others lend', (t) => {
    const world = new World()
    world.pool('a', '10.0.0.0/29', { blockSize: 30 })
    const held = { allocations: [0, null, null, null], unallocated: [1, 2, 3], attributes: [{ handle_id: 'x' }] }
    world.block(block0, 'host:node2', held)
    world.block(block1, 'host:node2')
    world.claim('node2', block1)
    t.strictSame(world.take({ ipv4: 5 }), ['10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.7', '10.0.0.1'])
    t.strictSame(affinities(world), { [block0]: 'host:node2', [block1]: null })
    t.equal(world.claimState('node2', block1), undefined)
    t.end()
  })

  t.test('a block with an empty text for its affinity is not nobody’s', (t) => {
    const world = worldWithPool()
    world.block(block0, '')
    t.not(world.take()[0], '10.0.0.0')
    t.end()
  })

  t.end()
})

t.test('a block in which there is no room for one more owner is passed over, whatever it has left', (t) => {
  const world = worldWithPool()
  const talkative = { handle_id: 'x', secondary: { a: 'é'.repeat(600_000) } }
  const held = { allocations: [0, null, null, null], unallocated: [1, 2, 3], attributes: [talkative] }
  world.block(block1, 'host:node4', held)
  world.claim('node4', block1)
  t.strictSame(world.take({ node: 'node4' }), ['10.0.0.8'], 'its owner claims another one')
  world.block(block0, null, held)
  t.strictSame(world.take(), ['10.0.0.12'], 'and so does who has no node')
  t.end()
})
