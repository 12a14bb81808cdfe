import t from 'tap'
import type { Test } from 'tap'
import type { Answer } from '../support/http-client.ts'
import { createPool, poolsPath, refusalIn, startIppoold } from '../support/ippoold.ts'
import { disagreements, readStoredState } from '../support/stored.ts'

const { call, callOther, etcd, keys, servers } = await startIppoold(t, { servers: 2 })

interface Allocation {
  readonly address: string
  readonly block: string
  readonly pool: string
  readonly node: string | null
  readonly handle: string
  readonly sequenceNumber: string
  readonly attributes: Readonly<Record<string, string>>
}

const assign = (wish: object): Promise<Answer> => call('POST', '/ipam/v1/assign', wish)
const release = (...addresses: readonly (string | object)[]): Promise<Answer> =>
  callOther('POST', '/ipam/v1/release', { addresses })

function allocationsIn({ body }: Answer): readonly Allocation[] {
  return (body['addresses'] ?? []) as readonly Allocation[]
}

function addressesIn(answer: Answer): readonly string[] {
  return allocationsIn(answer).map(({ address }) => address)
}

/** The causes of a refusal: `pool reason`, or `field reason`. */
function reasonsIn({ body }: Answer): readonly string[] {
  const { causes = [] } = (body['details'] ?? {}) as { causes?: readonly { field: string; reason: string }[] }
  return causes.map(({ field, reason }) => `${field} ${reason}`)
}

