import t from 'tap'
import { type AssignRequest, planAssign } from '../../../src/ipam/index.ts'
import { formatAddress, formatCidr } from '../../../src/net/index.ts'
import { handlePrefix, requestOf, S, World } from '../../support/ipam-world.ts'

t.test('the answer says where each address is from and whose it is', (t) => {
  const world = new World()
  world.pool('six', 'fd00::/120', { blockSize: 124 })
  world.claim('node1', 'fd00::10/124')
  const assigned = world.assign({ handle: 'vm-42', node: 'node1', ipv6: 2, attributes: { tenant: 'blue' } })
  t.ok(assigned.ok)
  const allocations = assigned.ok ? assigned.value.addresses : []
  t.strictSame(
    allocations.map(({ address, block, ...rest }) => ({
      address: formatAddress(address),
      block: formatCidr(block),
      ...rest,
    })),
    ['fd00::10', 'fd00::11'].map((address) => ({
      address,
      block: 'fd00::10/124',
      pool: 'six',
      node: 'node1',
      handle: 'vm-42',
      sequenceNumber: S,
      attributes: { tenant: 'blue' },
    })),
  )
  t.end()
})

t.test('addresses of equal holders share one entry of the attributes, others do not', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/29', { blockSize: 29 })
  world.take({ handle: 'h', attributes: { tenant: 'blue' } })
  world.take({ handle: 'h', attributes: { tenant: 'red' } })
  world.take({ handle: 'g', attributes: { tenant: 'blue' } })
  world.take({ handle: 'h', attributes: { tenant: 'blue' }, ipv4: 2 })
  world.take({ handle: 'h' })
  t.match(world.stored('10.0.0.0/29'), { allocations: [0, 1, 2, 0, 0, 3, null, null] })
  t.match(world.stored('10.0.0.0/29')?.attributes?.[3], { handle: 'h', active: undefined })
  t.equal(world.counts('h'), '{"10.0.0.0/29":5}')
  t.end()
})

t.test('a handle counts what it got in each block, no more', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/28', { blockSize: 30 })
  t.equal(world.take({ handle: 'h', ipv4: 6 }).length, 6)
  t.equal(world.counts('h'), '{"10.0.0.12/30":2,"10.0.0.8/30":4}')
  t.equal(world.take({ handle: 'h', ipv4: 1 }).length, 1)
  t.equal(world.counts('h'), '{"10.0.0.12/30":3,"10.0.0.8/30":4}')
  t.end()
})

t.test('both families are assigned in one transaction, IPv4 first', (t) => {
  const world = new World()
  world.pool('four', '10.0.0.0/29', { blockSize: 29 })
  world.pool('six', 'fd00::/125', { blockSize: 125 })
  t.strictSame(world.take({ ipv4: 2, ipv6: 2 }), ['10.0.0.0', '10.0.0.1', 'fd00::', 'fd00::1'])
  t.equal(world.counts('h'), '{"10.0.0.0/29":2,"fd00::/125":2}')
  t.end()
})

t.test('without enough of either family nothing of either is held', (t) => {
  const world = new World()
  world.pool('four', '10.0.0.0/29', { blockSize: 29 })
  world.pool('six', 'fd00::/126', { blockSize: 126 })
  const before = world.dump()
  const cases: [ipv4: number, ipv6: number, want: readonly string[], message: RegExp][] = [
    [
      8,
      5,
      ['InsufficientAddresses', 'pools[six] PoolFull'],
      /^Only 4 of 5 IPv6 addresses could be found; nothing was assigned\.$/,
    ],
    [9, 4, ['InsufficientAddresses', 'pools[four] PoolFull'], /^Only 8 of 9 IPv4 addresses could be found;/],
    [
      10,
      5,
      ['InsufficientAddresses', 'pools[four] PoolFull', 'pools[six] PoolFull'],
      /^Only 8 of 10 IPv4 addresses and 4 of 5 IPv6 addresses could be found;/,
    ],
  ]
  for (const [ipv4, ipv6, want, message] of cases) {
    t.strictSame(world.take({ ipv4, ipv6 }), want)
    t.match(world.assign({ ipv4, ipv6 }), { refusal: { message } })
    t.strictSame(world.dump(), before)
  }
  t.equal(world.take({ ipv4: 8, ipv6: 4 }).length, 12)
  t.end()
})

