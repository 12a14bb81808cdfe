import t from 'tap'
import { settlingPatienceMs, stoppingPatienceMs } from '../../src/datastore/planning/index.ts'
import { startEtcd } from '../support/etcd.ts'
import { startProxy, type TcpProxy } from '../support/proxy.ts'
import { until } from '../support/until.ts'
import { increment, keyOf, numbersBelow, openEtcd, openStore, timesWritten } from './rig.ts'

const etcd = await startEtcd(t)
const keys = openEtcd(t, etcd.endpoint)
const slots = '/ippoold/v1/slots/'

/** A datastore behind a proxy, with one slot that has been used and a counter that is 1. */
async function start(t: Parameters<typeof openStore>[0], name: string, deadlineMs = 10_000) {
  const proxy = await startProxy(t, etcd.endpoint)
  const family = numbersBelow(`/${name}/`, 'values')
  const endpoints = [proxy.endpoint]
  await keys.delete().prefix(slots)
  const { datastore, logs } = await openStore(t, { endpoints, families: [family], batchesInFlight: 1, deadlineMs })
  const key = keyOf(family, 'counter')
  await datastore.submit(increment(key))
  return { proxy, datastore, logs, key }
}

/** Waits until etcd has written `key` for the n-th time. */
async function written(key: string, times: number): Promise<void> {
  await until(`${key} to be written ${times} times`, async () => (await timesWritten(keys, key)) >= times || undefined)
}

async function holding(proxy: TcpProxy, key: string): Promise<void> {
  await until('the commit to be on its way', () => proxy.holds('requests', key) || undefined)
}

