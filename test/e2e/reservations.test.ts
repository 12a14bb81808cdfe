import t from 'tap'
import type { Answer } from '../support/http-client.ts'
import { addressesIn, createPool, refusalIn, startIppoold } from '../support/ippoold.ts'

/** What a reservation does to assignments, from its creation on, whichever server it was sent to (docs/calico/formats.md section 4.1). */

const path = '/apis/projectcalico.org/v3/ipreservations'
const { call, callOther } = await startIppoold(t, { servers: 2 })

async function reserve(name: string, ...reservedCIDRs: readonly string[]): Promise<void> {
  const created = await callOther('POST', path, { metadata: { name }, spec: { reservedCIDRs } })
  t.equal(created.status, 201, JSON.stringify(created.body))
}

const assign = (body: object): Promise<Answer> => call('POST', '/ipam/v1/assign', body)
const sorted = (answer: Answer): readonly string[] => addressesIn(answer).toSorted()

t.test('overlapping and nested reservations bar each of their addresses once, and give way one by one', async (t) => {
  await createPool(call, 'a', { cidr: '10.1.0.0/29', blockSize: 30 })
  await reserve('half', '10.1.0.0/30')
  await reserve('nested', '10.1.0.2/31', '10.1.0.3/32')
  await reserve('across', '10.1.0.3/32', '10.1.0.4/32', '192.0.2.0/24')
  const wish = { pools: ['a'], handle: 'a', ipv4: 8, partial: true }
  t.strictSame(sorted(await assign(wish)), ['10.1.0.5', '10.1.0.6', '10.1.0.7'])
  t.match(refusalIn(await assign(wish)), { status: 409, reason: 'InsufficientAddresses' })
  await callOther('DELETE', `${path}/half`)
  t.strictSame(sorted(await assign(wish)), ['10.1.0.0', '10.1.0.1'], 'the nested ones still hold')
  await callOther('DELETE', `${path}/nested`)
  t.strictSame(sorted(await assign(wish)), ['10.1.0.2'], 'another one still holds 10.1.0.3')
  await callOther('DELETE', `${path}/across`)
  t.strictSame(sorted(await assign(wish)), ['10.1.0.3', '10.1.0.4'])
})

t.test('a reserved address is given to who asks for it by name, and stays with who has it', async (t) => {
  await createPool(call, 'b', { cidr: '10.2.0.0/30', blockSize: 30 })
  const before = await assign({ pools: ['b'], handle: 'early' })
  await reserve('all-of-b', '10.2.0.0/29')
  t.match(refusalIn(await assign({ pools: ['b'] })), { status: 409, reason: 'InsufficientAddresses' })
  t.strictSame(addressesIn(await call('GET', '/ipam/v1/handles/early')), addressesIn(before))
  const free = ['10.2.0.0', '10.2.0.1', '10.2.0.2', '10.2.0.3'].filter(
    (address) => !addressesIn(before).includes(address),
  )
  t.strictSame(sorted(await assign({ addresses: free, handle: 'named' })), free)
})

t.test('a block that is entirely reserved, by two halves too, is passed over: nothing is claimed there', async (t) => {
  await createPool(call, 'c', { cidr: '10.3.0.0/25', blockSize: 26 })
  await reserve('halves', '10.3.0.0/27', '10.3.0.32/27')
  for (let node = 0; node < 4; node++) {
    const answer = await assign({ pools: ['c'], node: `c${node}` })
    t.match(addressesIn(answer), [/^10\.3\.0\.(6[4-9]|[789]\d|1[012]\d)$/])
  }
})

t.test('IPv6 ranges are compared as ranges, host bits masked', async (t) => {
  await createPool(call, 'd', { cidr: 'fd00:4::/126', blockSize: 126 })
  await reserve('six', 'FD00:4:0::1/127')
  const answer = await assign({ pools: ['d'], ipv6: 4, partial: true })
  t.strictSame(sorted(answer), ['fd00:4::2', 'fd00:4::3'])
})

t.test('a single address is reserved, and stored as a CIDR, also through a server-side apply', async (t) => {
  await createPool(call, 'e', { cidr: '10.5.0.0/30', blockSize: 30 })
  const reservation = (...reservedCIDRs: readonly string[]): object => ({
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPReservation',
    metadata: { name: 'single' },
    spec: { reservedCIDRs },
  })
  const apply = async (manager: string, body: object): Promise<Answer> =>
    callOther('PATCH', `${path}/single?fieldManager=${manager}`, body, 'application/apply-patch+yaml')
  const applied = await apply('one', reservation('10.5.0.1', '10.5.0.2'))
  t.match(applied, { status: 201, body: { spec: { reservedCIDRs: ['10.5.0.1/32', '10.5.0.2/32'] } } })
  const again = await apply('one', reservation('10.5.0.1', '10.5.0.2'))
  t.strictSame(again.body, applied.body, 'the same once more changes nothing')
  t.equal((await apply('two', reservation('10.5.0.1/32', '10.5.0.2/32'))).status, 200, 'both spellings are one value')
  t.match(refusalIn(await apply('two', reservation('10.5.0.1'))), { status: 409, reason: 'Conflict' })
  t.strictSame(sorted(await assign({ pools: ['e'], ipv4: 4, partial: true })), ['10.5.0.0', '10.5.0.3'])
})
