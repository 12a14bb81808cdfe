import t from 'tap'
import type { Test } from 'tap'
import { openEtcdStore } from '../../../src/datastore/etcd/index.ts'
import { declare, type Leadership, type Store } from '../../../src/datastore/index.ts'
import { answerOnly, type Plan, put, type View } from '../../../src/plan/index.ts'
import { startEtcd } from '../../support/etcd.ts'
import { startProxy } from '../../support/proxy.ts'
import { until } from '../../support/until.ts'
import { keyOf, numbersBelow, openEtcd } from '../rig.ts'

const etcd = await startEtcd(t)
const keys = openEtcd(t, etcd.endpoint)
const family = numbersBelow('/led/', 'values')

/** A server that takes part in the election of the leader of a task. */
interface Candidate {
  readonly datastore: Store
  readonly leadership: Leadership
  /** What it was told. */
  readonly told: boolean[]
}

async function candidate(t: Test, task: string, seconds: number, endpoint = etcd.endpoint): Promise<Candidate> {
  const datastore = await openEtcdStore({
    connection: { endpoints: [endpoint] },
    declarations: [declare(family)],
    limits: { batchesInFlight: 2, batchOperationsMax: 128, queueLengthMax: 100, deadlineMs: 10_000, expirySeconds: 60 },
  })
  t.teardown(() => datastore.close(0))
  const told: boolean[] = []
  const leadership = datastore.candidate({ task, seconds, changed: (isLeading) => told.push(isLeading) })
  t.teardown(() => leadership.stop())
  return { datastore, leadership, told }
}

/** Writes a number if the candidate leads; tells whether it did. */
async function write({ datastore, leadership }: Candidate, name: string, number: number): Promise<boolean> {
  const plan = (view: View): Plan<boolean> => {
    if (!leadership.isProved(view)) return answerOnly(false)
    const key = keyOf(family, name)
    view.get(key)
    return { answer: true, writes: [put(key, number)] }
  }
  return (await datastore.submit(plan)).answer
}

async function numberAt(name: string): Promise<number> {
  return Number(await keys.get(`/led/${name}`).string())
}

async function leads({ leadership }: Candidate): Promise<void> {
  await until('the leadership', () => (leadership.isLeading ? true : undefined))
}

t.test('of several servers one leads, and another one when that gives it up', async (t) => {
  const [one, other] = [await candidate(t, 'given-up', 3), await candidate(t, 'given-up', 3)]
  one.leadership.start()
  await leads(one)
  other.leadership.start()
  t.ok(await write(one, 'given-up', 1))
  t.notOk(await write(other, 'given-up', 2))
  t.notOk(other.leadership.isLeading)
  await one.leadership.stop()
  await leads(other)
  t.ok(await write(other, 'given-up', 2))
  t.notOk(await write(one, 'given-up', 1))
  t.equal(await numberAt('given-up'), 2)
  t.strictSame([one.told, other.told], [[true], [true]])
})

t.test('a leader goes on leading for as long as it gives signs of life', async (t) => {
  const leader = await candidate(t, 'lasting', 1)
  leader.leadership.start()
  await leads(leader)
  const key = Buffer.from('/ippoold/v1/leaders/lasting')
  const version = async (): Promise<number> => Number((await keys.kv.range({ key })).kvs[0]?.version)
  // Five of them take longer than the lease of the first.
  await until('signs of life', async () => ((await version()) > 5 ? true : undefined))
  t.ok(await write(leader, 'lasting', 1))
  t.strictSame(leader.told, [true])
})

t.test('a leader that was replaced can write nothing, although all that it knows says that it leads', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const old = await candidate(t, 'replaced', 60, proxy.endpoint)
  old.leadership.start()
  await leads(old)
  t.ok(await write(old, 'replaced', 1))
  proxy.hold('pushes')
  // As the end of its lease does.
  await keys.delete().key('/ippoold/v1/leaders/replaced')
  const next = await candidate(t, 'replaced', 60)
  next.leadership.start()
  await leads(next)
  t.ok(await write(next, 'replaced', 2))
  t.ok(old.leadership.isLeading, 'it has not heard of it')
  t.notOk(await write(old, 'replaced', 3))
  t.equal(await numberAt('replaced'), 2)
})

t.test('a leader whose lease has ended finds out, and leaves the task to the next one', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const old = await candidate(t, 'cut-off', 1, proxy.endpoint)
  old.leadership.start()
  await leads(old)
  proxy.newcomers = 'refuse'
  proxy.cut()
  const next = await candidate(t, 'cut-off', 1)
  next.leadership.start()
  await leads(next)
  proxy.newcomers = 'pass'
  await until('the news', () => (old.leadership.isLeading ? undefined : true))
  t.strictSame(old.told, [true, false])
  t.ok(await write(next, 'cut-off', 4))
})
