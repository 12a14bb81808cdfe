import t from 'tap'
import { blockKey, newBlock } from '../../../src/model/index.ts'
import { blockAt, mustParseCidr, prefixLength } from '../../../src/net/index.ts'
import { causesOf, putPool, startServer } from '../server-in-memory.ts'

t.test('how much of each pool is used is told in decimals, to the last digit', async (t) => {
  const { call, store } = startServer(t)
  putPool(store, 'vast', 'fd01::/48', 122)
  await call('POST', '/ipam/v1/assign', { node: 'node-1', ipv4: 3, ipv6: 1, pools: ['blue', 'vast'] })
  const { status, body } = await call('GET', '/ipam/v1/utilization')
  t.equal(status, 200)
  t.strictSame(body['pools'], [
    {
      pool: 'blue',
      cidr: '10.1.0.0/24',
      blockSize: 26,
      isAllocatable: true,
      blocks: '4',
      blocksInUse: '1',
      capacity: '256',
      inUse: '3',
      cooling: '0',
      reserved: '0',
      available: '253',
      percentInUse: 1.171875,
    },
    {
      pool: 'green',
      cidr: 'fd00::/120',
      blockSize: 124,
      isAllocatable: true,
      blocks: '16',
      blocksInUse: '0',
      capacity: '256',
      inUse: '0',
      cooling: '0',
      reserved: '0',
      available: '256',
      percentInUse: 0,
    },
    {
      pool: 'vast',
      cidr: 'fd01::/48',
      blockSize: 122,
      isAllocatable: true,
      blocks: '18889465931478580854784',
      blocksInUse: '1',
      capacity: '1208925819614629174706176',
      inUse: '1',
      cooling: '0',
      reserved: '0',
      available: '1208925819614629174706175',
      percentInUse: 100 / 2 ** 80,
    },
  ])
  t.strictSame([body['unreadablePools'], body['orphaned'], body['blocks']], [[], [], []])
})

t.test('pools are asked for by name or CIDR, several times over, with their blocks', async (t) => {
  const { call } = startServer(t)
  await call('POST', '/ipam/v1/assign', { node: 'node-1', ipv4: 1, ipv6: 1 })
  const { body } = await call('GET', '/ipam/v1/utilization?pools=green&pools=10.1.0.0/24&blocks=true')
  t.match(body, { pools: [{ pool: 'green' }, { pool: 'blue' }], blocks: [{ pool: 'green' }, { pool: 'blue' }] })
  t.strictSame((await call('GET', '/ipam/v1/utilization?pools=green&blocks=true')).body['blocks'], [
    (body['blocks'] as readonly unknown[])[0],
  ])
  const unknown = await call('GET', '/ipam/v1/utilization?pools=red')
  t.match(unknown, { status: 422, body: { reason: 'Invalid' } })
  t.strictSame(causesOf(unknown), [['pools', 'FieldValueInvalid']])
})

t.test('blocks are listed page by page with who they belong to', async (t) => {
  const { call, store } = startServer(t)
  await call('POST', '/ipam/v1/assign', { node: 'node-1', addresses: ['10.1.0.1', '10.1.0.70', 'fd00::1'] })
  await call('POST', '/ipam/v1/assign', { addresses: ['10.1.0.200'] })
  store.view.putText('/calico/ipam/v2/assignment/ipv4/block/10.1.0.128-26', '{')
  store.blocks.changed('/calico/ipam/v2/assignment/ipv4/block/10.1.0.128-26', { kind: 'unreadable' })
  const all: unknown[] = []
  let path = '/ipam/v1/blocks?limit=2'
  for (let pages = 0; pages < 5; pages++) {
    const { body } = await call('GET', path)
    all.push(...(body['blocks'] as readonly unknown[]))
    const { continue: token } = body
    if (typeof token !== 'string') break
    path = `/ipam/v1/blocks?limit=2&continue=${token}`
  }
  t.match(all, [
    { block: '10.1.0.0/26', affinity: 'host:node-1', node: 'node-1', claimedAt: '2026-11-16T06:59:05Z', inUse: '1' },
    { block: '10.1.0.64/26', node: 'node-1', isReadable: true },
    { block: '10.1.0.128/26', node: null, isReadable: false, inUse: '64', available: '0' },
    { block: '10.1.0.192/26', affinity: null, node: null, claimedAt: null },
    { block: 'fd00::/124', pool: 'green' },
  ])
  const ofNode = await call('GET', '/ipam/v1/blocks?node=node-1&pool=blue')
  t.match(ofNode.body, { blocks: [{ block: '10.1.0.0/26' }, { block: '10.1.0.64/26' }], continue: null })
  t.match((await call('GET', '/ipam/v1/blocks?orphaned=true')).body, { blocks: [], continue: null })
})

t.test('a block of a virtual owner belongs to no node', async (t) => {
  const { call, store } = startServer(t)
  putPool(store, 'lb', '10.2.0.0/28', 30, { allowedUses: ['LoadBalancer'] })
  await call('POST', '/ipam/v1/assign', { use: 'LoadBalancer', pools: ['lb'] })
  t.match((await call('GET', '/ipam/v1/blocks?pool=lb')).body, {
    blocks: [{ affinity: 'virtual:load-balancer', node: null }],
  })
})

t.test('a token of somebody else, and a parameter that is none, are refused', async (t) => {
  const { call } = startServer(t)
  for (const query of ['continue=x', 'limit=0', 'limit=1001', 'node=A_B']) {
    t.match(await call('GET', `/ipam/v1/blocks?${query}`), { status: 422, body: { reason: 'Invalid' } }, query)
  }
  for (const query of ['poool=blue', 'orphaned=perhaps', 'limit=few']) {
    t.match(await call('GET', `/ipam/v1/blocks?${query}`), { status: 400, body: { reason: 'BadRequest' } }, query)
  }
  t.match(await call('GET', '/ipam/v1/utilization?blocks=maybe'), { status: 400 })
})

t.test('more blocks than one answer holds are refused, and the way to them is told', async (t) => {
  const { call, store } = startServer(t)
  putPool(store, 'many', '10.64.0.0/14', 32)
  const size = prefixLength(4, 32)
  for (let number = 0n; size !== undefined && number <= 10_000n; number++) {
    const block = newBlock(blockAt(mustParseCidr('10.64.0.0/14'), size, number), null, { nanoseconds: 1n })
    store.blocks.changed(blockKey(block.cidr).text, { kind: 'value', value: block })
  }
  t.match(await call('GET', '/ipam/v1/utilization?blocks=true'), {
    status: 413,
    body: { reason: 'RequestEntityTooLarge', message: /GET \/ipam\/v1\/blocks/ },
  })
  t.match((await call('GET', '/ipam/v1/utilization?pools=many')).body, { pools: [{ blocksInUse: '10001' }] })
})