t.test('who is content with less gets what there is, but not nothing', (t) => {
  const world = new World()
  world.pool('four', '10.0.0.0/29', { blockSize: 29 })
  world.pool('six', 'fd00::/126', { blockSize: 126 })
  t.equal(world.take({ ipv4: 10, ipv6: 1, partial: true }).length, 9)
  t.strictSame(world.take({ ipv4: 1, ipv6: 1, partial: true }), ['fd00::1'])
  t.strictSame(world.take({ ipv4: 1, partial: true }), ['InsufficientAddresses', 'pools[four] PoolFull'])
  t.equal(world.counts('h'), '{"10.0.0.0/29":8,"fd00::/126":2}')
  t.end()
})

t.test('a refusal says for every pool why not', (t) => {
  const world = new World()
  world.pool('disabled', '10.0.0.0/30', { blockSize: 30, disabled: true })
  world.pool('full', '10.0.1.0/30', { blockSize: 30 })
  world.pool('manual', '10.0.2.0/30', { blockSize: 30, assignmentMode: 'Manual' })
  world.pool('node', '10.0.3.0/30', { blockSize: 30, nodeSelector: 'has(gpu)' })
  world.pool('use', '10.0.4.0/30', { blockSize: 30, allowedUses: ['Tunnel'] })
  world.fullBlock('10.0.1.0/30', null)
  t.strictSame(world.take(), [
    'InsufficientAddresses',
    'pools[full] PoolFull',
    'pools[disabled] PoolDisabled',
    'pools[manual] PoolNotAutomatic',
    'pools[node] PoolNotForNode',
    'pools[use] PoolNotForUse',
  ])
  t.strictSame(new World().take({ ipv4: 1, ipv6: 1 }), ['InsufficientAddresses', 'pools NoPool', 'pools NoPool'])
  t.end()
})

t.test('a refusal names no rule of claiming blocks if no pool serves the request', (t) => {
  for (const config of [{ strict_affinity: true }, { strict_affinity: true, auto_allocate_blocks: false }]) {
    for (const node of ['node1', undefined]) {
      const world = new World()
      world.config(config)
      world.pool('four', '10.0.0.0/30', { blockSize: 30, nodeSelector: 'has(gpu)' })
      const causes = ['pools[four] PoolNotForNode', 'pools NoPool']
      t.strictSame(world.take({ node, ipv4: 1, ipv6: 1 }), ['InsufficientAddresses', ...causes], JSON.stringify(config))
    }
  }
  t.end()
})

t.test('a node gives back empty blocks of a family for which no pool is left to it', (t) => {
  const world = new World()
  world.pool('four', '10.0.0.0/28', { blockSize: 30, nodeSelector: 'has(gpu)' })
  world.pool('six', 'fd00::/120', { blockSize: 124 })
  world.node('node1', {})
  world.claim('node1', '10.0.0.4/30')
  t.equal(world.take({ node: 'node1', ipv4: 1, ipv6: 1, partial: true }).length, 1)
  t.equal(world.stored('10.0.0.4/30'), undefined)
  t.end()
})

t.test('a pool that was asked for and gives nothing says what it would have', (t) => {
  const world = new World()
  world.pool('disabled', '10.0.0.0/30', { blockSize: 30, disabled: true })
  world.block('10.0.0.0/30', null, {
    allocations: [0, null, null, null],
    unallocated: [1, 2, 3],
    attributes: [{ handle_id: 'other' }],
  })
  t.match(world.assign({ pools: ['disabled'] }), {
    ok: false,
    refusal: {
      reason: 'InsufficientAddresses',
      causes: [{ reason: 'PoolDisabled', message: /disabled.*; 3 of its 4 addresses are available: enable it$/ }],
    },
  })
  t.end()
})

