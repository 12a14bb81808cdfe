import fc from 'fast-check'
import assert from 'node:assert/strict'
import t from 'tap'
import { compareAddresses, mustParseAddress } from '../../../../src/net/index.ts'
import { volume } from '../../../support/volume.ts'
import { causesOf, putPool, type ServerInMemory, startServer } from '../../server-in-memory.ts'

interface Item {
  readonly address: string
  readonly handle: string | null
  readonly node: string | null
  readonly assignedAt: string | null
}

/** Every address of a list, page by page. */
async function listAll(call: ServerInMemory['call'], query: string): Promise<readonly Item[]> {
  const items: Item[] = []
  for (let token: unknown = ''; typeof token === 'string'; ) {
    const { status, body } = await call('GET', `/ipam/v1/addresses?${query}${token && `&continue=${token}`}`)
    if (status !== 200) throw new Error(`${query}: ${JSON.stringify(body)}`)
    items.push(...(body['addresses'] as readonly Item[]))
    token = body['continue']
  }
  return items
}

const addressesOf = (items: readonly Item[]): readonly string[] => items.map(({ address }) => address)

const compareItems = (one: Item, other: Item): number =>
  compareAddresses(mustParseAddress(one.address), mustParseAddress(other.address))

/** Sorts as the API promises, in another way than the server. */
function sortedBy(sort: string, items: readonly Item[]): readonly Item[] {
  const field = sort.replace('-', '') as keyof Item
  const ascending = items.toSorted(compareItems)
  if (field === 'address') return sort.startsWith('-') ? ascending.reverse() : ascending
  const values = [...new Set(ascending.flatMap((item) => item[field] ?? []))].sort((one, other) =>
    Buffer.compare(Buffer.from(one), Buffer.from(other)),
  )
  const inOrder = sort.startsWith('-') ? values.reverse() : values
  return [...inOrder, null].flatMap((value) => ascending.filter((item) => item[field] === value))
}

const sorts = ['address', 'handle', 'node', 'assignedAt'].flatMap((field) => [field, `-${field}`])

const blockPrefix = '/calico/ipam/v2/assignment'

/** Stores a block whose first addresses have these attributes; null for one that is free. */
function putBlock({ view }: ServerInMemory['store'], cidr: string, attributes: readonly (object | null)[]): void {
  const [base = '', length = ''] = cidr.split('/')
  const size = 2 ** ((base.includes(':') ? 128 : 32) - Number(length))
  const at = Array.from({ length: size }, (_, place) => attributes[place] ?? null)
  const held = at.filter((one) => one !== null)
  const indexes = at.map((one) => (one === null ? null : held.indexOf(one)))
  const value = {
    cidr,
    affinity: null,
    allocations: indexes,
    unallocated: indexes.flatMap((index, place) => (index === null ? [place] : [])),
    attributes: held,
    sequenceNumber: 1,
    deleted: false,
  }
  view.putText(`${blockPrefix}/ipv${base.includes(':') ? 6 : 4}/block/${base}-${length}`, JSON.stringify(value))
}

const cidrs = [
  ...['10.1.0.0/26', '10.1.0.64/26', '10.1.0.128/26', '10.1.10.0/28', '10.1.9.0/28', '10.1.100.7/32', '10.20.0.0/29'],
  ...['fd00::/124', 'fd00::10/124', 'fd00:0:0:1::/124', 'fd00:a::/125'],
]
const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined })
const attribute = fc.record({
  handle_id: maybe(fc.constantFrom('vm-1', 'vm-10', 'vm-9', 'VM', 'é', '\u{10000}', '\u{ffee}')),
  secondary: fc.record({
    node: maybe(fc.constantFrom('n1', 'n2', 'n10')),
    timestamp: maybe(fc.constantFrom('2026-11-23T04:00:00Z', '2026-11-23T05:00:00Z', '2025-01-01T00:00:00Z', 'never')),
  }),
})
const world = fc.array(
  fc.record({ cidr: fc.constantFrom(...cidrs), attributes: fc.array(fc.option(attribute), { maxLength: 6 }) }),
  { maxLength: 8 },
)

t.test('the pages of a sorted list are everything, sorted, however many addresses are on each', async (t) => {
  const cases = fc.record({
    stored: world,
    sort: fc.constantFrom(...sorts),
    limit: fc.integer({ min: 1, max: 9 }),
    filter: fc.constantFrom('', '&node=n1', '&cidr=10.1.0.0/16', '&pool=green', '&q=vm', '&cidr=10.1.0.66/32'),
  })
  const { call, store } = startServer(t)
  const property = fc.asyncProperty(cases, async ({ stored, sort, limit, filter }) => {
    for (const key of store.view.keys(blockPrefix)) store.view.remove(key)
    for (const { cidr, attributes } of stored) putBlock(store, cidr, attributes)
    const all = await listAll(call, `limit=1000${filter}`)
    const sorted = await listAll(call, `sort=${sort}&limit=${limit}${filter}`)
    assert.deepEqual(sorted, sortedBy(sort, all))
  })
  await t.resolves(fc.assert(property, { numRuns: volume(2_000) }))
})

