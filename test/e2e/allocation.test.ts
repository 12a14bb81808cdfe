import t from 'tap'
import type { Answer } from '../support/http-client.ts'
import {
  addressesIn,
  allocationsIn,
  changesNothing,
  createPool,
  poolsPath,
  refusalIn,
  startIppoold,
} from '../support/ippoold.ts'
import { disagreements, readStoredState } from '../support/stored.ts'

const { call, callOther, etcd, keys } = await startIppoold(t, { servers: 2 })

const assign = (wish: object): Promise<Answer> => call('POST', '/ipam/v1/assign', wish)
const release = (...addresses: readonly (string | object)[]): Promise<Answer> =>
  callOther('POST', '/ipam/v1/release', { addresses })

/** The causes of a refusal: `pool reason`, or `field reason`. */
function reasonsIn({ body }: Answer): readonly string[] {
  const { causes = [] } = (body['details'] ?? {}) as { causes?: readonly { field: string; reason: string }[] }
  return causes.map(({ field, reason }) => `${field} ${reason}`)
}

t.test('out of addresses: the reason for each pool, and nothing is held', async (t) => {
  t.strictSame(reasonsIn(await assign({})), ['pools NoPool'])
  const pools = {
    disabled: { cidr: '10.90.0.0/24', disabled: true },
    elsewhere: { cidr: '10.90.1.0/24', nodeSelector: "zone == 'a'" },
    full: { cidr: '10.90.2.0/30', blockSize: 30 },
    manual: { cidr: '10.90.3.0/24', assignmentMode: 'Manual' },
    namespaced: { cidr: '10.90.4.0/24', namespaceSelector: "team == 'a'", allowedUses: ['Workload'] },
    tunnel: { cidr: '10.90.5.0/24', allowedUses: ['Tunnel'] },
    unselected: { cidr: '10.90.6.0/24', nodeSelector: '!all()' },
  }
  for (const [name, spec] of Object.entries(pools)) await createPool(call, name, spec)
  t.equal((await assign({ handle: 'filler', ipv4: 4 })).status, 201)
  const refused = await changesNothing(t, keys, () => assign({ node: 'n', ipv4: 2 }))
  t.match(refusalIn(refused), { status: 409, reason: 'InsufficientAddresses' })
  t.strictSame([...reasonsIn(refused)].sort(), [
    'pools[disabled] PoolDisabled',
    'pools[elsewhere] PoolNotForNode',
    'pools[full] PoolFull',
    'pools[manual] PoolNotAutomatic',
    'pools[namespaced] PoolNotForNamespace',
    'pools[tunnel] PoolNotForUse',
    'pools[unselected] PoolNotForNode',
  ])
  t.strictSame(reasonsIn(await assign({ pools: ['disabled'] })), ['pools[disabled] PoolDisabled'])
  t.match(refusalIn(await assign({ pools: ['no-such-pool'] })), { status: 422, fields: ['pools[0]'] })

  // Asked for by name or by CIDR, selectors and assignment mode do not count.
  t.match(allocationsIn(await assign({ handle: 'named', pools: ['unselected'] })), [{ pool: 'unselected' }])
  t.match(allocationsIn(await assign({ handle: 'named', pools: ['10.90.3.0/24'] })), [{ pool: 'manual' }])
  t.match(allocationsIn(await assign({ handle: 'named', use: 'Tunnel' })), [{ pool: 'tunnel' }])
  const namespace = { name: 'web', labels: { team: 'a' } }
  t.match(allocationsIn(await assign({ handle: 'named', namespace })), [{ pool: 'namespaced' }])
  for (const handle of ['filler', 'named']) t.equal((await call('DELETE', `/ipam/v1/handles/${handle}`)).status, 200)
  for (const name of Object.keys(pools)) t.equal((await call('DELETE', `${poolsPath}/${name}`)).status, 200)
})

t.test('an empty wish is for one IPv4 address and an owner with a name made up', async (t) => {
  await createPool(call, 'plain', { cidr: '10.91.0.0/24' })
  const given = await assign({})
  t.equal(given.status, 201)
  const handle = String(given.body['handle'])
  t.match(handle, /^[0-9a-f-]{36}$/)
  const [allocation] = allocationsIn(given)
  t.match(allocation, {
    block: /^10\.91\.0\.\d+\/26$/,
    pool: 'plain',
    node: null,
    handle,
    sequenceNumber: /^\d{19}$/,
    attributes: {},
  })
  t.strictSame((await callOther('GET', `/ipam/v1/addresses/${allocation?.address ?? ''}`)).body, allocation)
  t.strictSame((await callOther('GET', `/ipam/v1/handles/${handle}`)).body, given.body)
})

