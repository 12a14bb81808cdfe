import t from 'tap'
import {
  addressesIn,
  allocationsIn,
  changesNothing,
  createPool,
  poolsPath,
  refusalIn,
  startIppoold,
} from '../support/ippoold.ts'

const { call, callOther, keys } = await startIppoold(t, { servers: 2 })
const ipamKeys = '/calico/ipam/'

t.test(
  'a split in the middle of assigning leaves every block and address as it is, in pools that go on giving',
  async (t) => {
    await createPool(call, 'blue', { cidr: '10.1.0.0/24', blockSize: 28, natOutgoing: true })
    const held = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        call('POST', '/ipam/v1/assign', { node: `n${index}`, handle: `h${index}` }),
      ),
    )
    const before = await keys.dump(ipamKeys)
    const dry = await changesNothing(t, keys, () => call('POST', '/ipam/v1/pools/blue/split?dryRun=All', { parts: 4 }))
    const answer = {
      pool: 'blue',
      parts: ['10.1.0.0/26', '10.1.0.64/26', '10.1.0.128/26', '10.1.0.192/26'].map((cidr, index) => {
        return { name: `split-blue-${index}`, cidr }
      }),
    }
    t.strictSame(dry.body, { ...answer, dryRun: 'All' })
    const revision = await keys.revision()
    const split = await call('POST', '/ipam/v1/pools/blue/split', { parts: 4 })
    t.strictSame({ status: split.status, body: split.body }, { status: 200, body: answer })
    t.equal(await keys.revision(), revision + 1n, 'one transaction')
    t.strictSame(await keys.dump(ipamKeys), before)
    t.strictSame((await callOther('POST', '/ipam/v1/pools/blue/split', { parts: 4 })).body, answer, 'said again')
    t.match(refusalIn(await callOther('GET', `${poolsPath}/blue`)), { status: 404 })

    for (const [index, assigned] of held.entries()) {
      const read = await callOther('GET', `/ipam/v1/handles/h${index}`)
      t.strictSame(addressesIn(read), addressesIn(assigned))
      t.match(allocationsIn(read)[0]?.pool, /^split-blue-[0-3]$/)
    }
    const next = await callOther('POST', '/ipam/v1/assign', { node: 'n0', pools: ['split-blue-3'] })
    t.match(addressesIn(next), [/^10\.1\.0\.(19[2-9]|2\d\d)$/])
  },
)

t.test('callers never lose an address, nor get one twice, while their pool is split under them', async (t) => {
  await createPool(call, 'busy', { cidr: '10.2.0.0/22', blockSize: 26 })
  const calls = Array.from({ length: 60 }, (_, index) =>
    (index % 2 === 0 ? call : callOther)('POST', '/ipam/v1/assign', { node: `b${index % 3}`, handle: `b${index}` }),
  )
  const split = await callOther('POST', '/ipam/v1/pools/busy/split', { parts: 8 })
  t.equal(split.status, 200)
  const answers = await Promise.all(calls)
  t.strictSame([...new Set(answers.map(({ status }) => status))], [201])
  const addresses = answers.flatMap(addressesIn)
  t.equal(new Set(addresses).size, 60)
})

t.test('what cannot be split is refused, and nothing is changed', async (t) => {
  await createPool(call, 'green', { cidr: '10.9.0.0/26' })
  for (const [name, body, status] of [
    ['green', { parts: 2 }, 422],
    ['green', { parts: 3 }, 422],
    ['green', {}, 400],
    ['green', { parts: 2, into: 3 }, 400],
    ['nosuch', { parts: 2 }, 404],
  ] as const) {
    const refused = await changesNothing(t, keys, () => call('POST', `/ipam/v1/pools/${name}/split`, body))
    t.equal(refused.status, status, JSON.stringify(refused.body))
  }
  const information = '/calico/resources/v3/projectcalico.org/clusterinformations/default'
  await createPool(call, 'red', { cidr: '10.8.0.0/24' })
  await keys.put(information, '{"metadata":{"name":"default"},"spec":{"datastoreReady":true}}')
  t.match(refusalIn(await callOther('POST', '/ipam/v1/pools/red/split', { parts: 2 })), { status: 409 })
  await keys.put(information, '{"metadata":{"name":"default"},"spec":{"datastoreReady":false}}')
  t.equal((await callOther('POST', '/ipam/v1/pools/red/split', { parts: 2 })).status, 200)
})
