import t from 'tap'
import { blockPrefix, S, World } from '../../support/ipam-world.ts'
import { blocksOfPool, blocksRead, emptyBlock, worldWithPool } from '../../support/small-pool.ts'

const [block0, block1, block2, block3] = blocksOfPool

t.test('what is half done is healed', (t) => {
  // docs/calico/ipam.md section 6.3: the state of the key, who has the block, then what the key and the block are afterwards.
  type Affinity = string | null | undefined
  const cases: [
    state: string | undefined,
    affinity: Affinity,
    stateAfter: string | undefined,
    affinityAfter: Affinity,
  ][] = [
    ['pending', undefined, 'confirmed', 'host:node4'],
    ['pending', 'host:node4', 'confirmed', 'host:node4'],
    ['pending', 'host:node2', undefined, 'host:node2'],
    ['pending', null, undefined, undefined],
    ['confirmed', 'host:node4', 'confirmed', 'host:node4'],
    ['', 'host:node4', '', 'host:node4'],
    ['confirmed', undefined, 'confirmed', 'host:node4'],
    ['confirmed', 'host:node2', undefined, 'host:node2'],
    ['confirmed', null, undefined, undefined],
    ['confirmed', 'virtual:node4', undefined, 'virtual:node4'],
    ['pendingDeletion', 'host:node4', 'confirmed', 'host:node4'],
    ['pendingDeletion', undefined, 'confirmed', 'host:node4'],
    ['pendingDeletion', 'host:node2', undefined, 'host:node2'],
    ['pendingDeletion', null, undefined, undefined],
  ]
  for (const [state, affinity, stateAfter, affinityAfter] of cases) {
    t.test(`key ${state ?? 'absent'}, block ${affinity === undefined ? 'absent' : String(affinity)}`, (t) => {
      const world = worldWithPool()
      if (state !== undefined) world.claim('node4', block2, state)
      if (affinity !== undefined) world.block(block2, affinity)
      const isOurs = affinity === undefined || affinity === 'host:node4'
      const numberAfter = affinity === undefined ? S + 1n : isOurs ? 101n : 100n
      t.strictSame(world.take({ node: 'node4' }), [isOurs ? '10.0.0.8' : '10.0.0.4'])
      t.equal(world.claimState('node4', block2), stateAfter)
      t.equal(world.stored(block2)?.affinity, affinityAfter)
      t.equal(world.stored(block2)?.sequenceNumber, affinityAfter === undefined ? undefined : numberAfter)
      t.end()
    })
  }

  t.test('a block of nobody that is in use loses the claim only', (t) => {
    const world = worldWithPool()
    world.fullBlock(block2, null)
    world.claim('node4', block2)
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.4'])
    t.equal(world.claimState('node4', block2), undefined)
    t.match(world.stored(block2), { affinity: null, sequenceNumber: 100n })
    t.end()
  })

  t.test('a claimed block that was used up is looked at again when its last address is not reserved any more', (t) => {
    const world = worldWithPool()
    world.reserve('10.0.0.9')
    const attributes = [{ handle_id: 'x' }]
    world.block(block2, 'host:node4', { allocations: [0, null, 0, 0], unallocated: [1], attributes })
    world.claim('node4', block2)
    const wish = { node: 'node4', maxBlocksPerNode: 1 }
    for (let repetition = 0; repetition < 2; repetition++) t.strictSame(world.take(wish)[1], 'node BlockLimit')
    world.remove('/calico/resources/v3/projectcalico.org/ipreservations/10-0-0-9')
    t.strictSame(world.take(wish), ['10.0.0.9'])
    t.end()
  })

  t.test('a claim of somebody else keeps nobody away: only the block counts', (t) => {
    for (const state of ['pending', 'confirmed', 'pendingDeletion']) {
      const world = worldWithPool()
      for (const cidr of blocksOfPool) world.claim('node2', cidr, state)
      t.strictSame(world.take({ node: 'node4' }), ['10.0.0.4'])
      t.equal(world.claimState('node4', block1), 'confirmed')
      t.equal(world.claimState('node2', block1), state)
    }
    t.end()
  })

  t.test('a claim on a block of another size, that does not exist, makes none', (t) => {
    const world = worldWithPool()
    world.claim('node4', '10.0.0.8/31')
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.4'])
    t.equal(world.view.text(`${blockPrefix}10.0.0.8-31`), undefined)
    t.end()
  })

  t.test('a claim on a CIDR that is entirely reserved makes no block', (t) => {
    const world = worldWithPool()
    world.claim('node4', block2, 'pending')
    world.reserve('10.0.0.8/30')
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.4'])
    t.equal(world.stored(block2), undefined)
    t.equal(world.claimState('node4', block2), 'pending')
    t.end()
  })

  t.test('a claim whose block is in the way of blocks of another size makes none', (t) => {
    const world = worldWithPool()
    world.claim('node4', block2)
    world.fullBlock('10.0.0.8/29', 'host:node2')
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.4'])
    t.equal(world.stored(block2), undefined)
    t.end()
  })

  t.test('a claim that cannot be read is left alone, and its block is used all the same', (t) => {
    for (const affinity of ['host:node4', undefined]) {
      const world = worldWithPool()
      world.put(world.claimKey('node4', block2), '{"state":"unheard of"}')
      if (affinity !== undefined) world.block(block2, affinity)
      t.strictSame(world.take({ node: 'node4' }), ['10.0.0.8'])
      t.equal(world.view.text(world.claimKey('node4', block2)), '{"state":"unheard of"}')
      t.equal(world.stored(block2)?.affinity, 'host:node4')
    }
    t.end()
  })

  t.test('a stale claim on a block that is then taken over ends up confirmed', (t) => {
    const world = worldWithPool()
    for (const cidr of [block0, block1, block3]) world.fullBlock(cidr, 'host:node2')
    world.block(block2, 'host:node2')
    world.claim('node2', block2)
    world.claim('node4', block2)
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.8'])
    t.equal(world.stored(block2)?.affinity, 'host:node4')
    t.equal(world.claimState('node4', block2), 'confirmed')
    t.equal(world.claimState('node2', block2), undefined)
    t.end()
  })

  t.end()
})