t.test('a node fills its block, and a released address goes to the end of the queue', async (t) => {
  await createPool(call, 'queue', { cidr: '10.92.0.0/28', blockSize: 30 })
  const wish = { node: 'n1', pools: ['queue'], attributes: { tenant: 'blue' } }
  const [first = ''] = addressesIn(await assign({ ...wish, handle: 'q1' }))
  const [second = ''] = addressesIn(await assign({ ...wish, handle: 'q2' }))
  t.match((await release(first)).body, { released: [first] })
  const rest = await assign({ ...wish, handle: 'q3', ipv4: 3 })
  t.equal(addressesIn(rest).at(-1), first, 'the address that was released comes last')
  t.equal(new Set(allocationsIn(rest).map(({ block }) => block)).size, 1)
  t.match(allocationsIn(rest)[0], { node: 'n1', attributes: { tenant: 'blue' } })
  const next = await assign({ ...wish, handle: 'q4' })
  t.not(allocationsIn(next)[0]?.block, allocationsIn(rest)[0]?.block, 'a full block is followed by another')
  t.ok(second)
  const { blocks, claims } = await readStoredState(etcd.endpoint)
  for (const { block } of [...allocationsIn(rest), ...allocationsIn(next)]) {
    t.equal(blocks.get(block)?.affinity, 'host:n1')
    t.equal(claims.get(block), 'n1')
  }
})

t.test('when no block is left a node borrows, unless its limit or strict affinity forbids it', async (t) => {
  await createPool(call, 'lent', { cidr: '10.93.0.0/29', blockSize: 30 })
  const pools = ['lent']
  t.equal((await assign({ node: 'n1', handle: 'l1', pools })).status, 201)
  t.equal((await assign({ node: 'n2', handle: 'l2', pools })).status, 201)
  const limited = await assign({ node: 'n1', handle: 'l3', pools, ipv4: 4, maxBlocksPerNode: 1 })
  t.strictSame(reasonsIn(limited), ['node BlockLimit', 'pools[lent] PoolFull'])
  const borrowed = await assign({ node: 'n1', handle: 'l3', pools, ipv4: 4 })
  t.equal(new Set(allocationsIn(borrowed).map(({ block }) => block)).size, 2)
  const { blocks } = await readStoredState(etcd.endpoint)
  const affinities = ['10.93.0.0/30', '10.93.0.4/30'].map((cidr) => blocks.get(cidr)?.affinity)
  t.strictSame(affinities.sort(), ['host:n1', 'host:n2'], 'borrowing changes no affinity')

  await keys.put('/calico/ipam/v2/config', '{"strict_affinity":true,"auto_allocate_blocks":true}')
  const strict = await changesNothing(t, keys, () => assign({ node: 'n1', pools }))
  t.strictSame(reasonsIn(strict), ['node StrictAffinity', 'pools[lent] PoolFull'])
  t.match(reasonsIn(await assign({ pools })), ['node StrictAffinity'])
  t.equal((await assign({ node: 'n2', handle: 'l4', pools })).status, 201, 'its own block still has one')
  await keys.delete('/calico/ipam/v2/config')
})

t.test('named addresses are given all or none', async (t) => {
  await createPool(call, 'named', {
    cidr: '10.94.0.0/24',
    nodeSelector: '!all()',
    assignmentMode: 'Manual',
    allowedUses: ['Workload'],
  })
  await createPool(call, 'off', { cidr: '10.94.1.0/24', disabled: true })
  const given = await assign({ handle: 'n', node: 'n1', addresses: ['10.94.0.200', '10.94.0.7'] })
  t.equal(given.status, 201)
  t.strictSame(addressesIn(given), ['10.94.0.200', '10.94.0.7'], 'in the order asked for, whatever selectors say')

  const taken = await changesNothing(t, keys, () =>
    assign({ handle: 'm', addresses: ['10.94.0.8', '10.94.0.7', '10.94.0.200'] }),
  )
  t.strictSame(refusalIn(taken), { status: 409, reason: 'AddressInUse', fields: ['addresses[1]', 'addresses[2]'] })
  t.match(
    refusalIn(await assign({ handle: 'n', addresses: ['10.94.0.7'] })),
    { status: 409, reason: 'AddressInUse' },
    'also for its owner',
  )
  const partly = await assign({ handle: 'm', addresses: ['10.94.0.7', '10.94.0.9'], partial: true })
  t.strictSame(addressesIn(partly), ['10.94.0.9'])

  const nowhere = await changesNothing(t, keys, () =>
    assign({ addresses: ['10.94.0.10', '192.0.2.1', '10.94.1.1', 'fd0f::1'] }),
  )
  t.strictSame(refusalIn(nowhere), {
    status: 422,
    reason: 'Invalid',
    fields: ['addresses[1]', 'addresses[2]', 'addresses[3]'],
  })
  t.match(String((nowhere.body['details'] as { causes: { message: string }[] }).causes[1]?.message), 'pool off')
  t.match(refusalIn(await assign({ addresses: ['10.94.0.11'], use: 'Tunnel' })), {
    status: 422,
    fields: ['addresses[0]'],
  })
  t.equal((await assign({ handle: 'm', addresses: ['10.94.0.11'], use: 'Workload' })).status, 201)
})

