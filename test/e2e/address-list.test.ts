import t from 'tap'
import { compareAddresses, mustParseAddress } from '../../src/net/index.ts'
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

t.test('the pages of a sorted list are of one moment, and together everything in that order', async (t) => {
  const { call, callOther } = await startIppoold(t, { servers: 2 })
  await createPool(call, 'four', { cidr: '10.150.0.0/24', blockSize: 28 })
  await createPool(call, 'six', { cidr: 'fd00:150::/112' })
  for (let number = 0; number < 12; number++) {
    const timestamp = `2026-11-${String(10 + ((number * 7) % 12))}T04:00:00Z`
    const body = {
      handle: `h${number}`,
      node: `n${number % 3}`,
      ipv4: 6,
      ipv6: 1,
      ...(number < 9 && { attributes: { timestamp } }),
    }
    t.equal((await call('POST', '/ipam/v1/assign', body)).status, 201)
  }
  const listed = allocationsIn(await call('GET', '/ipam/v1/addresses'))
  t.equal(listed.length, 84)
  const byAddress = listed.toSorted((one, other) =>
    compareAddresses(mustParseAddress(one.address), mustParseAddress(other.address)),
  )
  /** The addresses by the texts of a field, in an order; then those without. */
  const byField = (field: 'handle' | 'node' | 'assignedAt', isDescending: boolean) => {
    const texts = [...new Set(listed.flatMap((one) => one[field] ?? []))].sort()
    return [...(isDescending ? texts.reverse() : texts), null].flatMap((text) =>
      byAddress.filter((one) => one[field] === text),
    )
  }
  const expected = new Map([
    ['address', byAddress],
    ['-address', byAddress.toReversed()],
    ['handle', byField('handle', false)],
    ['-node', byField('node', true)],
    ['-assignedAt', byField('assignedAt', true)],
  ])
  const firstPages = await Promise.all(
    [...expected.keys()].map((sort) => call('GET', `/ipam/v1/addresses?limit=20&sort=${sort}`)),
  )
  for (const handle of ['h1', 'h5', 'h11']) await callOther('DELETE', `/ipam/v1/handles/${handle}`)
  await call('POST', '/ipam/v1/assign', { handle: 'h00', ipv4: 5, attributes: { timestamp: '2026-11-30T04:00:00Z' } })
  for (const [index, [sort, all]] of [...expected].entries()) {
    let page = firstPages[index]
    const revision = page?.body['revision']
    const found = []
    while (page !== undefined) {
      t.match(page, { status: 200, body: { revision, total: 84 } })
      found.push(...allocationsIn(page))
      const { continue: token } = page.body
      const next = `/ipam/v1/addresses?limit=20&sort=${sort}&continue=${String(token)}`
      page = token === null ? undefined : await callOther('GET', next)
    }
    t.strictSame(found, all, sort)
  }
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

t.test(
  'addresses of a node are listed from the blocks that have some, borrowed ones and odd keys too, as of one moment',
  async (t) => {
    const { call, callOther, keys } = await startIppoold(t, { servers: 2 })
    await createPool(call, 'four', { cidr: '10.150.0.0/24', blockSize: 28 })
    for (let number = 0; number < 30; number++) {
      const body = { handle: `h${number}`, node: `n${number % 4}`, ipv4: 4 }
      t.equal((await (number % 2 === 0 ? call : callOther)('POST', '/ipam/v1/assign', body)).status, 201)
    }
    const borrowed = { handle: 'borrowed', node: 'n9', addresses: ['10.150.0.253', '10.150.0.5'] }
    await call('DELETE', '/ipam/v1/handles/h0')
    t.equal((await callOther('POST', '/ipam/v1/assign', { ...borrowed, partial: true })).status, 201)
    await keys.put('/calico/ipam/v2/assignment/odd', '{"node":"n1"}')
    const all = allocationsIn(await call('GET', '/ipam/v1/addresses?limit=1000'))
    for (const [node, unreadableBlocks] of [
      ['n1', ['odd']],
      ['n2', []],
      ['n9', []],
      ['n17', []],
    ] as const) {
      const expected = all.filter((one) => one.node === node)
      for (const server of [call, callOther]) {
        const listed = await server('GET', `/ipam/v1/addresses?node=${node}`)
        t.match(listed, { status: 200, body: { unreadableBlocks } })
        t.strictSame(allocationsIn(listed), expected, node)
        const sorted = allocationsIn(await server('GET', `/ipam/v1/addresses?node=${node}&sort=handle`))
        t.strictSame(sorted.map(({ address }) => address).sort(), expected.map(({ address }) => address).sort())
      }
    }
    // What is released and assigned between two pages is not in the second, whose server has to look at all blocks.
    const first = await call('GET', '/ipam/v1/addresses?node=n2&limit=5')
    for (const handle of ['h2', 'h6', 'h26']) await callOther('DELETE', `/ipam/v1/handles/${handle}`)
    const next = await callOther(
      'GET',
      `/ipam/v1/addresses?node=n2&limit=1000&continue=${String(first.body['continue'])}`,
    )
    t.strictSame(
      [...allocationsIn(first), ...allocationsIn(next)],
      all.filter((one) => one.node === 'n2'),
    )
    t.equal(
      allocationsIn(await callOther('GET', '/ipam/v1/addresses?node=n2')).length,
      all.filter((one) => one.node === 'n2').length - 12,
    )
  },
)