t.test('a block whose claim is lost', (t) => {
  t.test('is found before a vacant CIDR, and claimed', (t) => {
    const world = worldWithPool()
    world.block(block3, 'host:node4')
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.12'])
    t.equal(world.claimState('node4', block3), 'confirmed')
    t.end()
  })

  t.test('is found after those with a claim, in the order of the pools', (t) => {
    const world = worldWithPool()
    world.pool('b', '10.0.1.0/28', { blockSize: 30 })
    for (const cidr of [block0, block3, '10.0.1.0/30']) world.block(cidr, 'host:node4')
    world.claim('node4', block3)
    const taken = world.take({ node: 'node4', pools: ['b', 'a'], ipv4: 12 })
    t.strictSame(
      [0, 4, 8].map((place) => taken[place]),
      ['10.0.0.12', '10.0.1.0', '10.0.0.0'],
    )
    t.end()
  })

  t.test('is not looked at when its free addresses are reserved', (t) => {
    const world = worldWithPool()
    world.block(block3, 'host:node4', {
      allocations: [0, 0, 0, null],
      unallocated: [3],
      attributes: [{ handle_id: 'x' }],
    })
    world.reserve('10.0.0.15/32')
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.4'])
    t.strictSame(blocksRead(world), [block1])
    t.end()
  })

  t.test('is somebody else’s when it has just been taken over', (t) => {
    const world = worldWithPool()
    world.block(block3, 'host:node4')
    world.view.put(world.blockKey(block3), emptyBlock(block3, 'host:node2'))
    t.strictSame(world.take({ node: 'node4' }), ['10.0.0.4'])
    t.end()
  })

  t.end()
})

t.test('blocks of which only reserved addresses are free are not read, however many they are', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/22', { blockSize: 30 })
  const reserved: string[] = []
  for (let block = 0; block < 200; block++) {
    const base = `10.0.${block >> 6}.${(block & 63) * 4}`
    world.block(`${base}/30`, null, {
      allocations: [null, 0, 0, 0],
      unallocated: [0],
      attributes: [{ handle_id: 'x' }],
    })
    reserved.push(`${base}/32`)
  }
  world.reserve(...reserved)
  for (const node of [undefined, 'node4']) {
    t.equal(world.take({ node }).length, 1)
    t.equal(blocksRead(world).length, 1, 'the new block')
  }
  t.end()
})
