import t from 'tap'
import {
  affinities,
  blocks,
  confirmedAffinity,
  newBlock,
  releaseOrdinals,
  assignAutomatically,
} from '../../src/model/index.ts'
import { mustParseCidr, ordinal } from '../../src/net/index.ts'
import { keyOfBlock, keyOfClaim, resource } from '../support/corruption.ts'
import { addressesIn, createPool, startIppoold } from '../support/ippoold.ts'
import { freeze, thaw } from '../support/freeze.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { disagreements, readStoredState } from '../support/stored.ts'
import { until } from '../support/until.ts'

const env = { IPPOOLD_UPKEEP_INTERVAL_SECONDS: '1', IPPOOLD_UPKEEP_GRACE_SECONDS: '1' }
const stored = Object.fromEntries(
  ['node-0', 'node-1'].map((name) => [
    `/calico/resources/v3/projectcalico.org/nodes/${name}`,
    resource('Node', name, {}),
  ]),
)
const { etcd, keys, servers, call } = await startIppoold(t, { servers: 2, stored, env })
await createPool(call, 'kept', { cidr: '10.70.0.0/20', blockSize: 28 })
const leaderKey = '/ippoold/v1/leaders/upkeep'

/** The server that leads the upkeep, of those that run. */
async function leaderAmong(candidates: readonly TestServer[]): Promise<TestServer> {
  return until(
    'a leader',
    () => {
      // The last line about it counts.
      const leading = candidates.filter((server) => /leads the upkeep(?!.*leaves the upkeep)/s.test(server.output()))
      return leading.length === 1 ? leading[0] : undefined
    },
    60_000,
  )
}

let planted = 0

/** Stores a block of a node, of which the first address was released long ago, and the next `held` ones are held. */
async function plantBlock(node: string, isCooling: boolean, held: number): Promise<string> {
  const cidr = `10.70.8.${String(16 * planted++)}/28`
  const now = { nanoseconds: BigInt(Date.now()) * 1_000_000n }
  let block = newBlock(mustParseCidr(cidr), { type: 'host', name: node }, now)
  if (isCooling) {
    block = assignAutomatically(block, 1, () => false, { handle: 'gone' }).block
    block = releaseOrdinals(block, [ordinal(0)], { nanoseconds: now.nanoseconds - 3_600_000_000_000n }, 60).block
  }
  for (let number = 0; number < held; number++) {
    block = assignAutomatically(block, 1, () => false, { attributes: { node } }).block
  }
  await keys.put(keyOfClaim(node, cidr), affinities.encode(confirmedAffinity))
  await keys.put(keyOfBlock(cidr), blocks.encode(block))
  return cidr
}

/** Waits until garbage of each kind is gone; what is in use stays. */
async function collected(): Promise<void> {
  const deserted = await plantBlock('node-that-is-gone', false, 0)
  const cooled = await plantBlock('node-1', true, 1)
  const spare = await plantBlock('node-1', false, 0)
  const inUse = await plantBlock('node-that-is-gone', false, 2)
  const text = async (cidr: string): Promise<string | undefined> => (await keys.get(keyOfBlock(cidr)))?.text
  const before = await text(inUse)
  const isGone = async (cidr: string): Promise<true | undefined> =>
    (await text(cidr)) === undefined ? true : undefined
  await until('the block of a node that is gone', () => isGone(deserted), 60_000)
  await until('the spare block', () => isGone(spare), 60_000)
  await until(
    'the address that has cooled down',
    async () => ((await text(cooled))?.includes('releasedAt') === false ? true : undefined),
    60_000,
  )
  t.equal(await text(inUse), before, 'what is in use is not touched')
  t.match(await text(cooled), /"allocations":\[null,0,/)
  for (const node of ['node-that-is-gone', 'node-1']) {
    t.equal(await keys.get(keyOfClaim(node, node === 'node-1' ? spare : deserted)), undefined)
  }
}

/** Everything that a server has committed through, with the revisions in the values. */
async function commitsOf(id: string): Promise<Readonly<Record<string, string>>> {
  return keys.dump(`/ippoold/v1/slots/${id}/`)
}

t.test('what is left of objects that were deleted on etcd goes, in the same way', async (t) => {
  const resources = '/calico/resources/v3/projectcalico.org'
  const annexesLeft = async (): Promise<readonly string[]> =>
    Object.keys(await keys.dump('/ippoold/v1/annexes/')).map((key) => key.replace('/ippoold/v1/annexes/', ''))
  const base = '/apis/projectcalico.org/v3'
  await createPool(call, 'deleted', { cidr: '10.71.0.0/24' })
  await call('POST', `${base}/ipreservations`, { metadata: { name: 'r' }, spec: { reservedCIDRs: ['10.72.0.0/30'] } })
  await call('POST', `${base}/nodes`, { metadata: { name: 'n' } })
  await call('POST', `${base}/ipamconfigurations`, { metadata: { name: 'default', labels: { a: 'b' } } })
  t.strictSame(await annexesLeft(), [
    'ipamconfigurations/default',
    'ippools/deleted',
    'ippools/kept',
    'ipreservations/r',
    'nodes/n',
  ])
  for (const name of ['ippools/deleted', 'ipreservations/r', 'nodes/n']) await keys.delete(`${resources}/${name}`)
  await keys.delete('/calico/ipam/v2/config')
  await keys.put('/ippoold/v1/annexes/ippools/unreadable', '?')
  await until('the end of the annexes', async () => ((await annexesLeft()).length > 2 ? undefined : true), 60_000)
  t.strictSame(await annexesLeft(), ['ippools/kept', 'ippools/unreadable'])
  await keys.delete('/ippoold/v1/annexes/ippools/unreadable')
})

t.test(
  'one server tidies up; another one when it was killed, and when it was stopped, after which it writes nothing',
  async (t) => {
    const held = addressesIn(await call('POST', '/ipam/v1/assign', { handle: 'holder', node: 'node-0', ipv4: 3 }))
    t.equal(held.length, 3)
    const first = await leaderAmong(servers)
    await collected()

    await first.stop('SIGKILL')
    const rest = servers.filter((server) => server !== first)
    const second = await leaderAmong(rest)
    t.not(second, first)
    await collected()

    const newcomer = await startServer(t, { env: { ETCD_ENDPOINTS: etcd.endpoint, ...env } })
    const secondId = (await keys.get(leaderKey))?.text ?? ''
    t.ok(Object.keys(await commitsOf(secondId)).length > 0)
    await freeze(second.pid)
    t.teardown(() => {
      thaw(second.pid)
    })
    const third = await leaderAmong([newcomer])
    const asleep = await commitsOf(secondId)
    await collected()
    thaw(second.pid)
    await until(
      'the end of its leadership',
      () => (/leaves the upkeep/.test(second.output()) ? true : undefined),
      60_000,
    )
    await collected()
    t.strictSame(await commitsOf(secondId), asleep, 'what it had in mind was refused')
    t.not((await keys.get(leaderKey))?.text, secondId)
    t.equal(third, newcomer)

    const state = await readStoredState(etcd.endpoint)
    for (const address of held) t.equal(state.holders.get(address), 'holder')
    t.strictSame(disagreements(state), [])
  },
)
