import t from 'tap'
import { DatastoreUnavailable, type PageOptions, RevisionCompacted } from '../../../../src/datastore/index.ts'
import { causesOf, putPool, type ServerInMemory, startServer } from '../../server-in-memory.ts'

interface Listed {
  readonly address: string
}

/** Every address of a list, page by page, with the number of pages. */
async function listAll(call: ServerInMemory['call'], query: string): Promise<[readonly string[], number]> {
  const addresses: string[] = []
  let path = `/ipam/v1/addresses?${query}`
  for (let pages = 1; ; pages++) {
    const { status, body } = await call('GET', path)
    if (status !== 200) throw new Error(JSON.stringify(body))
    addresses.push(...(body['addresses'] as readonly Listed[]).map(({ address }) => address))
    const { continue: token } = body
    if (typeof token !== 'string') return [addresses, pages]
    path = `/ipam/v1/addresses?${query}&continue=${token}`
  }
}

/** `vm-1` holds two addresses for node-1, `vm-2` three without a node; a pool that contains another block comes last by name. */
async function startUsed(t: Tap) {
  const server = startServer(t)
  putPool(server.store, 'yellow', '10.2.0.0/16', 26)
  const assign = (wish: object) => server.call('POST', '/ipam/v1/assign', wish)
  const attributes = { tenant: 'blue', note: 'a=b' }
  await assign({ handle: 'vm-1', node: 'node-1', addresses: ['10.1.0.1', 'fd00::1'], attributes })
  await assign({ handle: 'vm-2', addresses: ['10.1.0.2', '10.1.0.3', '10.2.3.4'], attributes: { tenant: 'red' } })
  return server
}

type Tap = Parameters<typeof startServer>[0]

t.test('every address is listed as it is answered alone, with the revision', async (t) => {
  const { call } = await startUsed(t)
  const { status, body } = await call('GET', '/ipam/v1/addresses')
  t.equal(status, 200)
  const addresses = body['addresses'] as readonly Listed[]
  for (const listed of addresses) t.strictSame((await call('GET', `/ipam/v1/addresses/${listed.address}`)).body, listed)
  t.match(body, { unreadableBlocks: [], total: 5, revision: /^[0-9]+$/, continue: null })
  t.strictSame(
    addresses.map(({ address }) => address),
    ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.2.3.4', 'fd00::1'],
  )
})

