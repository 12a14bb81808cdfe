import t from 'tap'
import { assignOrdinal, newBlock } from '../../../src/model/index.ts'
import { mustParseCidr, ordinal } from '../../../src/net/index.ts'
import { reasonsOf, S, type Wish, World } from '../../support/ipam-world.ts'

const text = '10.0.0.8/29'

function worldWithPool(spec: object = {}): World {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 29, ...spec })
  return world
}

/** The messages of the causes of a refusal. */
function messages(world: World, wish: Wish): readonly string[] {
  const assigned = world.assign(wish)
  return assigned.ok ? [] : assigned.refusal.causes.map(({ message }) => message)
}

t.test('an address whose block does not exist makes it, with a claim when there is a node', (t) => {
  const world = worldWithPool()
  const assigned = world.assign({ node: 'node1', addresses: ['10.0.0.13'], attributes: { tenant: 'blue' } })
  t.match(assigned, {
    ok: true,
    value: {
      handle: 'h',
      addresses: [{ pool: 'a', node: 'node1', sequenceNumber: S, attributes: { tenant: 'blue' } }],
    },
  })
  t.match(world.stored(text), {
    affinity: 'host:node1',
    affinityClaimTime: '2026-11-23T04:00:00Z',
    unallocated: [0, 1, 2, 3, 4, 6, 7],
    sequenceNumber: S + 1n,
  })
  t.equal(world.claimState('node1', text), 'confirmed')
  t.equal(world.counts('h'), '{"10.0.0.8/29":1}')

  const nobodys = worldWithPool()
  t.strictSame(nobodys.take({ addresses: ['10.0.0.13'] }), ['10.0.0.13'])
  t.equal(nobodys.stored(text)?.affinity, null)
  t.strictSame(nobodys.view.keys('/calico/ipam/v2/host/'), [])
  t.end()
})

t.test('an address leaves its place in the queue, the others keep theirs', (t) => {
  const world = worldWithPool()
  world.block(text, 'host:node1', { unallocated: [7, 5, 3, 1, 0, 2, 4, 6] })
  t.strictSame(world.take({ node: 'node1', addresses: ['10.0.0.11', '10.0.0.14'] }), ['10.0.0.11', '10.0.0.14'])
  t.strictSame(world.stored(text)?.unallocated, [7, 5, 1, 0, 2, 4])
  t.equal(world.stored(text)?.sequenceNumber, 102n, 'each address is an update of its own')
  t.match(
    world.stored(text)?.sequenceNumberForAllocation,
    new Map([
      [3, 100n],
      [6, 101n],
    ]),
  )
  t.end()
})

t.test('the answer keeps the order of the request, across pools and families', (t) => {
  const world = worldWithPool()
  world.pool('six', 'fd00::/64')
  const addresses = ['fd00::5', '10.0.0.200', '10.0.0.1', 'fd00::4']
  t.strictSame(world.take({ addresses }), addresses)
  t.equal(world.counts('h'), '{"10.0.0.0/29":1,"10.0.0.200/29":1,"fd00::/122":2}')
  t.end()
})

t.test('the block of somebody else lends, its affinity stays', (t) => {
  for (const affinity of ['host:node2', 'virtual:load-balancer', null]) {
    const world = worldWithPool()
    world.block(text, affinity)
    t.strictSame(world.take({ node: 'node1', addresses: ['10.0.0.13'] }), ['10.0.0.13'], String(affinity))
    t.equal(world.stored(text)?.affinity, affinity)
    t.strictSame(world.view.keys('/calico/ipam/v2/host/'), [])
  }
  t.end()
})

t.test('a half-made claim on the node’s own block is confirmed', (t) => {
  for (const state of [undefined, 'pending', 'pendingDeletion', 'confirmed']) {
    const world = worldWithPool()
    world.block(text, 'host:node1')
    if (state !== undefined) world.claim('node1', text, state)
    world.take({ node: 'node1', addresses: ['10.0.0.13'] })
    t.equal(world.claimState('node1', text), 'confirmed', state ?? 'no claim')
  }
  t.end()
})

t.test('selectors, mode, reservations, the limit of blocks and auto_allocate_blocks do not count', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24', {
    blockSize: 29,
    nodeSelector: '!all()',
    namespaceSelector: 'not a selector',
    assignmentMode: 'Manual',
    allowedUses: ['LoadBalancer'],
  })
  world.reserve('10.0.0.0/24')
  world.config({ auto_allocate_blocks: false, maxBlocksPerHost: 1 })
  const wish = { node: 'node1', maxBlocksPerNode: 1 }
  t.strictSame(world.take({ ...wish, addresses: ['10.0.0.13'] }), ['10.0.0.13'])
  t.strictSame(world.take({ ...wish, addresses: ['10.0.0.130'] }), ['10.0.0.130'])
  t.end()
})