t.test('the addresses of a handle are sorted as well', async (t) => {
  const { call, store } = startServer(t)
  putPool(store, 'wide', '10.2.0.0/16', 32)
  const addresses = ['10.2.0.9', '10.2.0.10', '10.2.0.100', '10.1.0.1', 'fd00::1']
  for (const [index, address] of addresses.entries()) {
    const assigned = await call('POST', '/ipam/v1/assign', {
      handle: 'vm',
      addresses: [address],
      node: `n${5 - index}`,
    })
    t.equal(assigned.status, 201)
  }
  const ascending = ['10.1.0.1', '10.2.0.9', '10.2.0.10', '10.2.0.100', 'fd00::1']
  for (const limit of [1, 2, 9]) {
    const list = async (sort: string) => addressesOf(await listAll(call, `handle=vm&sort=${sort}&limit=${limit}`))
    t.strictSame(await list('address'), ascending)
    t.strictSame(await list('-address'), ascending.toReversed())
    t.strictSame(await list('-node'), addresses)
  }
})

t.test('a sorted list tells how many there are, and which blocks cannot be read', async (t) => {
  const { call, store } = startServer(t)
  await call('POST', '/ipam/v1/assign', { handle: 'vm-1', ipv4: 5 })
  store.view.putText(`${blockPrefix}/ipv4/block/10.1.0.64-26`, '{')
  store.view.putText(`${blockPrefix}/ipv4/block/nonsense`, '{')
  for (const sort of sorts) {
    const { body } = await call('GET', `/ipam/v1/addresses?sort=${sort}`)
    t.equal(body['total'], 5)
    t.strictSame([...(body['unreadableBlocks'] as string[])].sort(), ['10.1.0.64/26', 'ipv4/block/nonsense'], sort)
    t.equal((await listAll(call, `sort=${sort}&limit=1`)).length, 5)
  }
})

t.test('a page never begins at a key that is none of a block', async (t) => {
  const { call, store } = startServer(t)
  for (const address of ['10.1.0.1', '10.1.0.70'])
    await call('POST', '/ipam/v1/assign', { handle: 'vm', addresses: [address] })
  store.view.putText(`${blockPrefix}/ipv4/block/10.1.0.1-x`, '{')
  t.strictSame(addressesOf(await listAll(call, 'limit=1')), ['10.1.0.1', '10.1.0.70'])
})

t.test('a page sorted by address ends after many blocks, and the next one goes on there', async (t) => {
  const { call, store } = startServer(t)
  for (let number = 0; number < 2_100; number++) {
    putBlock(store, `10.64.${number >> 8}.${number & 255}/32`, [
      { handle_id: 'vm', secondary: { node: number === 0 ? 'low' : 'n' } },
    ])
  }
  const first = await call('GET', '/ipam/v1/addresses?sort=-address&attribute=node=low')
  t.match(first.body, { addresses: [], continue: /./ })
  t.strictSame(addressesOf(await listAll(call, 'sort=-address&attribute=node=low')), ['10.64.0.0'])
  t.strictSame(addressesOf(await listAll(call, 'sort=-handle&attribute=node=low')), ['10.64.0.0'])
})

t.test('an unknown order, and a token that names no address of the list, are refused', async (t) => {
  const { call } = startServer(t)
  await call('POST', '/ipam/v1/assign', { handle: 'vm', addresses: ['10.1.0.1'] })
  for (const sort of ['pool', '--address', '+address', '', 'address,node']) {
    t.match(await call('GET', `/ipam/v1/addresses?sort=${sort}`), { status: 422, body: { reason: 'Invalid' } }, sort)
  }
  for (const place of ['7/ipv4/block/10.1.0.0-26/2', '7/ipv4/block/10.1.0.64-26/1']) {
    const token = Buffer.from(place).toString('base64url')
    const refused = await call('GET', `/ipam/v1/addresses?sort=handle&continue=${token}`)
    t.match(refused, { status: 422, body: { reason: 'Invalid' } }, place)
    t.strictSame(causesOf(refused), [['continue', 'FieldValueInvalid']])
  }
})

t.test('what cannot be sorted in time is refused, with advice', async (t) => {
  const { call, store } = startServer(t, { deadlineMs: 50 })
  await call('POST', '/ipam/v1/assign', { handle: 'vm', ipv4: 1 })
  const page = store.page.bind(store)
  store.page = async (family, options) => {
    await new Promise((resolve) => setTimeout(resolve, 60))
    return page(family, options)
  }
  for (const sort of ['-assignedAt', 'address']) {
    const refused = await call('GET', `/ipam/v1/addresses?sort=${sort}`)
    t.match(refused, { status: 504, body: { reason: 'Timeout', message: /Select fewer addresses/ } }, sort)
  }
})