t.test('filters select what fulfils them all', async (t) => {
  const { call } = await startUsed(t)
  const cases: [query: string, want: readonly string[]][] = [
    ['handle=vm-1', ['10.1.0.1', 'fd00::1']],
    ['handle=vm-2', ['10.1.0.2', '10.1.0.3', '10.2.3.4']],
    ['handle=vm-2&pool=yellow', ['10.2.3.4']],
    ['handle=vm', []],
    ['handle=vm-3', []],
    ['node=node-1', ['10.1.0.1', 'fd00::1']],
    ['pool=blue', ['10.1.0.1', '10.1.0.2', '10.1.0.3']],
    ['pool=10.2.0.0/16', ['10.2.3.4']],
    ['pool=green&node=node-1', ['fd00::1']],
    ['attribute=tenant=blue', ['10.1.0.1', 'fd00::1']],
    ['attribute=tenant=red&pool=blue', ['10.1.0.2', '10.1.0.3']],
    ['attribute=note=a%3Db&attribute=tenant=blue', ['10.1.0.1', 'fd00::1']],
    ['attribute=note=a', []],
    ['attribute=note', ['10.1.0.1', 'fd00::1']],
    ['attribute=tenant', ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.2.3.4', 'fd00::1']],
    ['attribute=none', []],
    ['cidr=10.1.0.2/31', ['10.1.0.2', '10.1.0.3']],
    ['cidr=10.2.3.4/32', ['10.2.3.4']],
    ['cidr=10.0.0.0/8', ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.2.3.4']],
    ['cidr=10.0.0.0/8&pool=blue', ['10.1.0.1', '10.1.0.2', '10.1.0.3']],
    ['cidr=10.1.0.2/31&pool=yellow', []],
    ['cidr=fd00::/64', ['fd00::1']],
    ['q=VM-2', ['10.1.0.2', '10.1.0.3', '10.2.3.4']],
    ['q=3.4', ['10.2.3.4']],
    ['q=BLUE', ['10.1.0.1', 'fd00::1']],
    ['q=node-1&cidr=10.0.0.0/8', ['10.1.0.1']],
    ['q=tenant', []],
    ['attribute=tenant=', []],
  ]
  for (const [query, want] of cases) {
    t.strictSame((await listAll(call, query))[0], want, query)
    t.strictSame((await listAll(call, `${query}&limit=1`))[0], want, `${query}, one by one`)
  }
})

t.test('a page ends in the middle of a block, and the next one goes on there', async (t) => {
  const { call } = startServer(t)
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', ipv4: 200 })
  const [all] = await listAll(call, 'limit=1000')
  t.equal(all.length, 200)
  for (const [limit, pages] of [
    [1, 200],
    [7, 29],
    [64, 4],
    [200, 1],
  ] as const) {
    t.strictSame(await listAll(call, `limit=${limit}`), [all, pages], `${limit} to a page`)
  }
})

t.test('every page tells how many addresses there are, unless the blocks must be read to know', async (t) => {
  const { call, store } = await startUsed(t)
  store.view.putText('/calico/ipam/v2/assignment/ipv4/block/10.1.0.64-26', '{')
  store.blocks.changed('/calico/ipam/v2/assignment/ipv4/block/10.1.0.64-26', { kind: 'unreadable' })
  const cases: [query: string, total: number | null][] = [
    ['limit=2', 5],
    ['pool=blue&limit=1', 3],
    ['pool=yellow', 1],
    ['cidr=10.0.0.0/8&limit=3', 4],
    ['cidr=10.1.0.2/31&limit=1', 2],
    ['cidr=10.1.0.64/26', 0],
    ['cidr=10.0.0.0/8&pool=blue', 3],
    ['handle=vm-1', null],
    ['node=node-1', null],
    ['attribute=tenant', null],
    ['q=vm', null],
  ]
  for (const [query, total] of cases) {
    const { body } = await call('GET', `/ipam/v1/addresses?${query}`)
    t.equal(body['total'], total, query)
    if (total !== null) t.equal((await listAll(call, query))[0].length, total, `${query}: as many as there are`)
    const { continue: token } = body
    if (typeof token !== 'string') continue
    t.equal((await call('GET', `/ipam/v1/addresses?${query}&continue=${token}`)).body['total'], total, 'and again')
  }
})

t.test('a range is found in a larger block, and in blocks of one address', async (t) => {
  const { call, store } = startServer(t)
  putPool(store, 'large', '10.64.0.0/16', 20)
  putPool(store, 'small', '10.65.0.0/16', 32)
  const addresses = ['10.64.20.7', '10.65.20.7', '10.65.20.8']
  t.equal((await call('POST', '/ipam/v1/assign', { handle: 'vm-1', addresses })).status, 201)
  t.strictSame(await listAll(call, 'cidr=10.64.20.0/24'), [['10.64.20.7'], 1])
  t.strictSame(await listAll(call, 'cidr=10.65.20.7/32'), [['10.65.20.7'], 1])
  t.strictSame(await listAll(call, 'cidr=10.65.20.0/28&limit=1'), [['10.65.20.7', '10.65.20.8'], 2])
})

t.test('a page that finds nothing ends after many blocks, and tells where to go on', async (t) => {
  const { call, store } = startServer(t)
  putPool(store, 'many', '10.64.0.0/14', 32)
  const text = (cidr: string, handle: string): string =>
    `{"cidr":"${cidr}","affinity":null,"allocations":[0],"unallocated":[],"attributes":[{"handle_id":"${handle}","secondary":{"node":"${handle}"}}],"sequenceNumber":1,"sequenceNumberForAllocation":{"0":1},"deleted":false}`
  for (let number = 0; number < 2_100; number++) {
    const cidr = `10.64.${number >> 8}.${number & 255}/32`
    const name = number === 2_099 ? 'rare' : 'common'
    store.view.putText(`/calico/ipam/v2/assignment/ipv4/block/${cidr.replace('/', '-')}`, text(cidr, name))
  }
  const first = await call('GET', '/ipam/v1/addresses?attribute=node=nobody')
  t.match(first.body, { addresses: [], continue: /./ })
  t.strictSame(await listAll(call, 'attribute=node=rare'), [['10.64.8.51'], 2])
})

t.test('a block that cannot be read is told of, unless it cannot have what is asked for', async (t) => {
  const { call, store } = await startUsed(t)
  for (const name of ['10.1.0.64-26', 'nonsense']) {
    const key = `/calico/ipam/v2/assignment/ipv4/block/${name}`
    store.view.putText(key, '{"vm-9"')
    store.blocks.changed(key, { kind: 'unreadable' })
  }
  const unreadable = async (query: string): Promise<unknown> =>
    (await call('GET', `/ipam/v1/addresses?${query}`)).body['unreadableBlocks']
  t.strictSame(await unreadable(''), ['10.1.0.64/26', 'ipv4/block/nonsense'])
  t.strictSame(await unreadable('node=vm-9'), ['10.1.0.64/26', 'ipv4/block/nonsense'])
  t.strictSame(await unreadable('pool=blue'), ['10.1.0.64/26'])
  t.strictSame(await unreadable('node=node-1'), [])
})

t.test('a handle is believed no more than its blocks; one that cannot be read is a conflict', async (t) => {
  const { call, store } = await startUsed(t)
  const counts = { nonsense: 1, '10.1.0.128/26': 2, '10.1.0.0/26': 1, 'fd00::/124': 7 }
  store.view.putText('/calico/ipam/v2/handle/vm-1', JSON.stringify({ block: counts, deleted: false }))
  t.strictSame((await listAll(call, 'handle=vm-1&limit=1'))[0], ['10.1.0.1', 'fd00::1'])
  store.view.putText('/calico/ipam/v2/handle/vm-1', '{')
  t.match(await call('GET', '/ipam/v1/addresses?handle=vm-1'), { status: 409, body: { reason: 'Conflict' } })
})

t.test('a pool that does not exist, and parameters that are none, are refused', async (t) => {
  const { call } = startServer(t)
  const unknown = await call('GET', '/ipam/v1/addresses?pool=red')
  t.match(unknown, { status: 422, body: { reason: 'Invalid' } })
  t.strictSame(causesOf(unknown), [['pool', 'FieldValueInvalid']])
  const noRange = await call('GET', '/ipam/v1/addresses?cidr=10.1.0')
  t.match(noRange, { status: 422, body: { reason: 'Invalid' } })
  t.strictSame(causesOf(noRange), [['cidr', 'FieldValueInvalid']])
  const token = (text: string): string => `continue=${Buffer.from(text).toString('base64url')}`
  const wrong = [
    'limit=0',
    'limit=1001',
    'attribute==blue',
    'handle=a%2Fb',
    'continue=x',
    token('0/ipv4/block/10.1.0.0-26/0'),
    token('7/ipv4/block/10.1.0.0-26'),
    token('7/ipv4/../10.1.0.0-26/1'),
  ]
  for (const query of wrong) {
    t.match(await call('GET', `/ipam/v1/addresses?${query}`), { status: 422, body: { reason: 'Invalid' } }, query)
  }
  for (const query of ['tenant=blue', 'limit=many']) {
    t.match(await call('GET', `/ipam/v1/addresses?${query}`), { status: 400, body: { reason: 'BadRequest' } }, query)
  }
})

t.test('a revision that is gone, or is yet to come, has expired; other faults are what they are', async (t) => {
  const { call, store } = await startUsed(t)
  const token = (revision: bigint | string): string =>
    Buffer.from(`${String(revision)}/ipv4/block/10.1.0.0-26/0`).toString('base64url')
  const read = (revision: bigint | string) => call('GET', `/ipam/v1/addresses?continue=${token(revision)}`)
  const page = store.page.bind(store)
  const failing = (fault: Error): typeof store.page => {
    return (family, options?: PageOptions) =>
      options?.revision === undefined ? page(family, options) : Promise.reject(fault)
  }
  const away = new DatastoreUnavailable('ServiceUnavailable', 'etcd does not answer')
  store.page = failing(new RevisionCompacted(new Error('compacted')))
  t.match(await read(2n), { status: 410, body: { reason: 'Expired' } })
  store.page = failing(away)
  t.match(await read(store.view.revision + 1n), { status: 410, body: { reason: 'Expired' } })
  t.match(await read(store.view.revision), { status: 503 })
})