t.test('an address in no pool, or in one that gives none, is refused, each with its cause', (t) => {
  const world = worldWithPool()
  world.pool('off', '10.1.0.0/24', { disabled: true })
  world.pool('going', '10.2.0.0/24', {}, { metadata: { deletionTimestamp: '2026-11-23T04:00:00Z' } })
  world.pool('barred', '10.3.0.0/24', {}, { status: { conditions: [{ type: 'Allocatable', status: 'False' }] } })
  world.pool('huge', '10.64.0.0/10', { blockSize: 1e9 })
  const wish = { addresses: ['10.0.0.1', '10.1.0.1', '10.2.0.1', '10.3.0.1', '10.64.0.1', '10.4.0.1', 'fd00::1'] }
  t.strictSame(world.take(wish), [
    'Invalid',
    ...[1, 2, 3, 4, 5, 6].map((index) => `addresses[${index}] FieldValueInvalid`),
  ])
  t.strictSame(messages(world, wish), [
    '10.1.0.1 lies in no enabled pool: pool off is disabled (spec.disabled)',
    '10.2.0.1 lies in no enabled pool: pool going is being deleted',
    '10.3.0.1 lies in no enabled pool: pool barred has the condition Allocatable=False',
    '10.64.0.1 lies in no enabled pool: pool huge cannot be used: spec.blockSize: expected a prefix length from 20 to 32, found 1000000000',
    '10.4.0.1 lies in no pool',
    'fd00::1 lies in no pool',
  ])
  t.strictSame(world.view.keys('/calico/ipam/v2/assignment/'), [])
  t.end()
})

t.test('of pools that overlap the first one that gives addresses counts', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/16', { blockSize: 26, disabled: true })
  world.pool('b', '10.0.0.0/24', { blockSize: 29 })
  t.match(world.assign({ addresses: ['10.0.0.13'] }), {
    value: { addresses: [{ pool: 'b', block: mustParseCidr(text) }] },
  })
  t.end()
})

t.test('the pool must allow the use when one is named, and be among the pools asked for', (t) => {
  const world = worldWithPool({ allowedUses: ['Tunnel'] })
  world.pool('b', '10.1.0.0/24')
  const addresses = ['10.0.0.1']
  const cases: [wish: Wish, want: string | undefined][] = [
    [{}, undefined],
    [{ use: 'Tunnel' }, undefined],
    [{ use: 'Workload' }, '10.0.0.1 lies in pool a, which allows Tunnel; the use is Workload'],
    [{ pools: ['b', 'a'] }, undefined],
    [{ pools: ['10.0.0.0/24'] }, undefined],
    [{ pools: ['b'] }, '10.0.0.1 lies in pool a, which is not one of the requested pools'],
  ]
  for (const [wish, want] of cases) {
    t.strictSame(messages(world, { addresses, ...wish }), want === undefined ? [] : [want], JSON.stringify(wish))
    world.give('10.0.0.1')
  }
  t.end()
})

t.test('an address that somebody holds is refused, also for its own holder, and nothing is assigned', (t) => {
  const world = worldWithPool()
  t.strictSame(world.take({ addresses: ['10.0.0.13'] }), ['10.0.0.13'])
  const before = world.dump()
  const wish = { addresses: ['10.0.0.12', '10.0.0.13', '10.0.0.200'] }
  t.strictSame(world.take(wish), ['AddressInUse', 'addresses[1] FieldValueInvalid'])
  t.strictSame(messages(world, wish), ['10.0.0.13 is held by the handle "h" already'])
  t.match(world.assign(wish), {
    refusal: { message: '10.0.0.13 is held by the handle "h" already; nothing was assigned.' },
  })
  t.strictSame(world.dump(), before)
  t.end()
})

t.test('the refusal says who holds each address', (t) => {
  const world = worldWithPool()
  world.take({ handle: 'vm-1', addresses: ['10.0.0.13'] })
  world.block('10.0.0.0/29', null, {
    allocations: [0, 1, null, null, null, null, null, null],
    unallocated: [2, 3, 4, 5, 6, 7],
    attributes: [{ secondary: { tenant: 'blue' } }, { handle_id: 'windows-reserved-ipam-handle' }],
  })
  t.match(world.assign({ addresses: ['10.0.0.13', '10.0.0.0', '10.0.0.1', '10.0.0.2'] }), {
    refusal: {
      reason: 'AddressInUse',
      message: [
        '10.0.0.13 is held by the handle "vm-1"',
        '10.0.0.0 is assigned without a handle',
        '10.0.0.1 is reserved for the Windows host of its block',
        'nothing was assigned.',
      ].join('; '),
    },
  })
  t.end()
})

t.test('who is content with less gets those that are free, but not nothing', (t) => {
  const world = worldWithPool()
  world.take({ handle: 'other', addresses: ['10.0.0.13'] })
  t.strictSame(world.take({ addresses: ['10.0.0.13', '10.0.0.12'], partial: true }), ['10.0.0.12'])
  t.strictSame(world.take({ addresses: ['10.0.0.13', '10.0.0.12'], partial: true }), [
    'AddressInUse',
    'addresses[0] FieldValueInvalid',
    'addresses[1] FieldValueInvalid',
  ])
  t.equal(world.counts('h'), '{"10.0.0.8/29":1}')
  t.end()
})

