import type { IRangeRequest, IRangeResponse } from 'etcd3'
import t, { type Test } from 'tap'
import { EtcdClient } from '../../../../src/datastore/etcd/client.ts'
import { Refresher } from '../../../../src/datastore/etcd/engine/index.ts'
import { loadFamily } from '../../../../src/datastore/etcd/snapshot.ts'
import { HeldFamily } from '../../../../src/datastore/image/index.ts'
import { Lease } from '../../../../src/datastore/etcd/lease.ts'
import { ImageWatch } from '../../../../src/datastore/etcd/watch/index.ts'
import { silentProbe } from '../../../../src/datastore/index.ts'
import { startEtcd } from '../../../support/etcd.ts'
import { startProxy } from '../../../support/proxy.ts'
import { until } from '../../../support/until.ts'
import { numbersBelow, openEtcd } from '../../rig.ts'

const etcd = await startEtcd(t)
const keys = openEtcd(t, etcd.endpoint)

class CountingClient extends EtcdClient {
  reads = 0

  override async range(request: IRangeRequest, deadlineMs?: number): Promise<IRangeResponse> {
    this.reads++
    return super.range(request, deadlineMs)
  }
}

/** A family with `a=1` and `b=2`, followed by a watch through a proxy, and a refresher for it. */
async function start(t: Test, name: string) {
  const proxy = await startProxy(t, etcd.endpoint)
  const client = new CountingClient({ endpoints: [proxy.endpoint] })
  t.teardown(() => client.close())
  const family = numbersBelow(`/${name}/`, 'values')
  await keys.put(`${family.prefix}a`).value('1')
  await keys.put(`${family.prefix}b`).value('2')
  const held = new HeldFamily(family, undefined, (key) => t.fail(key))
  await loadFamily(client, held)
  const marks = `/${name}-marks/`
  const watch = new ImageWatch(client, [held], marks, silentProbe)
  watch.start()
  t.teardown(() => watch.close())
  await until('the watch to be connected', () => watch.isConnected || undefined)
  const lease = await Lease.open(client, 60, 30)
  const refresher = new Refresher({ client, watch, mark: `${marks}server`, lease })
  client.reads = 0
  const text = (): string =>
    held
      .listing(family.prefix)
      .map((entry) => `${entry.key.at(-1)}=${entry.kind === 'value' ? String(entry.value) : entry.kind}`)
      .join()
  return { proxy, client, family, held, watch, lease, refresher, marks, text }
}

t.test('what others did before the call is in memory, and no family is read for it', async (t) => {
  const { client, family, held, refresher, text } = await start(t, 'followed')
  for (let round = 1; round <= 50; round++) {
    await keys.put(`${family.prefix}a`).value(String(round))
    await keys.delete().key(`${family.prefix}b`)
    await refresher.refresh([held])
    t.equal(text(), `a=${round}`)
    await keys.put(`${family.prefix}b`).value('7')
    await refresher.refresh([held])
    t.equal(text(), `a=${round},b=7`)
  }
  t.equal(client.reads, 0)
})

t.test('a watch that is late is waited for', async (t) => {
  const { proxy, client, family, held, marks, refresher, text } = await start(t, 'late')
  proxy.hold('pushes')
  await keys.put(`${family.prefix}a`).value('5')
  const refreshed = refresher.refresh([held])
  await until('the mark', () => proxy.holds('pushes', marks) || undefined)
  t.equal(text(), 'a=1,b=2')
  proxy.release()
  await refreshed
  t.equal(text(), 'a=5,b=2')
  t.equal(client.reads, 0)
})

t.test('if the watch brings nothing, the families are read, once for all who ask', async (t) => {
  const { proxy, client, family, held, refresher, text } = await start(t, 'silent')
  proxy.hold('pushes')
  await keys.put(`${family.prefix}a`).value('5')
  await keys.delete().key(`${family.prefix}b`)
  await Promise.all(Array.from({ length: 20 }, () => refresher.refresh([held])))
  t.equal(text(), 'a=5')
  t.ok(client.reads <= 4, `two reads for the first, two for the others: ${client.reads}`)
})

t.test(
  'if etcd refuses the mark because its lease is gone, the families are read, and the next mark has another lease',
  async (t) => {
    const { client, family, held, lease, refresher, text } = await start(t, 'refused')
    await lease.revoke()
    await keys.put(`${family.prefix}a`).value('5')
    await refresher.refresh([held])
    t.equal(text(), 'a=5,b=2')
    t.equal(client.reads, 1)
    await keys.put(`${family.prefix}a`).value('6')
    await refresher.refresh([held])
    t.equal(text(), 'a=6,b=2')
    t.equal(client.reads, 1)
  },
)

t.test('without etcd, a refresh fails', async (t) => {
  const { proxy, held, refresher } = await start(t, 'away')
  proxy.newcomers = 'refuse'
  proxy.cut()
  await t.rejects(refresher.refresh([held]), { code: 'ServiceUnavailable' })
})
