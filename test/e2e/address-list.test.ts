import t from 'tap'
import { allocationsIn, createPool, startIppoold } from '../support/ippoold.ts'

t.test('all pages of a list are of one moment, whatever is assigned and released meanwhile', async (t) => {
  const { call, callOther } = await startIppoold(t, { servers: 2 })
  await createPool(call, 'four', { cidr: '10.150.0.0/24', blockSize: 28 })
  const held: string[] = []
  for (let number = 0; number < 5; number++) {
    const assigned = await call('POST', '/ipam/v1/assign', { handle: `h${number}`, node: `n${number}`, ipv4: 8 })
    held.push(...allocationsIn(assigned).map(({ address }) => address))
  }
  const first = await call('GET', '/ipam/v1/addresses?limit=3')
  t.equal(first.status, 200)
  const listed = [...allocationsIn(first)]
  let { body } = first
  for (let page = 0; typeof body['continue'] === 'string'; page++) {
    await callOther('DELETE', `/ipam/v1/handles/h${page % 5}`)
    await call('POST', '/ipam/v1/assign', { handle: `late${page}`, ipv4: 2 })
    if (page === 2) await call('DELETE', '/apis/projectcalico.org/v3/ippools/four')
    const next = await callOther('GET', `/ipam/v1/addresses?limit=3&continue=${body['continue']}`)
    t.equal(next.status, 200)
    t.equal(next.body['revision'], first.body['revision'])
    listed.push(...allocationsIn(next))
    body = next.body
  }
  t.strictSame(listed.map(({ address }) => address).sort(), held.sort())
  t.ok(listed.every(({ pool, handle }) => pool === 'four' && /^h[0-4]$/.test(handle)))
  const now = await call('GET', '/ipam/v1/addresses?limit=1000')
  t.notOk(allocationsIn(now).some(({ handle }) => handle === 'h0'))
})

t.test('a list that etcd has forgotten is answered as such', async (t) => {
  const { call, keys } = await startIppoold(t)
  await createPool(call, 'four', { cidr: '10.151.0.0/24' })
  await call('POST', '/ipam/v1/assign', { handle: 'h', ipv4: 4 })
  const first = await call('GET', '/ipam/v1/addresses?limit=2')
  const token = String(first.body['continue'])
  await call('POST', '/ipam/v1/assign', { handle: 'h', ipv4: 1 })
  await keys.compact()
  t.match(await call('GET', `/ipam/v1/addresses?limit=2&continue=${token}`), {
    status: 410,
    body: { kind: 'Status', reason: 'Expired' },
  })
  const yetToCome = Buffer.from('999999999/ipv4/block/10.151.0.0-26/0').toString('base64url')
  t.match(await call('GET', `/ipam/v1/addresses?continue=${yetToCome}`), { status: 410, body: { reason: 'Expired' } })
})
