import t from 'tap'
import type { Answer } from '../support/http-client.ts'
import { addressesIn, createPool, refusalIn, startIppoold } from '../support/ippoold.ts'
import { disagreements, readStoredState } from '../support/stored.ts'

const { call, callOther, etcd } = await startIppoold(t, { servers: 2 })
await createPool(call, 'wide', { cidr: '10.120.0.0/20', blockSize: 30 })
await createPool(call, 'other', { cidr: '10.121.0.0/24' })

const path = '/ipam/v1/handles/wide'
const read = async (): Promise<readonly string[]> => addressesIn(await call('GET', path))

/** Lets the handle `wide` hold the first address of each of so many blocks. */
async function hold(blockCount: number): Promise<readonly string[]> {
  const addresses = Array.from({ length: blockCount }, (_, block) => `10.120.${block >> 6}.${(block & 63) * 4}`)
  for (let first = 0; first < blockCount; first += 50) {
    const wish = { handle: 'wide', addresses: addresses.slice(first, first + 50) }
    const { status } = await call('POST', '/ipam/v1/assign', wish)
    if (status !== 201) throw new Error(`the addresses from ${String(first)} on were not assigned`)
  }
  return addresses
}

t.test('a holder in any number of blocks is read, ensured, limited and released', async (t) => {
  const addresses = await hold(300)
  t.strictSame(await read(), addresses)

  const same = await callOther('PUT', path, { ipv4: 300 })
  t.equal(same.status, 200, 'nothing is missing')
  t.strictSame(addressesIn(same), addresses)

  const more = await call('PUT', path, { ipv4: 302 })
  t.equal(more.status, 201)
  t.strictSame([addressesIn(more).length, await read()], [302, addressesIn(more)])

  const limited = (ipv4: number, maxPerHandle: number): Promise<Answer> =>
    callOther('POST', '/ipam/v1/assign', { handle: 'wide', ipv4, maxPerHandle })
  t.match(refusalIn(await limited(400, 302)), { status: 409, reason: 'Conflict' })
  t.equal(addressesIn(await limited(2, 302)).length, 2, 'it gets what it holds')
  t.equal((await limited(1, 303)).status, 201)
  t.equal((await read()).length, 303)

  const before = await read()
  const exact = await call('PUT', `${path}?exact=true`, { ipv4: 2, pools: ['other', 'wide'], ipv6: 0 })
  t.equal(exact.status, 200)
  t.strictSame(addressesIn(exact), before.slice(0, 2))
  t.strictSame(await read(), addressesIn(exact))
  const state = await readStoredState(etcd.endpoint)
  t.strictSame(disagreements(state), [])

  const moved = await call('PUT', `${path}?exact=true`, { pools: ['other'] })
  t.equal(moved.status, 201)
  t.match(await read(), [/^10\.121\.0\.\d+$/])
  t.equal((await call('DELETE', path)).status, 200)
})

t.test('many calls that ensure the same wide handle at once assign what is missing once', async (t) => {
  await hold(150)
  const ensure = (turn: number): Promise<Answer> => (turn % 2 === 0 ? call : callOther)('PUT', path, { ipv4: 155 })
  const answers = await Promise.all(Array.from({ length: 10 }, (_, turn) => ensure(turn)))
  t.strictSame(answers.map(({ status }) => status).sort(), [...Array.from({ length: 9 }, () => 200), 201])
  t.equal((await read()).length, 155)
  for (const answer of answers) t.strictSame(addressesIn(answer), await read())

  const all = (turn: number): Promise<Answer> =>
    (turn % 2 === 0 ? call : callOther)('PUT', `${path}?exact=true`, { ipv4: 1, pools: ['other'] })
  await Promise.all(Array.from({ length: 6 }, (_, turn) => all(turn)))
  t.match(await read(), [/^10\.121\.0\.\d+$/])
  t.strictSame(disagreements(await readStoredState(etcd.endpoint)), [])
})

t.test('handles are listed as of one moment, whatever happens between two pages', async (t) => {
  for (const handle of ['list-1', 'list-2', 'list-3'])
    await call('POST', '/ipam/v1/assign', { handle, pools: ['other'] })
  const first = await call('GET', '/ipam/v1/handles?prefix=list-&limit=2')
  t.equal((await call('DELETE', '/ipam/v1/handles/list-3')).status, 200)
  await call('POST', '/ipam/v1/assign', { handle: 'list-4', pools: ['other'] })
  const second = await callOther('GET', `/ipam/v1/handles?prefix=list-&continue=${String(first.body['continue'])}`)
  const listed = [first, second].flatMap(({ body }) => body['handles'] as readonly object[])
  t.strictSame(
    listed,
    ['list-1', 'list-2', 'list-3'].map((handle) => ({ handle, blocks: 1, addresses: 1 })),
  )
  t.equal(second.body['continue'], null)
  t.equal(second.body['revision'], first.body['revision'])
})