t.test('a reserved address is given only by name', async (t) => {
  const reservation = {
    kind: 'IPReservation',
    apiVersion: 'projectcalico.org/v3',
    metadata: { name: 'r' },
    spec: { reservedCIDRs: ['10.95.0.0/31', '10.95.0.2'] },
  }
  const key = '/calico/resources/v3/projectcalico.org/ipreservations/r'
  await keys.put(key, JSON.stringify(reservation))
  await createPool(call, 'reserved', { cidr: '10.95.0.0/30', blockSize: 30 })
  t.strictSame(addressesIn(await assign({ handle: 'r', pools: ['reserved'] })), ['10.95.0.3'])
  t.match(refusalIn(await assign({ pools: ['reserved'] })), { status: 409, reason: 'InsufficientAddresses' })
  t.equal((await assign({ handle: 'r', addresses: ['10.95.0.1'] })).status, 201)
  await keys.delete(key)
  t.strictSame(addressesIn(await assign({ handle: 'r', pools: ['reserved'], ipv4: 2 })), ['10.95.0.0', '10.95.0.2'])
})

t.test('partial: fewer than asked for are fine, none are not', async (t) => {
  await createPool(call, 'few', { cidr: '10.96.0.0/30', blockSize: 30 })
  t.match(refusalIn(await changesNothing(t, keys, () => assign({ pools: ['few'], ipv4: 5 }))), { status: 409 })
  const given = await assign({ handle: 'few', pools: ['few'], ipv4: 5, partial: true })
  t.equal(given.status, 201)
  t.equal(allocationsIn(given).length, 4)
  const none = await assign({ pools: ['few'], ipv4: 5, partial: true })
  t.match(refusalIn(none), { status: 409, reason: 'InsufficientAddresses' })
})

t.test('both families are given in one step, or neither', async (t) => {
  await createPool(call, 'dual-4', { cidr: '10.97.0.0/24' })
  await createPool(call, 'dual-6', { cidr: 'fd00:97::/127', blockSize: 127 })
  const pools = ['dual-4', 'dual-6']
  const before = await keys.revision()
  const given = await assign({ handle: 'dual', node: 'n1', pools, ipv4: 1, ipv6: 2 })
  t.equal(given.status, 201)
  t.equal(await keys.revision(), before + 1n, 'by one transaction')
  t.match(allocationsIn(given), [{ pool: 'dual-4' }, { address: 'fd00:97::' }, { address: 'fd00:97::1' }])
  const refused = await changesNothing(t, keys, () => assign({ handle: 'dual-2', node: 'n1', pools, ipv4: 1, ipv6: 1 }))
  t.match(refusalIn(refused), { status: 409, reason: 'InsufficientAddresses', fields: ['pools[dual-6]'] })
  t.strictSame((await call('GET', '/ipam/v1/handles/dual')).body['addresses'], allocationsIn(given))
  t.match((await call('DELETE', '/ipam/v1/handles/dual')).body, {
    released: addressesIn(given),
    unallocated: [],
    failed: [],
  })
})