t.test('the use is Workload unless another one is named', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/29', { blockSize: 29, allowedUses: ['Tunnel'] })
  world.pool('b', '10.0.1.0/29', { blockSize: 29, allowedUses: ['Workload'] })
  t.strictSame(world.take(), ['10.0.1.0'])
  t.strictSame(world.take({ use: 'Workload' }), ['10.0.1.1'])
  t.strictSame(world.take({ use: 'Tunnel' }), ['10.0.0.0'])
  t.end()
})

t.test('the labels of the node decide, one that is not registered has none', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/29', { blockSize: 29, nodeSelector: 'zone == "a"' })
  world.pool('rest', '10.0.1.0/29', { blockSize: 29, nodeSelector: '!has(zone)' })
  world.node('in-a', { zone: 'a' })
  t.strictSame(world.take({ node: 'in-a' }), ['10.0.0.0'])
  t.strictSame(world.take({ node: 'unregistered' }), ['10.0.1.0'])
  t.match(world.take(), [/^10\.0\.1\./])
  t.end()
})

t.test('the labels of the namespace decide', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/29', { blockSize: 29, namespaceSelector: 'team == "a"', allowedUses: ['Workload'] })
  t.strictSame(world.take({ namespaceLabels: { team: 'a' } }), ['10.0.0.0'])
  t.strictSame(world.take(), ['InsufficientAddresses', 'pools[a] PoolNotForNamespace'])
  t.end()
})

t.test('a node that cannot be read gets no addresses by selectors, and those of pools that the request names', (t) => {
  const world = new World()
  world.pool('rest', '10.0.1.0/29', { blockSize: 29, nodeSelector: 'zone != "a"' })
  world.put('/calico/resources/v3/projectcalico.org/nodes/broken', '{"metadata":{"name":"broken","labels":["zone"]}}')
  const before = world.dump()
  t.strictSame(world.take({ node: 'broken' }), ['Conflict'])
  t.strictSame(world.dump(), before)
  t.strictSame(world.take({ node: 'broken', pools: ['rest'] }), ['10.0.1.0'])
  t.strictSame(world.take({ node: 'broken', addresses: ['10.0.1.5'] }), ['10.0.1.5'])
  t.end()
})

t.test('for a load balancer the labels of a node do not count', (t) => {
  const world = new World()
  const allowedUses = ['LoadBalancer']
  world.pool('a', '10.0.0.0/29', { blockSize: 29, nodeSelector: 'zone == "a"', allowedUses })
  world.pool('b', '10.0.1.0/29', { blockSize: 29, allowedUses })
  world.node('in-a', { zone: 'a' })
  t.strictSame(world.take({ node: 'in-a', use: 'LoadBalancer' }), ['10.0.1.0'])
  t.end()
})

t.test('a pool asked for that does not exist refuses the other family, too', (t) => {
  const world = new World()
  world.pool('four', '10.0.0.0/29', { blockSize: 29 })
  t.strictSame(world.take({ pools: ['four'], ipv4: 1, ipv6: 1 }), ['Invalid', 'pools FieldValueInvalid'])
  t.strictSame(world.take({ pools: ['nowhere'], ipv4: 1 }), ['Invalid', 'pools[0] FieldValueInvalid'])
  t.equal(world.counts('h'), undefined)
  t.end()
})

t.test('named addresses are assigned instead of counts', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/29', { blockSize: 29 })
  t.strictSame(world.take({ addresses: ['10.0.0.5', '10.0.0.3'] }), ['10.0.0.5', '10.0.0.3'])
  t.strictSame(world.take({ addresses: ['10.0.0.5'] }), ['AddressInUse', 'addresses[0] FieldValueInvalid'])
  t.end()
})

