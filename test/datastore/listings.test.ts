import t from 'tap'
import { answerOnly, type Guard, type Plan, put, type View } from '../../src/plan/index.ts'
import { startEtcd, startEtcdCluster } from '../support/etcd.ts'
import { startProxy } from '../support/proxy.ts'
import { until } from '../support/until.ts'
import { increment, keyOf, numberAt, numbersBelow, openEtcd, openStore, summary } from './rig.ts'

const etcd = await startEtcd(t)
const keys = openEtcd(t, etcd.endpoint)

/** A datastore behind a proxy, with `a=1` and `b=2` in its family and a second family beside it. */
async function start(t: Parameters<typeof openStore>[0], name: string) {
  const proxy = await startProxy(t, etcd.endpoint)
  const family = numbersBelow(`/${name}/listed/`, 'values')
  const results = numbersBelow(`/${name}/results/`, 'values')
  await keys.put(`${family.prefix}a`).value('1')
  await keys.put(`${family.prefix}b`).value('2')
  const { datastore } = await openStore(t, { endpoints: [proxy.endpoint], families: [family, results] })
  const result = keyOf(results, 'result')
  await datastore.submit(increment(result))
  /** The listing as the plan saw it last, and how often it was planned. */
  const seen: string[][] = []
  const writeSum =
    (guard: Guard) =>
    (view: View): Plan<number> => {
      const entries = view.list(family, guard)
      seen.push(summary(entries))
      const sum = entries.reduce((total, entry) => total + (entry.kind === 'value' ? entry.value : 0), 0)
      numberAt(view, result)
      return { answer: sum, writes: [put(result, sum)] }
    }
  const readSum =
    (guard: Guard) =>
    (view: View): Plan<number> =>
      answerOnly(writeSum(guard)(view).answer)
  return { proxy, datastore, family, result, seen, writeSum, readSum }
}

t.test('a listing that must not have changed notices what comes before the commit', async (t) => {
  const changes: [name: string, change: (prefix: string) => Promise<unknown>, sum: number][] = [
    ['a key that is created', (prefix) => keys.put(`${prefix}c`).value('10').exec(), 13],
    ['a key that is changed', (prefix) => keys.put(`${prefix}a`).value('20').exec(), 22],
    ['a key that becomes broken', (prefix) => keys.put(`${prefix}a`).value('?').exec(), 2],
  ]
  for (const [name, change, sum] of changes) {
    const { proxy, datastore, family, result, seen, writeSum } = await start(t, `changed-${sum}`)
    proxy.hold('requests')
    const outcome = datastore.submit(writeSum('changed'))
    await until('the commit', () => proxy.holds('requests', result.text) || undefined)
    await change(family.prefix)
    proxy.release()
    t.equal((await outcome).answer, sum, name)
    t.ok(seen.length >= 2, name)
    t.equal(await keys.get(result.text).number(), sum, name)
  }
})

t.test('a listing to which nothing must have been added does not mind changes', async (t) => {
  const { proxy, datastore, family, result, seen, writeSum } = await start(t, 'created')
  proxy.hold('requests')
  const changed = datastore.submit(writeSum('created'))
  await until('the commit', () => proxy.holds('requests', result.text) || undefined)
  await keys.put(`${family.prefix}a`).value('20')
  proxy.release()
  t.equal((await changed).answer, 3, 'what was really used has to be read')
  t.equal(seen.length, 1)

  proxy.hold('requests')
  const created = datastore.submit(writeSum('created'))
  await until('the next commit', () => proxy.holds('requests', result.text) || undefined)
  await keys.put(`${family.prefix}c`).value('100')
  proxy.release()
  t.equal((await created).answer, 122)
})

t.test('guards hold for plans without writes, while the watch brings nothing', async (t) => {
  const { proxy, datastore, family, readSum } = await start(t, 'guarded-reading')
  proxy.hold('pushes')
  await keys.put(`${family.prefix}c`).value('10')
  t.equal((await datastore.submit(readSum('changed'))).answer, 13)
  await keys.put(`${family.prefix}c`).value('20')
  t.equal((await datastore.submit(readSum('changed'))).answer, 23)
  await keys.put(`${family.prefix}d`).value('100')
  t.equal((await datastore.submit(readSum('created'))).answer, 123)
})

t.test('a refusal on the word of an index is believed only after the index has been brought up to date', async (t) => {
  const { proxy, datastore, family, readSum } = await start(t, 'hinted')
  proxy.hold('pushes')
  await keys.put(`${family.prefix}c`).value('10')
  t.equal((await datastore.submit(readSum('hint'))).answer, 13, 'a key was created just before')
  await keys.put(`${family.prefix}c`).value('11')
  t.equal((await datastore.submit(readSum('hint'))).answer, 14, 'a key was changed just before')
  await keys.delete().key(`${family.prefix}a`)
  t.equal((await datastore.submit(readSum('hint'))).answer, 13, 'a key was deleted just before')
  await keys.delete().key(`${family.prefix}b`)
  await keys.put(`${family.prefix}e`).value('100')
  t.equal((await datastore.submit(readSum('hint'))).answer, 111, 'one was deleted and one created just before')
  await keys.delete().key(`${family.prefix}e`)
  await keys.put(`${family.prefix}e`).value('200')
  t.equal((await datastore.submit(readSum('hint'))).answer, 211, 'one was deleted and created again just before')
  await keys.delete().prefix(family.prefix)
  t.equal((await datastore.submit(readSum('hint'))).answer, 0, 'everything was deleted just before')
  await until('the word of the watch on it to be held back', () => {
    return proxy.holds('pushes', `${family.prefix}e`) || undefined
  })
  proxy.release()
  t.equal((await datastore.submit(readSum('hint'))).answer, 0, 'what the watch brings late is old')
})

t.test('a plan that writes does not wait for an index', async (t) => {
  const { proxy, datastore, family, seen, writeSum } = await start(t, 'hint-and-write')
  proxy.hold('pushes')
  await keys.put(`${family.prefix}c`).value('10')
  t.equal((await datastore.submit(writeSum('hint'))).answer, 3)
  t.equal(seen.length, 1)
})

t.test('an empty listing of a member that may be behind is not believed', async (t) => {
  const cluster = await startEtcdCluster(t, 2)
  const [, silent] = cluster.members
  const [endpoint] = cluster.endpoints
  if (silent === undefined || endpoint === undefined) throw new Error('A cluster of two has two members.')
  const family = numbersBelow('/empty/', 'values')
  const { datastore } = await openStore(t, { endpoints: [endpoint], families: [family] })
  const list = (view: View): Plan<number> => answerOnly(view.list(family, 'changed').length)
  t.equal((await datastore.submit(list)).answer, 0)
  await silent.freeze()
  t.teardown(() => {
    silent.thaw()
  })
  await t.rejects(datastore.submit(list, { deadlineMs: 300 }), { code: 'Timeout' }, 'half of two is no majority')
  silent.thaw()
  t.equal((await datastore.submit(list)).answer, 0)
})
