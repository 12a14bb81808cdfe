import t from 'tap'
import type { Answer } from '../support/http-client.ts'
import {
  type Allocation,
  addressesIn,
  allocationsIn,
  changesNothing,
  createPool,
  refusalIn,
  startIppoold,
} from '../support/ippoold.ts'
import { disagreements, readStoredState } from '../support/stored.ts'

const { call, callOther, etcd, keys } = await startIppoold(t, { servers: 2 })

const assign = (wish: object): Promise<Answer> => call('POST', '/ipam/v1/assign', wish)
const release = (...addresses: readonly (string | object)[]): Promise<Answer> =>
  callOther('POST', '/ipam/v1/release', { addresses })

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

  // Sent again: without a number the address is unallocated; with one, that assignment does not exist now.
  t.match((await changesNothing(t, keys, () => release(a.address))).body, {
    released: [],
    unallocated: [a.address],
    failed: [],
  })
  const again = await release({ address: d.address, handle: 'b', sequenceNumber: d.sequenceNumber })
  t.match(refusalIn(again), { status: 409, reason: 'Conflict', fields: ['addresses[0].sequenceNumber'] })

  // If it was assigned to another handle meanwhile, that handle keeps it.
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
  await changesNothing(t, keys, async () => {
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
    t.match(refusalIn(await call('POST', '/ipam/v1/assign?dryRun=Some', {})), { status: 422, fields: ['dryRun'] })
  })
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

t.test('after all this, blocks, handles and affinities agree', async (t) => {
  const { claims, ...state } = await readStoredState(etcd.endpoint)
  // The claim of a load balancer is not a host's.
  const others = disagreements({ ...state, claims }).filter((text) => !text.includes('virtual:load-balancer'))
  t.strictSame(others, [])
})

t.test('an owner in more blocks than one transaction takes is read, tried and released', async (t) => {
  await createPool(call, 'tiny', { cidr: '10.120.0.0/24', blockSize: 32 })
  const given: string[] = []
  for (let n = 0; n < 3; n++)
    given.push(...addressesIn(await assign({ handle: 'widespread', pools: ['tiny'], ipv4: 60 })))
  const held = await callOther('GET', '/ipam/v1/handles/widespread')
  t.equal(held.status, 200)
  t.strictSame(new Set(addressesIn(held)), new Set(given))
  const tried = await changesNothing(t, keys, () => call('DELETE', '/ipam/v1/handles/widespread?dryRun=All'))
  t.equal(tried.status, 200)
  t.strictSame(new Set(tried.body['released'] as string[]), new Set(given))
  t.match(await call('DELETE', '/ipam/v1/handles/widespread'), {
    status: 200,
    body: { released: tried.body['released'] },
  })
  t.match(await call('GET', '/ipam/v1/handles/widespread'), { status: 404 })
})
