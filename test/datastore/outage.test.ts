import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { DatastoreUnavailable, type Store } from '../../src/datastore/index.ts'
import { answerOnly, type Key } from '../../src/plan/index.ts'
import { startEtcd, startEtcdCluster } from '../support/etcd.ts'
import { startProxy } from '../support/proxy.ts'
import { until } from '../support/until.ts'
import { increment, keyOf, numberAt, numbersBelow, openEtcd, openStore, timesWritten } from './rig.ts'

t.test('every acknowledged increment survives kill -9 of etcd, and none is there twice', async (t) => {
  const cluster = await startEtcdCluster(t, 1)
  const [member] = cluster.members
  if (member === undefined) throw new Error('A cluster of one has a member.')
  const family = numbersBelow('/killed/', 'values')
  const options = { endpoints: cluster.endpoints, families: [family], deadlineMs: 5_000 }
  const stores = [await openStore(t, options), await openStore(t, options)]
  const counters = ['a', 'b', 'c', 'd'].map((name) => ({ key: keyOf(family, name), acknowledged: 0 }))
  let isOver = false
  const call = async (datastore: Store, counter: { key: Key<number>; acknowledged: number }): Promise<void> => {
    while (!isOver) {
      try {
        await datastore.submit(increment(counter.key))
        counter.acknowledged++
      } catch (fault) {
        if (!(fault instanceof DatastoreUnavailable) || fault.code === 'OutcomeUnknown') throw fault
        await pause(5)
      }
    }
  }
  const calls = stores.flatMap(({ datastore }) =>
    counters.flatMap((counter) => Array.from({ length: 4 }, () => call(datastore, counter))),
  )
  const total = (): number => counters.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
  const progress = (count: number) => {
    const start = total()
    return until(`${count} increments`, () => total() >= start + count || undefined)
  }
  for (let round = 0; round < 3; round++) {
    await progress(200)
    await member.kill()
    await member.start()
  }
  await progress(200)
  isOver = true
  await Promise.all(calls)
  const etcd = openEtcd(t, member.endpoint)
  for (const { key, acknowledged } of counters) t.equal(await etcd.get(key.text).number(), acknowledged, key.text)
})

const etcd = await startEtcd(t)
const keys = openEtcd(t, etcd.endpoint)

t.test('while etcd is away callers hear so in time, and the server rests', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const family = numbersBelow('/away/', 'values')
  const cold = numbersBelow('/away-cold/', 'recent')
  const key = keyOf(family, 'a')
  const { datastore } = await openStore(t, { endpoints: [proxy.endpoint], families: [family, cold] })
  await datastore.submit(increment(key))
  proxy.newcomers = 'refuse'
  proxy.cut()
  await until('the cut to be noticed', () => !datastore.health().ready || undefined)

  const startedMs = Date.now()
  const cpu = process.cpuUsage()
  const faults = new Map<string, number>()
  let slowestMs = 0
  const plans = [
    increment(key),
    increment(keyOf(cold, 'b')),
    (view: Parameters<ReturnType<typeof increment>>[0]) => answerOnly(numberAt(view, key)),
    (view: Parameters<ReturnType<typeof increment>>[0]) => answerOnly(view.list(family, 'hint').length),
  ]
  const callers = Array.from({ length: 40 }, async (_, n) => {
    const plan = plans[n % plans.length] ?? increment(key)
    while (Date.now() < startedMs + 1_500) {
      const submittedMs = Date.now()
      const fault: unknown = await datastore.submit<unknown>(plan, { deadlineMs: 500 }).catch((fault: unknown) => fault)
      slowestMs = Math.max(slowestMs, Date.now() - submittedMs)
      const code = fault instanceof DatastoreUnavailable ? fault.code : String(fault)
      faults.set(code, (faults.get(code) ?? 0) + 1)
      await pause(100)
    }
  })
  await Promise.all(callers)
  const { user, system } = process.cpuUsage(cpu)
  t.strictSame(
    [...faults.keys()].filter((code) => code !== 'ServiceUnavailable' && code !== 'Timeout'),
    [],
  )
  t.ok(slowestMs < 1_000, `the slowest answer took ${slowestMs} ms`)
  t.ok((user + system) / 1_000 < (Date.now() - startedMs) / 2, `${(user + system) / 1_000} ms of CPU`)

  proxy.newcomers = 'pass'
  await until('etcd to be back', () => datastore.health().ready || undefined)
  t.equal((await datastore.submit(increment(key))).answer, 2)
  t.equal(await timesWritten(keys, key.text), 2)
})

t.test('a commit that found no connection is not waited for until etcd is back', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const family = numbersBelow('/stalled/', 'values')
  const key = keyOf(family, 'a')
  const { datastore } = await openStore(t, { endpoints: [proxy.endpoint], families: [family] })
  await datastore.submit(increment(key))
  proxy.newcomers = 'stall'
  proxy.cut()
  await until('the cut to be noticed', () => !datastore.health().ready || undefined)
  await t.rejects(datastore.submit(increment(key), { deadlineMs: 500 }), { code: 'Timeout' })
  proxy.newcomers = 'pass'
  proxy.cut()
  t.equal((await datastore.submit(increment(key))).answer, 2)
  t.equal(await timesWritten(keys, key.text), 2)
})
