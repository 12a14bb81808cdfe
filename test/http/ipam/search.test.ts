import t from 'tap'
import { everythingOf, gateBy, policyOf } from '../../support/rights.ts'
import { type Answer, causesOf, putPool, startServer, type ServerInMemory } from '../server-in-memory.ts'

/** What was found, as `kind name`, and the kinds that were searched, with `...` where there is more. */
function found({ body }: Answer): { readonly results: readonly string[]; readonly searched: string } {
  const { results, searched } = body as {
    results: { kind: string; name: string; handle: string | null }[]
    searched: { kind: string; isComplete: boolean }[]
  }
  return {
    results: results.map(({ kind, name, handle }) => `${kind} ${name}${handle === null ? '' : ` of ${handle}`}`),
    searched: searched.map(({ kind, isComplete }) => `${kind}${isComplete ? '' : '...'}`).join(' '),
  }
}

async function fill({ call, store }: ServerInMemory, headers: Record<string, string> = {}): Promise<void> {
  putPool(store, 'blue', '10.1.0.0/24', 26, {}, { team: 'blue' })
  putPool(store, 'red', '10.2.0.0/24', 26, {}, { team: 'red' })
  for (const [handle, address, attributes] of [
    ['vm-1', '10.1.0.5', { tenant: 'x' }],
    ['vm-2', '10.1.0.6', { tenant: 'x' }],
    ['vm-3', '10.2.0.5', { tenant: 'x' }],
  ] as const) {
    await call('POST', '/ipam/v1/assign', { handle, addresses: [address], node: 'node-1', attributes }, headers)
  }
}

t.test('one text finds addresses, ranges, names, handles and attributes', async (t) => {
  const server = startServer(t)
  await fill(server)
  const search = async (q: string, limit = 10) =>
    found(await server.call('GET', `/ipam/v1/search?q=${encodeURIComponent(q)}&limit=${limit}`))
  t.strictSame(await search(' 10.1.0.5 '), {
    results: ['address 10.1.0.5 of vm-1', 'pool blue', 'block 10.1.0.0/26'],
    searched: 'address pool reservation block',
  })
  t.strictSame((await search('10.1.0.99')).results, ['address 10.1.0.99', 'pool blue'], 'one that nobody holds')
  t.strictSame((await search('10.0.0.0/8')).results, [
    'pool blue',
    'pool red',
    'block 10.1.0.0/26',
    'block 10.2.0.0/26',
  ])
  t.strictSame(await search('vm-'), {
    results: ['handle vm-1', 'handle vm-2', 'handle vm-3'],
    searched: 'pool reservation node handle',
  })
  t.strictSame(await search('vm-', 2), {
    results: ['handle vm-1', 'handle vm-2'],
    searched: 'pool reservation node handle...',
  })
  t.strictSame((await search('node')).results, ['node node-1'])
  t.strictSame((await search('team=red')).results, ['pool red'])
  t.strictSame(await search('tenant=x', 2), {
    results: ['address 10.1.0.5 of vm-1', 'address 10.1.0.6 of vm-2'],
    searched: 'pool reservation node address...',
  })
  t.strictSame((await search('/ no handle')).searched, 'pool reservation node', 'a text that no handle can be')
  const { body } = await server.call('GET', '/ipam/v1/search?q=10.1.0.5')
  t.match(body, {
    results: [
      { cidr: null, pool: 'blue', node: 'node-1' },
      { cidr: '10.1.0.0/24', pool: null },
    ],
  })
})

t.test('a blank text is refused', async (t) => {
  const { call } = startServer(t)
  for (const query of ['q=', 'q=%20%20', 'q=x&limit=51', 'limit=3']) {
    const { status } = await call('GET', `/ipam/v1/search?${query}`)
    t.ok(status === 400 || status === 422, query)
  }
})

t.test('what one may not see is not found', async (t) => {
  const gatekeeper = gateBy([
    policyOf('blue', ['blue'], [everythingOf('blue')]),
    policyOf('own', ['own'], [everythingOf('blue', ['vm-1'])]),
  ])
  const server = startServer(t, { gatekeeper })
  await fill(server, { authorization: 'Bearer root' })
  const search = async (user: string, q: string) =>
    found(
      await server.call('GET', `/ipam/v1/search?q=${encodeURIComponent(q)}`, undefined, {
        authorization: `Bearer ${user}`,
      }),
    )
  t.strictSame((await search('blue', 'vm')).results, ['handle vm-1', 'handle vm-2'])
  t.strictSame((await search('own', 'vm')).results, ['handle vm-1'])
  t.strictSame((await search('blue', 'tenant=x')).results, ['address 10.1.0.5 of vm-1', 'address 10.1.0.6 of vm-2'])
  t.strictSame((await search('own', 'tenant=x')).results, ['address 10.1.0.5 of vm-1'])
  t.strictSame((await search('blue', 'red')).results, [])
  t.strictSame((await search('blue', '10.2.0.5')).results, ['address 10.2.0.5'], 'as one that nobody holds')
  t.strictSame(await search('nobody', 'vm'), { results: [], searched: '' })
  t.strictSame(await search('nobody', '10.1.0.5'), { results: [], searched: 'block' })
  t.strictSame(await search('nobody', 'tenant=x'), { results: [], searched: '' })
  const noNodes = { authorization: 'Bearer blue' }
  t.match(await server.call('GET', '/ipam/v1/selectors/nodes?selector=all()', undefined, noNodes), { status: 403 })
  t.match(await server.call('GET', '/ipam/v1/search?q=x'), { status: 401 })
})

