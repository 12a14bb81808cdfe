import t from 'tap'
import { CalicoHost } from '../support/calico.ts'
import { HttpClient, type Answer } from '../support/http-client.ts'
import { addressesIn, createPool, poolOf, poolsPath, refusalIn, startIppoold } from '../support/ippoold.ts'
import { startServer } from '../support/server.ts'
import { disagreements, readStoredState } from '../support/stored.ts'
import { until } from '../support/until.ts'

const { call, callOther, clients, etcd, keys } = await startIppoold(t, { servers: 2 })

const poolKeyOf = (name: string): string => `/calico/resources/v3/projectcalico.org/ippools/${name}`

/** The addresses that are in use inside a /16 or longer prefix that ends at a dot, by what etcd holds. */
async function holdersIn(start: string): Promise<readonly string[]> {
  const { holders } = await readStoredState(etcd.endpoint)
  return [...holders.keys()].filter((address) => address.startsWith(start)).sort()
}

/** The keys of claims on blocks whose CIDR starts so. */
async function claimsIn(start: string, owner: 'host' | 'virtual' = 'host'): Promise<readonly string[]> {
  const claims = await keys.dump(`/calico/ipam/v2/${owner}/`)
  return Object.keys(claims).filter((key) => key.includes(`/block/${start}`))
}

/** The texts of blocks whose CIDR starts so. */
async function blocksIn(start: string): Promise<readonly string[]> {
  const stored = await keys.dump('/calico/ipam/v2/assignment/')
  return Object.entries(stored).flatMap(([key, text]) => (key.includes(`/block/${start}`) ? [text] : []))
}

async function assign(request: object): Promise<Answer> {
  const answer = await call('POST', '/ipam/v1/assign', request)
  if (answer.status !== 201) throw new Error(`not assigned: ${JSON.stringify(answer.body)}`)
  return answer
}

/** Waits until a pool is gone from etcd, and from both servers. */
async function gone(name: string): Promise<void> {
  await until(`pool ${name} is gone`, async () => ((await keys.get(poolKeyOf(name))) === undefined ? true : undefined))
  for (const read of [call, callOther])
    await until(
      `pool ${name} is not found`,
      async () => (await read('GET', `${poolsPath}/${name}`)).status === 404 || undefined,
    )
}

/** No claims are left, and what blocks are left belong to nobody. */
async function released(start: string): Promise<void> {
  await until(`the claims on ${start} are released`, async () => {
    const claims = await claimsIn(start)
    const blocks = await blocksIn(start)
    return claims.length === 0 && blocks.every((text) => text.includes('"affinity":null,')) ? true : undefined
  })
}

