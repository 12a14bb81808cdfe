import t from 'tap'
import type { Test } from 'tap'
import { startEtcd } from '../support/etcd.ts'
import { HttpClient } from '../support/http-client.ts'
import { Owners } from '../support/owners.ts'
import { startServer } from '../support/server.ts'
import { disagreements, readStoredState } from '../support/stored.ts'
import { isAll } from '../support/volume.ts'

const callers = 64
const nodes = 10
/** A node may have 20 blocks of 64 addresses, so ten of them hold 12,800. */
const addresses = isAll ? 10_000 : 2_000

for (const servers of [1, 2]) {
  t.test(`no address has two owners with ${String(callers)} callers on ${String(servers)} server(s)`, async (t) => {
    const etcd = await startEtcd(t)
    const clients = await Promise.all(
      Array.from({ length: servers }, async () => {
        const server = await startServer(t, { env: { ETCD_ENDPOINTS: etcd.endpoint } })
        return new HttpClient(t, server.url)
      }),
    )
    const created = await clients[0]?.call('POST', '/apis/projectcalico.org/v3/ippools', {
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPPool',
      metadata: { name: 'owners' },
      spec: { cidr: '10.20.0.0/16' },
    })
    t.equal(created?.status, 201)

    const owners = new Owners()
    await owners.assign(clients, callers, addresses, nodes)
    t.equal(owners.held.length, addresses)
    await agrees(t, etcd.endpoint, owners)
    await owners.release(clients, callers, owners.held.slice(0, addresses / 2))
    await agrees(t, etcd.endpoint, owners)
    await owners.assign(clients, callers, addresses / 2, nodes)
    t.equal(owners.held.length, addresses)
    await agrees(t, etcd.endpoint, owners)
  })
}

/** What was acknowledged is in etcd, under its handle, and nothing else is. */
async function agrees(t: Test, endpoint: string, owners: Owners): Promise<void> {
  const state = await readStoredState(endpoint)
  t.strictSame(owners.violations, [], 'no call was answered wrongly')
  t.strictSame(disagreements(state), [], 'blocks, handles and affinities agree')
  const acknowledged = owners.held.map(({ address, handle }) => `${address} ${handle}`).sort()
  const stored = [...state.holders].map(([address, handle]) => `${address} ${handle}`).sort()
  t.strictSame(stored, acknowledged, 'etcd holds exactly what was acknowledged')
}