/** Does something that must leave etcd exactly as it is. */
async function changesNothing<Outcome>(t: Test, action: () => Promise<Outcome>): Promise<Outcome> {
  const before = { revision: await keys.revision(), stored: await keys.dump('/') }
  const outcome = await action()
  t.strictSame({ revision: await keys.revision(), stored: await keys.dump('/') }, before, 'nothing is written')
  return outcome
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
  const refused = await changesNothing(t, () => assign({ node: 'n', ipv4: 2 }))
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
  const strict = await changesNothing(t, () => assign({ node: 'n1', pools }))
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

  const taken = await changesNothing(t, () =>
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

  const nowhere = await changesNothing(t, () =>
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
  t.match(refusalIn(await changesNothing(t, () => assign({ pools: ['few'], ipv4: 5 }))), { status: 409 })
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
  const refused = await changesNothing(t, () => assign({ handle: 'dual-2', node: 'n1', pools, ipv4: 1, ipv6: 1 }))
  t.match(refusalIn(refused), { status: 409, reason: 'InsufficientAddresses', fields: ['pools[dual-6]'] })
  t.strictSame((await call('GET', '/ipam/v1/handles/dual')).body['addresses'], allocationsIn(given))
  t.match((await call('DELETE', '/ipam/v1/handles/dual')).body, {
    released: addressesIn(given),
    unallocated: [],
    failed: [],
  })
})

t.test('a release answers for each address', async (t) => {
  await createPool(call, 'back', { cidr: '10.98.0.0/24' })
  const given = await assign({ handle: 'b', pools: ['back'], ipv4: 5 })
  const [a, b, c, d, e] = allocationsIn(given)
  if (!a || !b || !c || !d || !e) throw new Error('there are not five addresses')
  const wrong = String(BigInt(b.sequenceNumber) + 1n)
  const released = await release(
    a.address,
    { address: b.address, sequenceNumber: wrong },
    { address: c.address, handle: 'somebody' },
    { address: d.address, handle: 'b', sequenceNumber: d.sequenceNumber },
    '10.98.0.250',
    '192.0.2.7',
  )
  t.equal(released.status, 200)
  t.match(released.body, {
    released: [a.address, d.address],
    unallocated: ['10.98.0.250', '192.0.2.7'],
    failed: [
      { address: b.address, reason: 'SequenceNumberMismatch' },
      { address: c.address, reason: 'HandleMismatch' },
    ],
  })
  t.strictSame(
    ((await call('GET', '/ipam/v1/handles/b')).body['addresses'] as Allocation[]).map(({ address }) => address),
    [b.address, c.address, e.address],
  )

  // Sent again: without a number nobody holds it any more; with one, it is not that assignment any more.
  t.match((await changesNothing(t, () => release(a.address))).body, {
    released: [],
    unallocated: [a.address],
    failed: [],
  })
  const again = await release({ address: d.address, handle: 'b', sequenceNumber: d.sequenceNumber })
  t.match(again.body, { released: [], failed: [{ address: d.address, reason: 'SequenceNumberMismatch' }] })

  // Given to somebody else in the meantime, it is not taken from them.
  const other = await assign({ handle: 'other', addresses: [d.address] })
  t.equal(other.status, 201)
  const late = await release(
    { address: d.address, sequenceNumber: d.sequenceNumber },
    { address: a.address, handle: 'b' },
  )
  t.match(late.body, { released: [], unallocated: [a.address], failed: [{ address: d.address }] })
  t.match((await call('GET', `/ipam/v1/addresses/${d.address}`)).body, { handle: 'other' })
})

t.test('everything of a handle is released, across blocks and families', async (t) => {
  await createPool(call, 'all-4', { cidr: '10.99.0.0/24', blockSize: 30 })
  await createPool(call, 'all-6', { cidr: 'fd00:99::/64' })
  const pools = ['all-4', 'all-6']
  const held = ['n1', 'n2', 'n3'].map((node) => assign({ handle: 'all', node, pools, ipv4: 3, ipv6: 1 }))
  const addresses = (await Promise.all(held)).flatMap(addressesIn)
  t.equal(new Set(addresses).size, 12)
  t.equal(allocationsIn(await callOther('GET', '/ipam/v1/handles/all')).length, 12)
  const released = await callOther('DELETE', '/ipam/v1/handles/all')
  t.equal(released.status, 200)
  t.strictSame([...(released.body['released'] as string[])].sort(), [...addresses].sort())
  for (const method of ['GET', 'DELETE'] as const)
    t.match(refusalIn(await call(method, '/ipam/v1/handles/all')), { status: 404, reason: 'NotFound' })
  t.match(refusalIn(await call('POST', '/ipam/v1/release', { handle: 'all' })), { status: 404, reason: 'NotFound' })
})

t.test('a dry run answers what would happen, and writes nothing', async (t) => {
  await createPool(call, 'dry', { cidr: '10.100.0.0/24' })
  const held = addressesIn(await assign({ handle: 'dry', node: 'n1', pools: ['dry'], ipv4: 2 }))
  await changesNothing(t, async () => {
    const tried = await call('POST', '/ipam/v1/assign?dryRun=All', {
      handle: 'dry-2',
      node: 'n2',
      pools: ['dry'],
      ipv4: 3,
    })
    t.equal(tried.status, 201)
    t.equal(allocationsIn(tried).length, 3)
    t.notOk(addressesIn(tried).some((address) => held.includes(address)))
    t.match(refusalIn(await call('GET', '/ipam/v1/handles/dry-2')), { status: 404 })
    t.match(refusalIn(await call('POST', '/ipam/v1/assign?dryRun=All', { addresses: held })), {
      status: 409,
      reason: 'AddressInUse',
    })
    t.match((await call('POST', '/ipam/v1/release?dryRun=All', { addresses: held })).body, { released: held })
    t.match((await call('DELETE', '/ipam/v1/handles/dry?dryRun=All')).body, { released: held })
    t.match(refusalIn(await call('POST', '/ipam/v1/assign?dryRun=Some', {})), { status: 400, fields: ['dryRun'] })
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

t.test('a thousand addresses in one call, and back', async (t) => {
  await createPool(call, 'large-4', { cidr: '10.101.0.0/20' })
  await createPool(call, 'large-6', { cidr: 'fd00:101::/64' })
  const pools = ['large-4', 'large-6']
  const given = await assign({ handle: 'thousand', node: 'n1', pools, ipv4: 1_000 })
  t.equal(given.status, 201)
  const addresses = addressesIn(given)
  t.equal(new Set(addresses).size, 1_000)
  t.equal(allocationsIn(await callOther('GET', '/ipam/v1/handles/thousand')).length, 1_000)
  const released = await release(
    ...allocationsIn(given).map(({ address, sequenceNumber }) => ({ address, handle: 'thousand', sequenceNumber })),
  )
  t.equal((released.body['released'] as string[]).length, 1_000)
  t.match(refusalIn(await call('GET', '/ipam/v1/handles/thousand')), { status: 404 })

  const both = await assign({ handle: 'thousands', pools, ipv4: 1_024, ipv6: 1_024 })
  t.equal(both.status, 201)
  t.equal(new Set(addressesIn(both)).size, 2_048)
  t.equal(((await call('DELETE', '/ipam/v1/handles/thousands')).body['released'] as string[]).length, 2_048)
  t.match(refusalIn(await assign({ pools, ipv4: 1_025 })), { status: 422, fields: ['ipv4'] })
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

t.test('a call that is repeated under its key takes effect once, on whatever server', async (t) => {
  await createPool(call, 'once', { cidr: '10.104.0.0/24' })
  const wish = { handle: 'once', pools: ['once'], ipv4: 2 }
  const key = { 'idempotency-key': 'key-1' }
  const answers = await Promise.all([
    ...Array.from({ length: 8 }, (_, index) => servers[index % 2]).map((server) =>
      post(server, '/ipam/v1/assign', wish, key),
    ),
  ])
  t.strictSame(
    answers.map(({ status }) => status),
    answers.map(() => 201),
  )
  const [first] = answers
  for (const { body } of answers) t.strictSame(body, first?.body)
  t.equal(allocationsIn(await call('GET', '/ipam/v1/handles/once')).length, 2)
  const again = await changesNothing(t, () => post(servers[1], '/ipam/v1/assign', wish, key))
  t.strictSame(again.body, first?.body)
  const other = await changesNothing(t, () => post(servers[0], '/ipam/v1/assign', { ...wish, ipv4: 3 }, key))
  t.match(refusalIn(other), { status: 422, reason: 'IdempotencyKeyReused' })

  // A refusal is not kept: the same call may succeed later.
  const released = { addresses: addressesIn({ ...again }) }
  const early = { 'idempotency-key': 'key-2' }
  const wide = { handle: 'wide', pools: ['once'], ipv4: 255 }
  t.equal((await post(servers[0], '/ipam/v1/assign', wide, early)).status, 409)
  const back = { 'idempotency-key': 'key-3' }
  const [one, two] = [
    await post(servers[0], '/ipam/v1/release', released, back),
    await post(servers[1], '/ipam/v1/release', released, back),
  ]
  t.strictSame(one.body, { released: released.addresses, unallocated: [], failed: [] })
  t.strictSame(two.body, one.body, 'not "unallocated"')
  t.equal((await post(servers[0], '/ipam/v1/assign', wide, early)).status, 201)
})

t.test('what an owner is to hold may be said again and again', async (t) => {
  await createPool(call, 'ensured', { cidr: '10.105.0.0/24' })
  const wish = { pools: ['ensured'], ipv4: 2, node: 'n1' }
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      (index % 2 === 0 ? call : callOther)('PUT', '/ipam/v1/handles/ensured', wish),
    ),
  )
  t.strictSame(answers.map(({ status }) => status).sort(), [200, 200, 200, 200, 200, 200, 200, 201])
  for (const { body } of answers) t.strictSame(body, answers[0]?.body)
  const again = await changesNothing(t, () => call('PUT', '/ipam/v1/handles/ensured', wish))
  t.equal(again.status, 200)
  const more = await callOther('PUT', '/ipam/v1/handles/ensured', { ...wish, ipv4: 3 })
  t.equal(more.status, 201)
  t.equal(allocationsIn(more).length, 3)
  t.strictSame(
    addressesIn(again).filter((address) => !addressesIn(more).includes(address)),
    [],
    'nothing is released',
  )
  await release(addressesIn(more)[0] ?? '')
  t.equal((await call('PUT', '/ipam/v1/handles/ensured', { ...wish, ipv4: 3 })).status, 201)
  t.equal(allocationsIn(await call('GET', '/ipam/v1/handles/ensured')).length, 3)
})

/** Posts with headers of its own. */
async function post(
  server: { readonly url: string } | undefined,
  path: string,
  body: object,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const response = await fetch(`${server?.url ?? ''}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Answer['body'], headers: {} }
}

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
  await changesNothing(t, async () => {
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
  await changesNothing(t, async () => {
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