t.test('an IPv6 pool of 2^64 addresses', async (t) => {
  await createPool(call, 'vast', { cidr: 'fd00:6::/64' })
  const given = await assign({ handle: 'six', node: 'n1', pools: ['vast'], ipv6: 70 })
  t.equal(given.status, 201)
  t.equal(new Set(addressesIn(given)).size, 70)
  t.equal(new Set(allocationsIn(given).map(({ block }) => block)).size, 2, 'in blocks of 64')
  const named = await assign({ handle: 'six', addresses: ['FD00:6:0:0:FFFF:FFFF:FFFF:FFFF', 'fd00:6::0:1'] })
  t.strictSame(addressesIn(named), ['fd00:6::ffff:ffff:ffff:ffff', 'fd00:6::1'])
  t.match((await call('GET', '/ipam/v1/addresses/fd00:6:0:0:ffff:ffff:ffff:ffff')).body, {
    block: 'fd00:6::ffff:ffff:ffff:ffc0/122',
    handle: 'six',
  })
  t.not(await keys.get('/calico/ipam/v2/assignment/ipv6/block/fd00:6::ffff:ffff:ffff:ffc0-122'), undefined)
  t.match((await release('FD00:6::1')).body, { released: ['fd00:6::1'] })
})

t.test('an address for a load balancer comes from a block of the whole cluster', async (t) => {
  await createPool(call, 'lb', { cidr: '10.102.0.0/24', allowedUses: ['LoadBalancer'] })
  const given = await assign({ handle: 'lb', use: 'LoadBalancer' })
  t.match(allocationsIn(given), [{ pool: 'lb' }])
  const dashed = allocationsIn(given)[0]?.block.replace('/', '-') ?? ''
  t.equal(
    (await keys.get(`/calico/ipam/v2/virtual/load-balancer/ipv4/block/${dashed}`))?.text,
    '{"state":"confirmed","deleted":false}',
  )
  t.match(
    (await keys.get(`/calico/ipam/v2/assignment/ipv4/block/${dashed}`))?.text,
    '"affinity":"virtual:load-balancer"',
  )
})

/** Bodies of an assign that are refused, each beside its reason and fields. */
const wrongWishes: readonly (readonly [body: object, status: number, reason: string, fields: readonly string[]])[] = [
  [{ handel: 'a' }, 400, 'BadRequest', ['handel']],
  [{ ipv4: '1' }, 400, 'BadRequest', ['ipv4']],
  [{ ipv4: 1.5 }, 400, 'BadRequest', ['ipv4']],
  [
    { handle: 'a/b', node: 'Node_1', ipv4: -1, maxBlocksPerNode: -1 },
    422,
    'Invalid',
    ['handle', 'ipv4', 'maxBlocksPerNode', 'node'],
  ],
  [{ ipv4: 0 }, 422, 'Invalid', ['ipv4']],
  [{ ipv4: 1, addresses: ['10.91.0.1'] }, 422, 'Invalid', ['addresses']],
  [{ addresses: [] }, 422, 'Invalid', ['addresses']],
  [
    { addresses: ['10.91.0.01', '::ffff:10.91.0.1', '10.91.0.1', '10.91.0.1'] },
    422,
    'Invalid',
    ['addresses[0]', 'addresses[1]', 'addresses[3]'],
  ],
  [{ use: 'Fun', attributes: { node: 'b' }, node: 'a' }, 422, 'Invalid', ['attributes.node', 'use']],
]

t.test('a wish that cannot be meant is refused, naming every field', async (t) => {
  await changesNothing(t, keys, async () => {
    for (const [body, status, reason, fields] of wrongWishes) {
      const refused = refusalIn(await assign(body))
      t.strictSame({ ...refused, fields: [...refused.fields].sort() }, { status, reason, fields }, JSON.stringify(body))
    }
  })
})

t.test('while a migration has locked the cluster, nothing is changed', async (t) => {
  await createPool(call, 'locked', { cidr: '10.103.0.0/24' })
  t.equal((await assign({ handle: 'locked', pools: ['locked'] })).status, 201)
  const key = '/calico/resources/v3/projectcalico.org/clusterinformations/default'
  await keys.put(
    key,
    '{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"datastoreReady":false}}',
  )
  await changesNothing(t, keys, async () => {
    t.match(refusalIn(await assign({ pools: ['locked'] })), { status: 503, reason: 'ServiceUnavailable' })
    t.match(refusalIn(await call('DELETE', '/ipam/v1/handles/locked')), { status: 503, reason: 'ServiceUnavailable' })
    t.equal((await call('GET', '/ipam/v1/handles/locked')).status, 200)
  })
  await keys.delete(key)
  t.equal((await assign({ handle: 'locked', pools: ['locked'] })).status, 201)
})

t.test('after all this, blocks, handles and affinities agree', async (t) => {
  const { claims, ...state } = await readStoredState(etcd.endpoint)
  // The claim of a load balancer is not a host's.
  const others = disagreements({ ...state, claims }).filter((text) => !text.includes('virtual:load-balancer'))
  t.strictSame(others, [])
})