t.test('a selector is tried out on the nodes, and a wrong one is refused at its position', async (t) => {
  const { call } = startServer(t)
  const node = { apiVersion: 'projectcalico.org/v3', kind: 'Node', metadata: { name: 'n1', labels: { zone: 'a' } } }
  t.match(await call('POST', '/apis/projectcalico.org/v3/nodes', node), { status: 201 })
  const match = (selector: string) => call('GET', `/ipam/v1/selectors/nodes?selector=${encodeURIComponent(selector)}`)
  t.match(await match("zone == 'a'"), { status: 200, body: { nodes: ['n1'], matched: 1, total: 1 } })
  t.match((await match("zone == 'b'")).body, { nodes: [], matched: 0, total: 1 })
  const refused = await match('zone ==')
  t.match(refused, { status: 422, body: { message: /at position 7/ } })
  t.strictSame(causesOf(refused), [['selector', 'FieldValueInvalid']])
})

t.test('who holds most of a pool is counted by handle and by node, as far as one may list it', async (t) => {
  const gatekeeper = gateBy([policyOf('own', ['own'], [everythingOf('blue', ['vm-1'])])])
  const server = startServer(t, { gatekeeper })
  await fill(server, { authorization: 'Bearer root' })
  const authorization = 'Bearer root'
  await server.call('POST', '/ipam/v1/assign', { handle: 'vm-2', addresses: ['10.1.0.7'] }, { authorization })
  const holders = async (user: string, query: string) =>
    server.call('GET', `/ipam/v1/pools/${query}`, undefined, { authorization: `Bearer ${user}` })
  t.match(await holders('root', 'blue/holders'), {
    status: 200,
    body: {
      pool: 'blue',
      by: 'handle',
      holders: [
        { name: 'vm-2', addresses: 2 },
        { name: 'vm-1', addresses: 1 },
      ],
      total: 2,
      isComplete: true,
    },
  })
  t.match((await holders('root', '10.1.0.0%2F24/holders?by=node')).body, {
    by: 'node',
    holders: [
      { name: 'node-1', addresses: 2 },
      { name: null, addresses: 1 },
    ],
  })
  t.match((await holders('root', 'blue/holders?limit=1')).body, { holders: [{ name: 'vm-2' }], total: 2 })
  t.match((await holders('own', 'blue/holders')).body, { holders: [{ name: 'vm-1', addresses: 1 }], total: 1 })
  t.match((await holders('own', 'blue/holders?by=node')).body, { holders: [{ name: 'node-1', addresses: 1 }] })
  t.match(await holders('own', 'red/holders'), { status: 404, body: { message: 'Pool red does not exist.' } })
  server.store.view.putText('/calico/ipam/v2/assignment/ipv4/block/10.1.0.64-26', '{')
  t.match((await holders('root', 'blue/holders')).body, { total: 2, isComplete: true })
})

t.test('what an assign would do is explained, and nothing is assigned', async (t) => {
  const { call, store } = startServer(t)
  putPool(store, 'off', '10.3.0.0/24', 26, { disabled: true })
  const explain = (body: object) => call('POST', '/ipam/v1/assign/explain', body)
  t.match(await explain({ handle: 'vm-1' }), {
    status: 200,
    body: {
      addresses: [{ pool: 'blue', handle: 'vm-1' }],
      reason: null,
      message: null,
      eligiblePools: ['blue'],
      causes: [{ field: 'pools[off]', reason: 'PoolDisabled' }],
    },
  })
  t.match(await explain({ pools: ['off'] }), {
    status: 200,
    body: { addresses: [], reason: 'InsufficientAddresses', message: /is disabled/, eligiblePools: [] },
  })
  t.match(await explain({ ipv4: -1 }), { status: 422 })
  t.match((await call('GET', '/ipam/v1/addresses')).body, { addresses: [], total: 0 })
})