t.test('a pool with addresses in use is marked, gives nothing more, and stays visible', async (t) => {
  await createPool(call, 'marked', { cidr: '10.30.0.0/24', blockSize: 28 })
  for (const node of ['a', 'b', 'c']) await assign({ node, handle: `marked-${node}`, pools: ['marked'], ipv4: 2 })
  await assign({ node: 'd', handle: 'marked-d', pools: ['marked'] })
  await call('DELETE', '/ipam/v1/handles/marked-d')
  t.equal((await blocksIn('10.30.0.')).length, 4, 'one block is claimed and empty')

  const path = `${poolsPath}/marked`
  const stale = await call('DELETE', path, {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    preconditions: { resourceVersion: '1' },
  })
  t.match(refusalIn(stale), { status: 409, reason: 'Conflict' })
  const deleted = await callOther('DELETE', path)
  t.equal(deleted.status, 200)
  const marks = {
    kind: 'IPPool',
    metadata: { name: 'marked', deletionTimestamp: /^\d{4}-.*Z$/, finalizers: ['projectcalico.org/ippool-finalizer'] },
    spec: { disabled: true },
    status: { conditions: [{ type: 'Allocatable', status: 'False', reason: 'Terminating', lastTransitionTime: /Z$/ }] },
  }
  t.match(deleted.body, marks)
  await released('10.30.0.')
  await until('the condition tells how many hold its addresses', async () => {
    const { body } = await call('GET', path)
    const condition = JSON.stringify(body['status'])
    t.notMatch(condition, 'marked-', 'whoever sees the pool need not see its handles')
    return condition.includes('6 addresses are in use, by 3 handles, on 3 nodes.') || undefined
  })
  t.equal((await blocksIn('10.30.0.')).length, 3, 'the block without an address is gone')
  t.equal((await holdersIn('10.30.0.')).length, 6, 'no address is lost')
  for (const read of [call, callOther]) t.match((await read('GET', path)).body, marks)
  const list = (await call('GET', poolsPath)).body as unknown as { items: { metadata: { name: string } }[] }
  t.ok(
    list.items.some(({ metadata }) => metadata.name === 'marked'),
    'it is listed',
  )

  for (const server of [call, callOther]) {
    const counted = await server('POST', '/ipam/v1/assign', { node: 'a', pools: ['marked'] })
    t.match(counted.body, {
      code: 409,
      reason: 'InsufficientAddresses',
      details: { causes: [{ field: 'pools[marked]', reason: 'PoolTerminating' }] },
    })
    const named = await server('POST', '/ipam/v1/assign', { addresses: ['10.30.0.200'] })
    t.match(refusalIn(named), { status: 422, reason: 'Invalid', fields: ['addresses[0]'] })
  }
  const overlapping = await call('POST', poolsPath, poolOf('next', { cidr: '10.30.0.0/20' }))
  t.match(refusalIn(overlapping), { status: 422, fields: ['spec.cidr'] })
  t.match(String(overlapping.body['message']), 'marked')
  const revived = await call('PATCH', path, { spec: { disabled: false } }, 'application/merge-patch+json')
  t.match(refusalIn(revived), { status: 422, fields: ['spec.disabled'] })

  const before = await keys.revision()
  t.match((await call('DELETE', path)).body, marks, 'deleting it again changes nothing')
  t.equal(await keys.revision(), before)
  t.strictSame(disagreements(await readStoredState(etcd.endpoint)), [])

  for (const node of ['a', 'b']) t.equal((await call('DELETE', `/ipam/v1/handles/marked-${node}`)).status, 200)
  t.equal((await call('GET', path)).status, 200, 'two addresses keep it')
  await call('POST', '/ipam/v1/release', { addresses: (await holdersIn('10.30.0.')).slice(1) })
  t.equal((await call('GET', path)).status, 200, 'one address keeps it')
  await call('DELETE', '/ipam/v1/handles/marked-c')
  await gone('marked')
  t.equal((await blocksIn('10.30.0.')).length, 0)
  await createPool(callOther, 'next', { cidr: '10.30.0.0/20' })
})

const host = new CalicoHost(keys, 'calico-node')

/** The programs that may release the last address of a terminating pool. */
const lastReleases: readonly (readonly [
  who: string,
  release: (address: string, handle: string) => Promise<unknown>,
])[] = [
  ['the server that deletes it, by address', (address) => call('POST', '/ipam/v1/release', { addresses: [address] })],
  ['the server that deletes it, by handle', (_, handle) => call('DELETE', `/ipam/v1/handles/${handle}`)],
  ['another server', (address, handle) => callOther('POST', '/ipam/v1/release', { addresses: [{ address, handle }] })],
  ['Calico', (_, handle) => host.release({ block: '10.31.0.0/30', handle })],
]

t.test('a pool that is being deleted disappears by itself after the last release', async (t) => {
  for (const [index, [who, release]] of lastReleases.entries()) {
    const name = `last-${String(index)}`
    await createPool(call, name, { cidr: '10.31.0.0/30', blockSize: 30 })
    const [address = ''] = addressesIn(await assign({ node: 'a', handle: name, pools: [name] }))
    t.match((await call('DELETE', `${poolsPath}/${name}`)).body, { kind: 'IPPool' })
    await released('10.31.0.')
    t.equal((await call('GET', `${poolsPath}/${name}`)).status, 200)
    await release(address, name)
    await gone(name)
    t.strictSame([await blocksIn('10.31.0.'), await claimsIn('10.31.0.')], [[], []], `released by ${who}`)
    t.equal(await keys.get(`/calico/ipam/v2/handle/${name}`), undefined)
  }
})

