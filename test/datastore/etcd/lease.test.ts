import t from 'tap'
import { EtcdClient } from '../../../src/datastore/etcd/client.ts'
import { Lease } from '../../../src/datastore/etcd/lease.ts'
import { type Plan, put, type View } from '../../../src/plan/index.ts'
import { startEtcd } from '../../support/etcd.ts'
import { until } from '../../support/until.ts'
import { keyOf, numbersBelow, openEtcd, openStore } from '../rig.ts'

const etcd = await startEtcd(t)
const keys = openEtcd(t, etcd.endpoint)
const client = new EtcdClient({ endpoints: [etcd.endpoint] })
t.teardown(() => client.close())

/** How long the lease of a key is from its grant to its end, in seconds; 0 when the key has no lease. */
async function leaseSecondsOf(key: string): Promise<{ id: string; granted: number; left: number }> {
  const { kvs } = await keys.kv.range({ key: Buffer.from(key) })
  const id = kvs[0]?.lease ?? '0'
  if (id === '0') return { id, granted: 0, left: 0 }
  const { grantedTTL, TTL } = await keys.leaseClient.leaseTimeToLive({ ID: id })
  return { id, granted: Number(grantedTTL), left: Number(TTL) }
}

t.test('a lease is replaced when it is time, and goes on meanwhile', async (t) => {
  const lease = await Lease.open(client, 60, 0)
  const first = lease.current()
  t.equal((await keys.leaseClient.leaseTimeToLive({ ID: first })).grantedTTL, '60')
  const second = await until('another lease', () => (lease.current() === first ? undefined : lease.current()))
  t.equal((await keys.leaseClient.leaseTimeToLive({ ID: second })).grantedTTL, '60')
  t.equal(
    (await keys.leaseClient.leaseTimeToLive({ ID: first })).grantedTTL,
    '60',
    'what is attached to the old one stays',
  )
})

t.test('a lease that is young is not replaced, unless it has to be', async (t) => {
  const lease = await Lease.open(client, 60, 30)
  const first = lease.current()
  t.equal(lease.current(), first)
  await Promise.all([lease.renew(), lease.renew(), lease.renew()])
  const second = lease.current()
  t.not(second, first)
  await lease.revoke()
  t.equal((await keys.leaseClient.leaseTimeToLive({ ID: second })).TTL, '-1')
})

t.test(
  'what is to expire is attached to a lease that lasts long enough, also after a time without writes',
  async (t) => {
    const family = numbersBelow('/expiring/', 'recent')
    const { datastore } = await openStore(t, { endpoints: [etcd.endpoint], families: [family], expirySeconds: 4 })
    const store =
      (name: string, isExpiring: boolean) =>
      (view: View): Plan<string> => {
        const key = keyOf(family, name)
        view.get(key)
        return { answer: key.text, writes: [put(key, 1, { isExpiring })] }
      }
    const [kept, first, second] = await Promise.all([
      datastore.submit(store('kept', false)),
      datastore.submit(store('a', true)),
      datastore.submit(store('b', true)),
    ])
    t.equal((await leaseSecondsOf(kept.answer)).id, '0')
    const { id, granted } = await leaseSecondsOf(first.answer)
    t.equal(granted, 8)
    t.equal((await leaseSecondsOf(second.answer)).id, id, 'a lease is shared')

    // The lease takes new keys for four of its eight seconds; that it is time for another is looked at every second.
    await until(
      'the lease to be more than half over',
      async () => (await leaseSecondsOf(first.answer)).left <= 1 || undefined,
    )
    const late = await datastore.submit(store('late', true))
    t.not((await leaseSecondsOf(late.answer)).id, id)
    await until('the first to be forgotten', async () => (await leaseSecondsOf(first.answer)).id === '0' || undefined)
    t.equal((await keys.getAll().prefix(family.prefix).keys()).length, 2)
  },
)