t.test('a handle within a cap gets again what it holds, IPv4 first or as it is named', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/28', { blockSize: 28 })
  world.pool('six', 'fd00::/124', { blockSize: 124 })
  world.take({ ipv6: 1 })
  t.strictSame(world.take({ ipv4: 1, ipv6: 1, maxPerHandle: 1 }), ['10.0.0.0', 'fd00::'])
  t.strictSame(world.take({ addresses: ['fd00::1', 'fd00::'], maxPerHandle: 2 }), ['fd00::1', 'fd00::'])
  t.strictSame(world.take({ ipv4: 2, maxPerHandle: 1 }), ['Conflict', 'maxPerHandle HandleLimit'])
  t.end()
})

t.test('addresses are reserved for a host only under strict affinity', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/28', { blockSize: 28 })
  const wish = { node: 'win1', hostReserved: { 4: { start: 3, end: 1 } } }
  t.strictSame(world.take(wish), ['Conflict', 'hostReserved StrictAffinity'])
  world.config({ strict_affinity: true })
  t.strictSame(world.take(wish), ['10.0.0.3'])
  t.end()
})

t.test('a wish for nothing is granted', (t) => {
  const world = new World()
  t.strictSame(world.take({ ipv4: 0 }), [])
  t.end()
})

t.test('a locked cluster, or one whose configuration cannot be read, gives nothing', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/29', { blockSize: 29 })
  world.put('/calico/ipam/v2/config', '[]')
  t.strictSame(world.take(), ['Conflict'])
  world.lockCluster()
  t.strictSame(world.take(), ['ServiceUnavailable'])
  t.end()
})

t.test('a handle that cannot be read is left alone, and its owner gets addresses all the same', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/29', { blockSize: 29 })
  world.put(`${handlePrefix}h`, '{"block":[]}')
  t.strictSame(world.take(), ['10.0.0.0'])
  t.equal(world.view.text(`${handlePrefix}h`), '{"block":[]}')
  t.end()
})

t.test('blocks belong to the node, or to the whole cluster when they are for load balancers, or to nobody', (t) => {
  const cases: [node: string | undefined, use: AssignRequest['use'], affinity: string | null][] = [
    ['node1', undefined, 'host:node1'],
    ['node1', 'Workload', 'host:node1'],
    ['node1', 'Tunnel', 'host:node1'],
    ['node1', 'LoadBalancer', 'virtual:load-balancer'],
    [undefined, 'LoadBalancer', 'virtual:load-balancer'],
    [undefined, 'Workload', null],
    [undefined, undefined, null],
  ]
  for (const [node, use, affinity] of cases) {
    for (const addresses of [[], ['10.0.0.0']]) {
      const world = new World()
      world.pool('a', '10.0.0.0/29', { blockSize: 29, allowedUses: ['Workload', 'Tunnel', 'LoadBalancer'] })
      t.strictSame(world.take({ node, use, addresses }), ['10.0.0.0'])
      t.equal(world.stored('10.0.0.0/29')?.affinity, affinity, `${node} ${use} ${addresses.join()}`)
    }
  }
  t.end()
})

t.test('freed addresses go to the end of the queue, whatever order they are released in', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/29', { blockSize: 29 })
  t.equal(world.take({ ipv4: 6 }).length, 6)
  world.give('10.0.0.4', '10.0.0.1')
  world.give('10.0.0.0')
  t.strictSame(world.take({ ipv4: 4 }), ['10.0.0.6', '10.0.0.7', '10.0.0.1', '10.0.0.4'])
  t.strictSame(world.take(), ['10.0.0.0'])
  t.end()
})

t.test('a refusal has pools, reservations and blocks read afresh, for a listing shows no deletions', (t) => {
  const world = new World()
  planAssign(world.view, requestOf(), world.context)
  for (const name of ['IP pools', 'reservations', 'blocks']) t.ok(world.view.reads.has(`index of ${name}`), name)
  t.end()
})

t.test('planning twice gives the same plan', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/16')
  const texts = [1, 2].map(() =>
    planAssign(world.view, requestOf({ node: 'node1', ipv4: 100 }), world.context).writes.map((write) =>
      write.kind === 'put' ? write.encode() : write.key.text,
    ),
  )
  t.strictSame(texts[0], texts[1])
  t.equal(texts[0]?.length, 5)
  t.end()
})