t.test('a pool with claimed blocks and no address in use disappears by itself', async (t) => {
  await createPool(call, 'idle', { cidr: '10.32.0.0/24', blockSize: 28 })
  for (const node of ['a', 'b']) {
    await assign({ node, handle: `idle-${node}`, pools: ['idle'] })
    await call('DELETE', `/ipam/v1/handles/idle-${node}`)
  }
  t.equal((await claimsIn('10.32.0.')).length, 2)
  t.equal((await call('DELETE', `${poolsPath}/idle`)).status, 200)
  await gone('idle')
  t.strictSame([await blocksIn('10.32.0.'), await claimsIn('10.32.0.')], [[], []])
})

t.test('the claims of load balancers are released too', async (t) => {
  await createPool(call, 'lb', { cidr: '10.33.0.0/24', allowedUses: ['LoadBalancer'], blockSize: 28 })
  const [address = ''] = addressesIn(await assign({ use: 'LoadBalancer', handle: 'lb-service', pools: ['lb'] }))
  t.equal((await claimsIn('10.33.0.', 'virtual')).length, 1)
  t.equal((await call('DELETE', `${poolsPath}/lb`)).status, 200)
  await until('the claim is released', async () => (await claimsIn('10.33.0.', 'virtual')).length === 0 || undefined)
  t.match(await blocksIn('10.33.0.'), [/"affinity":null,/])
  t.strictSame(await holdersIn('10.33.0.'), [address])
  await callOther('POST', '/ipam/v1/release', { addresses: [address] })
  await gone('lb')
})

t.test('an address that cools down keeps its pool until it has cooled', async (t) => {
  await keys.put('/calico/ipam/v2/config', '{"auto_allocate_blocks":true,"ipCooldownSeconds":2}')
  t.teardown(() => keys.delete('/calico/ipam/v2/config'))
  await createPool(call, 'cooling', { cidr: '10.34.0.0/24' })
  await assign({ handle: 'cooling', pools: ['cooling'], ipv4: 2 })
  await call('DELETE', '/ipam/v1/handles/cooling')
  t.match(await blocksIn('10.34.0.'), [/"releasedAt":/], 'it cools down')
  t.match((await call('DELETE', `${poolsPath}/cooling`)).body, { kind: 'IPPool' })
  t.equal((await callOther('GET', `${poolsPath}/cooling`)).status, 200)
  await gone('cooling')
  t.strictSame(await blocksIn('10.34.0.'), [])
})

t.test('from the moment a delete is acknowledged, no address of the pool is given out', async (t) => {
  await createPool(call, 'busy', { cidr: '10.35.0.0/22', blockSize: 28 })
  await createPool(call, 'refuge', { cidr: '10.36.0.0/16' })
  const inPool = (address: string): boolean => /^10\.35\./.test(address)
  const acknowledged: string[] = []
  const late: string[] = []
  let isDeleted = false
  let afterwards = 0
  let problems = 0
  const caller = async (number: number): Promise<void> => {
    const client = clients[number % clients.length]
    for (let turn = 0; afterwards < 320; turn++) {
      const isLate = isDeleted
      // By name of the pool, by the address itself, and whatever comes.
      const wish = [
        { pools: ['busy'] },
        { addresses: [`10.35.${String(turn % 4)}.${String(100 + number)}`] },
        { pools: ['busy', 'refuge'] },
        {},
      ][turn % 4]
      const node = `node-${String(number % 4)}`
      const answer = await client?.call('POST', '/ipam/v1/assign', {
        node,
        handle: `busy-${String(number)}`,
        maxBlocksPerNode: 1_000,
        ...wish,
      })
      if (isLate) afterwards++
      if (answer === undefined || ![201, 409, 422].includes(answer.status)) problems++
      const given = answer?.status === 201 ? addressesIn(answer).filter(inPool) : []
      acknowledged.push(...given)
      if (isLate) late.push(...given)
    }
  }
  const callers = Promise.all(Array.from({ length: 16 }, (_, number) => caller(number)))
  await until('assignments are under way', () => acknowledged.length > 100 || undefined)
  const deleted = await callOther('DELETE', `${poolsPath}/busy`)
  isDeleted = true
  const heldThen = await holdersIn('10.35.')
  await callers
  t.equal(deleted.status, 200)
  t.equal(problems, 0)
  t.ok(heldThen.length > 100, `${String(heldThen.length)} addresses are in use`)
  t.strictSame(late, [], 'no call that began after the acknowledgement was given an address of the pool')
  t.strictSame(await holdersIn('10.35.'), heldThen, 'what is in use has not changed since')
  t.strictSame([...new Set(acknowledged)].sort(), heldThen, 'and is exactly what was acknowledged')
  t.equal(acknowledged.length, heldThen.length, 'each once')
  t.strictSame(disagreements(await readStoredState(etcd.endpoint)), [])
  for (let number = 0; number < 16; number++) await call('DELETE', `/ipam/v1/handles/busy-${String(number)}`)
  await gone('busy')
})

