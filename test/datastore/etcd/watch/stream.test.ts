import t from 'tap'
import type { Test } from 'tap'
import { EtcdClient } from '../../../../src/datastore/etcd/client.ts'
import { prefixEnd } from '../../../../src/datastore/etcd/keys.ts'
import { WatchStream } from '../../../../src/datastore/etcd/watch/stream.ts'
import { silentProbe } from '../../../../src/datastore/index.ts'
import { EtcdKeys } from '../../../support/etcd-keys.ts'
import { startEtcd } from '../../../support/etcd.ts'
import { startProxy } from '../../../support/proxy.ts'
import { until } from '../../../support/until.ts'

const etcd = await startEtcd(t)
const keys = new EtcdKeys(t, etcd.endpoint)

/** A stream that watches the keys below a prefix, and what came of it. */
class Watching {
  readonly client: EtcdClient
  readonly stream: WatchStream
  /** The values that arrived, in order. */
  readonly values: string[] = []
  /** What the user and the probe heard, in order. */
  readonly heard: string[] = []
  /** How often the preparation is still to fail. */
  failures = 0

  constructor(t: Test, prefix: string, endpoints: readonly string[] = [etcd.endpoint]) {
    this.client = new EtcdClient({ endpoints })
    const probe = {
      ...silentProbe,
      watchOpened: () => this.heard.push('confirmed'),
      watchBroke: ({ error }: { error: Error }) => this.heard.push(`broke: ${error.message}`),
    }
    this.stream = new WatchStream(this.client, 'journal', probe, {
      prepare: async () => {
        if (this.failures-- > 0) throw new Error('not prepared')
      },
      opened: () => {
        this.heard.push('opened')
        this.stream.send({ create_request: { key: Buffer.from(prefix), range_end: prefixEnd(prefix) } })
      },
      received: ({ created, events }) => {
        if (created) this.stream.confirm()
        for (const { kv } of events) this.values.push(kv.value.toString())
      },
      broke: () => this.heard.push('to be opened again'),
    })
    t.teardown(() => {
      this.stream.close()
      this.client.close()
    })
  }

  /** Waits until the watcher works. */
  async confirmed(times = 1): Promise<void> {
    await until('the watcher', () => this.heard.filter((line) => line === 'confirmed').length >= times || undefined)
  }

  async has(...values: readonly string[]): Promise<void> {
    await until(`the values ${values.join()}`, () => this.values.join() === values.join() || undefined)
  }
}

t.test('a stream that breaks is opened again, and its user creates the watchers again', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const watching = new Watching(t, '/s1/', [proxy.endpoint])
  t.notOk(watching.stream.isOpen)
  watching.stream.open()
  await watching.confirmed()
  t.ok(watching.stream.isOpen)
  await keys.put('/s1/a', '1')
  await watching.has('1')
  const { id } = watching.stream
  proxy.cut()
  await watching.confirmed(2)
  t.not(watching.stream.id, id, 'work for the old stream is void')
  await keys.put('/s1/a', '2')
  await watching.has('1', '2')
  t.match(watching.heard, ['opened', 'confirmed', /^broke: /, 'to be opened again', 'opened', 'confirmed'])
})

t.test('a stream that is closed leaves its connection to others, and can be opened again', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const watching = new Watching(t, '/s2/', [proxy.endpoint])
  const other = new WatchStream(watching.client, 'image', silentProbe, {
    opened: () => {
      other.send({ create_request: { key: Buffer.from('/s2/'), range_end: prefixEnd('/s2/') } })
    },
    received: ({ events }) => {
      for (const { kv } of events) others.push(kv.value.toString())
    },
    broke: () => others.push('broke'),
  })
  const others: string[] = []
  t.teardown(() => {
    other.close()
  })
  other.open()
  watching.stream.open()
  await watching.confirmed()
  watching.stream.close()
  t.notOk(watching.stream.isOpen)
  watching.stream.open()
  // The second opening overtakes the first.
  watching.stream.open()
  await watching.confirmed(2)
  await keys.put('/s2/a', '1')
  await watching.has('1')
  await until('the other stream to have it', () => others.length > 0 || undefined)
  t.strictSame(others, ['1'])
  t.equal(proxy.accepted, 1)
  t.notMatch(watching.heard.join(), /broke/)
})

t.test('a stream that is given up leaves its connection, on which nothing may arrive any more', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const watching = new Watching(t, '/s3/', [proxy.endpoint])
  watching.stream.open()
  await watching.confirmed()
  proxy.hold('pushes')
  await keys.put('/s3/a', '1')
  watching.stream.resume(new Error('It is silent.'))
  await watching.confirmed(2)
  await keys.put('/s3/a', '2')
  await watching.has('2')
  t.match(watching.heard, ['opened', 'confirmed', 'broke: It is silent.', 'to be opened again', 'opened', 'confirmed'])
  t.equal(proxy.accepted, 2)
})

t.test('an opening that fails is tried again, and breaks nothing that was open', async (t) => {
  const watching = new Watching(t, '/s4/')
  watching.failures = 3
  watching.stream.open()
  await watching.confirmed()
  const again = 'to be opened again'
  t.strictSame(watching.heard, [again, again, again, 'opened', 'confirmed'])
})

t.test('the next member is tried when one is away or faulty', async (t) => {
  const proxies = [await startProxy(t, etcd.endpoint), await startProxy(t, etcd.endpoint)] as const
  const watching = new Watching(
    t,
    '/s5/',
    proxies.map(({ endpoint }) => endpoint),
  )
  watching.stream.open()
  await watching.confirmed()
  t.equal(watching.client.member, 0)
  watching.stream.resume(new Error('It is behind.'))
  await watching.confirmed(2)
  t.equal(watching.client.member, 1)
  proxies[1].newcomers = 'refuse'
  proxies[1].cut()
  await watching.confirmed(3)
  t.equal(watching.client.member, 0)
})
