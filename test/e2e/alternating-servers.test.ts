import t from 'tap'
import { startEtcd } from '../support/etcd.ts'
import { HttpClient } from '../support/http-client.ts'
import { addressesIn, allocationsIn, createPool } from '../support/ippoold.ts'
import { startProxy, type TcpProxy } from '../support/proxy.ts'
import { startServer } from '../support/server.ts'
import { disagreements, readStoredState } from '../support/stored.ts'

/**
 * One caller uses two servers in turn, as behind a load balancer, and waits for each answer. Neither server has heard of what the other
 * one wrote just before, so it loses a race that is over. That is no reason to claim another block.
 */

const etcd = await startEtcd(t)
const proxies: TcpProxy[] = []
const clients: HttpClient[] = []
for (const _ of ['one', 'other']) {
  const proxy = await startProxy(t, etcd.endpoint)
  proxies.push(proxy)
  clients.push(new HttpClient(t, (await startServer(t, { env: { ETCD_ENDPOINTS: proxy.endpoint } })).url))
}
const [one, other] = clients
if (one === undefined || other === undefined) throw new Error('there is no server')
await createPool((...request) => one.call(...request), 'narrow', { cidr: '10.1.0.0/24', blockSize: 29 })
await createPool((...request) => one.call(...request), 'wide', { cidr: '10.2.0.0/16', blockSize: 26 })

for (const node of ['node-1', undefined]) {
  t.test(`${node ?? 'no node'}: a block is used up before the next one is claimed`, async (t) => {
    const held = new Map<string, string>()
    /** Assigns `count` addresses, one after the other; gives how many are of each block, in the order of the first one of each. */
    const assign = async (pool: string, count: number): Promise<readonly number[]> => {
      const counts = new Map<string, number>()
      for (let call = 0; call < count; call++) {
        const handle = `${node ?? 'none'}-${pool}-${call}`
        const client = call % 2 === 0 ? one : other
        const answer = await client.call('POST', '/ipam/v1/assign', { handle, pools: [pool], ...(node && { node }) })
        t.equal(answer.status, 201)
        const [address = ''] = addressesIn(answer)
        t.notOk(held.has(address), `${address} has one owner`)
        held.set(address, handle)
        for (const { block } of allocationsIn(answer)) counts.set(block, (counts.get(block) ?? 0) + 1)
      }
      return [...counts.values()]
    }
    t.strictSame(await assign('wide', 12), [12], 'while the watches are on time')
    for (const proxy of proxies) proxy.hold('pushes')
    t.strictSame(await assign('wide', 40), [40], 'while they are late')
    t.strictSame(await assign('narrow', 20), [8, 8, 4])
    for (const proxy of proxies) proxy.release()
    const state = await readStoredState(etcd.endpoint)
    t.strictSame(disagreements(state), [])
    for (const [address, handle] of held) t.equal(state.holders.get(address), handle)
  })
}