t.test('a pool is kept by the address that it gives out while it is being deleted', async (t) => {
  let held = 0
  for (let turn = 0; turn < 30; turn++) {
    await createPool(call, 'brief', { cidr: '10.39.0.0/28', blockSize: 29 })
    const wish = { node: 'brief', handle: 'brief', pools: ['brief'] }
    const [assigned] = await Promise.all([call('POST', '/ipam/v1/assign', wish), call('DELETE', `${poolsPath}/brief`)])
    const isHeld = assigned.status === 201
    if (isHeld) held++
    t.strictSame(await holdersIn('10.39.'), isHeld ? addressesIn(assigned) : [])
    t.equal((await keys.get(poolKeyOf('brief'))) !== undefined, isHeld, `turn ${String(turn)}: ${String(isHeld)}`)
    await until('blocks and claims agree', async () => {
      return disagreements(await readStoredState(etcd.endpoint)).length === 0 || undefined
    })
    if (isHeld) await call('DELETE', '/ipam/v1/handles/brief')
    await gone('brief')
  }
  t.ok(held > 0, `${String(held)} of 30 assignments came first`)
})

t.test('a server killed in the middle of a deletion carries it on when it is started again', async (t) => {
  const { call, etcd, keys, servers } = await startIppoold(t)
  await createPool(call, 'large', { cidr: '10.40.0.0/18', blockSize: 28 })
  const claim = async (index: number): Promise<void> => {
    const answer = await call('POST', '/ipam/v1/assign', {
      node: `node-${String(index)}`,
      handle: `large-${String(index)}`,
    })
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
    if (index % 2 === 1) await call('DELETE', `/ipam/v1/handles/large-${String(index)}`)
  }
  await Promise.all(Array.from({ length: 300 }, (_, index) => claim(index)))
  const claims = async (): Promise<number> => Object.keys(await keys.dump('/calico/ipam/v2/host/')).length
  const before = await claims()
  t.equal(before, 300)

  t.match((await call('DELETE', `${poolsPath}/large`)).body, { kind: 'IPPool' })
  await until('the deletion has begun', async () => (await claims()) < before || undefined)
  await servers[0]?.stop('SIGKILL')
  const left = await claims()
  t.ok(left > 0, `${String(left)} claims are left`)

  const next = await startServer(t, { env: { ETCD_ENDPOINTS: etcd.endpoint } })
  const client = new HttpClient(t, next.url)
  await until('the claims are released', async () => (await claims()) === 0 || undefined)
  const state = await readStoredState(etcd.endpoint)
  t.strictSame(disagreements(state), [])
  t.equal(state.blocks.size, 150, 'the blocks with an address in use')
  t.equal(state.holders.size, 150)
  t.ok([...state.blocks.values()].every(({ affinity }) => affinity === null))
  await Promise.all([...state.handles.keys()].map((handle) => client.call('DELETE', `/ipam/v1/handles/${handle}`)))
  await until('the pool is gone', async () => (await keys.get(poolKeyOf('large'))) === undefined || undefined)
  t.strictSame(Object.keys(await keys.dump('/calico/')), [], 'nothing is left')
})