t.test('a commit whose answer is lost is found to be applied, and is not repeated', async (t) => {
  const { proxy, datastore, logs, key } = await start(t, 'applied')
  proxy.hold('answers')
  const outcome = datastore.submit(increment(key))
  await written(key.text, 2)
  proxy.cut()
  const { answer, revision } = await outcome
  t.equal(answer, 2)
  const { kvs } = await keys.kv.range({ key: Buffer.from(key.text) })
  t.match(kvs, [{ mod_revision: String(revision), version: '2' }])
  const line = await until('the log', () => logs.find(({ message }) => message.startsWith('answers to commits')))
  t.match(line, { level: 'warn', details: { count: 1, transaction: /^\/ippoold\/v1\/slots\// } })
  t.equal((await datastore.submit(increment(key))).answer, 3)
})

t.test('every caller of a batch whose answer is lost gets its own answer', async (t) => {
  const { proxy, datastore, key } = await start(t, 'batch')
  proxy.hold('answers')
  const outcomes = Array.from({ length: 20 }, () => datastore.submit(increment(key)))
  await written(key.text, 2)
  proxy.cut()
  t.strictSame(
    (await Promise.all(outcomes)).map(({ answer }) => answer),
    Array.from({ length: 20 }, (_, n) => n + 2),
  )
  t.equal(await timesWritten(keys, key.text), 2)
})

t.test('a commit that did not arrive is fenced, made again, and stays out when it arrives late', async (t) => {
  const { proxy, datastore, key } = await start(t, 'late')
  proxy.hold('requests')
  const outcome = datastore.submit(increment(key))
  await holding(proxy, key.text)
  proxy.cutClients()
  t.equal((await outcome).answer, 2)
  t.equal(await timesWritten(keys, key.text), 2)
  proxy.release()
  await until('etcd to answer the late commit', () => proxy.isEveryCallAnswered || undefined)
  t.equal(await timesWritten(keys, key.text), 2)
  t.equal((await datastore.submit(increment(key))).answer, 3)
})

t.test('an operation whose commit is fenced after its deadline is refused, and nothing is held', async (t) => {
  const { proxy, datastore, key } = await start(t, 'deadline', 200)
  proxy.hold('requests')
  const submittedMs = Date.now()
  const outcome = t.rejects(datastore.submit(increment(key)), { code: 'Timeout' })
  await holding(proxy, key.text)
  await until('the deadline to pass', () => Date.now() > submittedMs + 250 || undefined)
  proxy.cutClients()
  await outcome
  proxy.release()
  await until('etcd to answer the late commit', () => proxy.isEveryCallAnswered || undefined)
  t.equal(await timesWritten(keys, key.text), 1)
})

t.test(
  'a caller that waits for a silent etcd hears in time that the outcome is unknown; it is settled later',
  async (t) => {
    for (const isApplied of [false, true]) {
      const { proxy, datastore, key } = await start(t, `silent-${isApplied}`, 200)
      proxy.hold(isApplied ? 'answers' : 'requests')
      // Whatever connection is tried next, it is as silent.
      proxy.newcomers = isApplied ? 'mute' : 'stall'
      const submittedMs = performance.now()
      await t.rejects(datastore.submit(increment(key)), { code: 'OutcomeUnknown', message: /may have been made/ })
      const waitedMs = performance.now() - submittedMs
      t.ok(waitedMs >= 200 + settlingPatienceMs, 'a short silence leaves nobody in doubt')
      t.ok(waitedMs < 200 + settlingPatienceMs + 1_500, `the wait has a bound: ${Math.round(waitedMs)} ms`)
      await t.rejects(datastore.submit(increment(key)), { code: 'Timeout' }, 'nothing is built on what is not known')
      proxy.newcomers = 'pass'
      proxy.cutClients()
      proxy.release()
      const sum = await until('the commit to be settled', () =>
        datastore.submit(increment(key)).then(
          ({ answer }) => answer,
          () => undefined,
        ),
      )
      t.equal(sum, await timesWritten(keys, key.text), 'the plan stood on what had become of it')
      if (isApplied) t.equal(sum, 3)
      t.ok([2, 3].includes(sum), 'it counts once or not at all')
    }
  },
)

t.test('a server that stops while etcd is silent tells its callers, and ends, in bounded time', async (t) => {
  const { proxy, datastore, key } = await start(t, 'stopping', 60_000)
  proxy.hold('answers')
  proxy.newcomers = 'mute'
  const sent = t.rejects(datastore.submit(increment(key)), { code: 'OutcomeUnknown' })
  await written(key.text, 2)
  const waiting = t.rejects(datastore.submit(increment(key)), { code: 'ServiceUnavailable', message: /nothing/ })
  const askedMs = performance.now()
  datastore.announceStop()
  await Promise.all([sent, waiting])
  await datastore.close()
  const tookMs = performance.now() - askedMs
  t.ok(tookMs < stoppingPatienceMs + 3_000, `it took ${Math.round(tookMs)} ms`)
})

t.test('a fence whose answer is lost is set again, whichever way the commit went', async (t) => {
  const { proxy, datastore, key } = await start(t, 'applied-fence')
  proxy.hold('answers')
  const applied = datastore.submit(increment(key))
  await written(key.text, 2)
  proxy.newcomers = 'mute'
  proxy.cut()
  await until('the answer to the fence', () => proxy.holds('answers', slots) || undefined)
  proxy.newcomers = 'pass'
  proxy.cut()
  t.equal((await applied).answer, 2)
  t.equal(await timesWritten(keys, key.text), 2)

  proxy.hold('requests')
  const fenced = datastore.submit(increment(key))
  await holding(proxy, key.text)
  proxy.newcomers = 'mute'
  proxy.cutClients()
  await until(
    'the fence',
    async () => Object.values(await keys.getAll().prefix(slots).strings()).includes('fenced') || undefined,
  )
  proxy.newcomers = 'pass'
  proxy.cutClients()
  t.equal((await fenced).answer, 3)
  proxy.release()
  await until('etcd to answer the late commit', () => proxy.isEveryCallAnswered || undefined)
  t.equal(await timesWritten(keys, key.text), 3)
})

t.test('a connection that goes half-open is given up: the commit on it is settled, the watch resumed', async (t) => {
  const { proxy, datastore, logs, key } = await start(t, 'half-open')
  proxy.freeze()
  t.equal((await datastore.submit(increment(key))).answer, 2)
  t.equal(await timesWritten(keys, key.text), 2)
  // Keep-alive pings of the connection find it out, every ten seconds.
  const resumed = () => logs.some(({ message }) => message.startsWith('the watch broke')) || undefined
  await until('the watch to be resumed', resumed)
  await until('it to be ready', () => datastore.health().ready || undefined)
})

t.test('a slot that has vanished is written again', async (t) => {
  const { datastore, logs, key } = await start(t, 'vanished')
  await keys.delete().prefix(slots)
  t.equal((await datastore.submit(increment(key))).answer, 2)
  const { leases } = await keys.leaseClient.leaseLeases()
  for (const { ID } of leases) await keys.leaseClient.leaseRevoke({ ID })
  t.equal(await keys.getAll().prefix(slots).count(), 0)
  t.equal((await datastore.submit(increment(key))).answer, 3, 'so is one that vanished with its lease')
  t.equal(await keys.getAll().prefix(slots).count(), 1)
  t.equal(await timesWritten(keys, key.text), 3)
  t.strictSame(logs, [])
})

t.test('when the receipt itself has vanished, the outcome is unknown, and the next call works', async (t) => {
  const { proxy, datastore, key } = await start(t, 'unknown')
  proxy.hold('answers')
  const outcome = t.rejects(datastore.submit(increment(key)), { code: 'OutcomeUnknown' })
  await written(key.text, 2)
  await keys.delete().prefix(slots)
  proxy.cut()
  await outcome
  t.equal((await datastore.submit(increment(key))).answer, 3)
})

t.test('the first commit of a slot is not taken for fenced either', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const family = numbersBelow('/first/', 'values')
  const { datastore } = await openStore(t, { endpoints: [proxy.endpoint], families: [family] })
  const key = keyOf(family, 'counter')
  await keys.delete().prefix(slots)
  proxy.hold('answers')
  const outcome = t.rejects(datastore.submit(increment(key)), { code: 'OutcomeUnknown' })
  const written = async () => Object.keys(await keys.getAll().prefix(slots).strings()).length > 0 || undefined
  await until('the slot to be written', written)
  proxy.hold('requests')
  proxy.release('answers')
  await holding(proxy, key.text)
  proxy.hold('answers')
  proxy.release('requests')
  await until('the commit to be applied', async () => (await timesWritten(keys, key.text)) > 0 || undefined)
  await keys.delete().prefix(slots)
  proxy.cut()
  await outcome
  t.equal(await timesWritten(keys, key.text), 1)
})