t.test('an address that cools down is not given, and is once it has', (t) => {
  const world = worldWithPool()
  world.config({ ipCooldownSeconds: 60 })
  world.take({ addresses: ['10.0.0.13'] })
  world.give('10.0.0.13')
  t.strictSame(messages(world, { addresses: ['10.0.0.13'] }), ['10.0.0.13 was released and is cooling down'])
  world.passSeconds(61)
  t.strictSame(world.take({ addresses: ['10.0.0.13'] }), ['10.0.0.13'])
  t.end()
})

t.test('the same address twice is taken the second time', (t) => {
  const world = worldWithPool()
  t.strictSame(world.take({ addresses: ['10.0.0.13', '10.0.0.13'] }), [
    'AddressInUse',
    'addresses[1] FieldValueInvalid',
  ])
  t.end()
})

t.test('under strict affinity only the node’s own blocks give', (t) => {
  const cases: [affinity: string | null | undefined, node: string | undefined, why: RegExp | undefined][] = [
    ['host:node1', 'node1', undefined],
    [undefined, 'node1', undefined],
    ['host:node2', 'node1', /10\.0\.0\.8\/29 cannot be used by this request: it belongs to host:node2$/],
    ['virtual:node1', 'node1', /it belongs to virtual:node1$/],
    [null, 'node1', /it has no affinity$/],
    [null, undefined, /the request names no node$/],
    [undefined, undefined, /the request names no node$/],
    ['host:node1', undefined, /the request names no node$/],
  ]
  for (const [affinity, node, why] of cases) {
    const world = worldWithPool()
    world.config({ strict_affinity: true })
    if (affinity !== undefined) world.block(text, affinity)
    const assigned = world.assign({ node, addresses: ['10.0.0.13'] })
    t.equal(assigned.ok, why === undefined, `${String(affinity)} for ${String(node)}`)
    if (!assigned.ok) {
      t.strictSame(reasonsOf(assigned.refusal), ['Conflict', 'node StrictAffinity'])
      t.match(assigned.refusal.message, why)
    }
  }
  t.end()
})

t.test('for load balancers the block is the virtual owner’s', (t) => {
  const world = worldWithPool({ allowedUses: ['LoadBalancer'] })
  world.config({ strict_affinity: true })
  t.strictSame(world.take({ use: 'LoadBalancer', addresses: ['10.0.0.13'] }), ['10.0.0.13'])
  t.equal(world.stored(text)?.affinity, 'virtual:load-balancer')
  t.equal(world.view.keys('/calico/ipam/v2/virtual/load-balancer/').length, 1)
  t.end()
})

t.test('a block that cannot be read is left alone, and so is one of another size in the way', (t) => {
  const unreadable = worldWithPool()
  unreadable.put(unreadable.blockKey(text).text, '{')
  t.match(unreadable.assign({ addresses: ['10.0.0.13'] }), {
    refusal: { reason: 'Conflict', message: /^The stored block 10\.0\.0\.8\/29 cannot be read: / },
  })
  for (const other of ['10.0.0.12/30', '10.0.0.0/28']) {
    const world = worldWithPool()
    world.block(other, null)
    t.match(world.assign({ addresses: ['10.0.0.13'] }), {
      refusal: { reason: 'Conflict', message: `The stored block ${other} overlaps the block 10.0.0.8/29 of the pool.` },
    })
    t.strictSame(world.take({ addresses: ['10.0.0.21'] }), ['10.0.0.21'])
  }
  t.end()
})

t.test('an address that another operation of the same batch has just taken is taken', (t) => {
  const world = worldWithPool()
  const block = newBlock(mustParseCidr(text), null, { nanoseconds: S })
  const taken = assignOrdinal(block, ordinal(5), { handle: 'other' })
  if (taken !== 'taken') world.view.put(world.blockKey(text), taken)
  t.strictSame(world.take({ addresses: ['10.0.0.13'] })[0], 'AddressInUse')
  t.strictSame(world.take({ addresses: ['10.0.0.14'] }), ['10.0.0.14'])
  t.end()
})

t.test('the pool is compared with the commit', (t) => {
  const world = worldWithPool()
  world.take({ addresses: ['10.0.0.13'] })
  t.ok(world.lastReads.has('/calico/resources/v3/projectcalico.org/ippools/a'))
  t.end()
})

t.test('a block that is made keeps what the host reserves', (t) => {
  const world = worldWithPool()
  world.config({ strict_affinity: true })
  const wish = { node: 'node1', hostReserved: { 4: { start: 1, end: 1 } } }
  t.strictSame(world.take({ ...wish, addresses: ['10.0.0.8'] }), ['AddressInUse', 'addresses[0] FieldValueInvalid'])
  t.strictSame(world.take({ ...wish, addresses: ['10.0.0.9'] }), ['10.0.0.9'])
  t.strictSame(world.stored('10.0.0.8/29')?.unallocated, [2, 3, 4, 5, 6])
  t.end()
})
