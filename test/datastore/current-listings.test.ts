import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { comparedKeysMax } from '../../src/datastore/planning/limits.ts'
import type { Store } from '../../src/datastore/index.ts'
import { answerOnly, type Family, type Key, type Plan, put, remove, type View } from '../../src/plan/index.ts'
import { startEtcd } from '../support/etcd.ts'
import { startProxy } from '../support/proxy.ts'
import { until } from '../support/until.ts'
import { increment, keyOf, numberAt, numbersBelow, openEtcd, openStore, revisionOf, summary } from './rig.ts'

/** Listings that must be current, of so many keys that etcd does not compare each: docs/decisions/0020. */

const etcd = await startEtcd(t)
/** Another program, which announces nothing. */
const stranger = openEtcd(t, etcd.endpoint)

function announced(name: string): Family<number> {
  return { ...numbersBelow(`/${name}/`, 'values'), isAnnounced: true }
}

/** Writes zeros, so that the family has more keys than are compared. */
async function fill({ prefix }: Family<number>, count = comparedKeysMax + 1): Promise<void> {
  for (let first = 0; first < count; first += 100) {
    const success = Array.from({ length: Math.min(100, count - first) }, (_, place) => ({
      request_put: { key: Buffer.from(`${prefix}zero-${first + place}`), value: Buffer.from('0') },
    }))
    await stranger.kv.txn({ success })
  }
}

/** Writes the sum of the family under `result`, and answers it. `listed` is called with each sum that the plan sees. */
function writeSum(
  family: Family<number>,
  result: Key<number>,
  listed?: (sum: number) => void,
): (view: View) => Plan<number> {
  return (view) => {
    const sum = sumOf(view, family)
    listed?.(sum)
    numberAt(view, result)
    return { answer: sum, writes: [put(result, sum)] }
  }
}

function sumOf(view: View, family: Family<number>): number {
  return view.list(family, 'current').reduce((total, entry) => total + (entry.kind === 'value' ? entry.value : 0), 0)
}

function setTo(key: Key<number>, value: number): (view: View) => Plan<undefined> {
  return (view) => {
    view.get(key)
    return { answer: undefined, writes: [put(key, value)] }
  }
}

/** Two servers on one etcd, the first behind a proxy; and a family of many keys, one of which is 1. */
async function start(t: Test, name: string, count?: number) {
  const family = announced(name)
  const results = numbersBelow(`/${name}-results/`, 'values')
  await fill(family, count)
  const one = keyOf(family, 'one')
  await stranger.put(one.text).value('1')
  const proxy = await startProxy(t, etcd.endpoint)
  const families = [family, results]
  const { datastore } = await openStore(t, { endpoints: [proxy.endpoint], families })
  const { datastore: other } = await openStore(t, { endpoints: [etcd.endpoint], families })
  const result = keyOf(results, 'result')
  // Opens the slot of the first server, so that its next commit is one request.
  await datastore.submit(increment(result))
  return { family, one, proxy, datastore, other, results, result }
}

/** Submits a plan of the first server, makes a change once it has been planned, and only then lets its commit through. */
async function overtake(
  { family, result, proxy, datastore }: Awaited<ReturnType<typeof start>>,
  change: () => Promise<unknown>,
) {
  const sums: number[] = []
  const plan = writeSum(family, result, (sum) => {
    if (sums.length === 0) proxy.hold('requests')
    sums.push(sum)
  })
  const outcome = datastore.submit(plan)
  await until('the commit', () => proxy.holds('requests', result.text) || undefined)
  await change()
  proxy.release()
  return { answer: (await outcome).answer, sums }
}

t.test('what another server changes before the commit is noticed', async (t) => {
  type Change = (one: Key<number>, family: Family<number>) => (view: View) => Plan<unknown>
  const changes: [name: string, change: Change, sum: number][] = [
    ['a key that is created', (_, family) => setTo(keyOf(family, 'two'), 2), 3],
    ['a key that is changed', (one) => setTo(one, 5), 5],
    ['a key that is deleted', (one) => (view) => ({ answer: view.get(one), writes: [remove(one)] }), 0],
  ]
  for (const [name, change, sum] of changes) {
    const servers = await start(t, `announced-${sum}`)
    const { answer, sums } = await overtake(servers, () => servers.other.submit(change(servers.one, servers.family)))
    t.equal(answer, sum, name)
    t.strictSame([sums[0], sums.at(-1)], [1, sum], `${name}: planned again`)
  }
})

t.test('what another program changed before the call is seen, while the watch brings nothing', async (t) => {
  const { family, one, proxy, datastore, result } = await start(t, 'before')
  proxy.hold('pushes')
  await stranger.put(one.text).value('2')
  t.equal((await datastore.submit(writeSum(family, result))).answer, 2)
  await stranger.put(`${family.prefix}two`).value('10')
  t.equal((await datastore.submit((view) => answerOnly(sumOf(view, family)))).answer, 12, 'also by what only reads')
  await stranger.delete().key(one.text)
  t.equal((await datastore.submit(writeSum(family, result))).answer, 10)
})

t.test('what another program changes between plan and commit goes unnoticed, until the next call', async (t) => {
  const servers = await start(t, 'between')
  const { family, one, datastore, result } = servers
  const { answer, sums } = await overtake(servers, () => stranger.put(one.text).value('2').exec())
  t.strictSame([answer, sums], [1, [1]])
  t.equal((await datastore.submit(writeSum(family, result))).answer, 2)
})

t.test('of few keys, each is compared, whoever changes one', async (t) => {
  const servers = await start(t, 'few', 10)
  const { answer } = await overtake(servers, () => stranger.put(servers.one.text).value('2').exec())
  t.equal(answer, 2)
})

/** The keys of the family that are not 0, from a revision on. */
interface State {
  readonly revision: number
  readonly text: string
}

t.test(
  'each answer was true within its call, and no server has changed anything between that moment and the commit',
  async (t) => {
    const { family, datastore, other, proxy, results } = await start(t, 'random')
    const first = await revisionOf(stranger)
    const texts = new Map([['one', '1']])
    const states: State[] = [{ revision: first, text: textOf(texts) }]
    const announced = new Set<number>()
    const watcher = await stranger
      .watch()
      .prefix(family.prefix)
      .startRevision(String(first + 1))
      .create()
    t.teardown(() => watcher.cancel())
    watcher.on('put', ({ key, value, mod_revision: revision }) => {
      texts.set(key.toString().slice(family.prefix.length), value.toString())
      states.push({ revision: Number(revision), text: textOf(texts) })
    })
    const calls: { readonly text: string; readonly from: number; readonly until: number }[] = []
    const end = performance.now() + 3_000
    const repeat = async (work: () => Promise<void>): Promise<void> => {
      while (performance.now() < end) await work()
    }
    const describing = (store: Store, key: Key<number>) => async (): Promise<void> => {
      const from = await revisionOf(stranger)
      const { answer, revision } = await store.submit((view) => {
        // What is used is compared: if it has changed, memory learns of that change before it learns of earlier ones.
        for (const name of [0, 1]) view.get(keyOf(family, `changing-${name}`))
        const entries = view.list(family, 'current')
        const text = textOf(
          new Map(summary(entries).map((entry) => [entry.split('=')[0] ?? '', entry.split('=')[1] ?? ''])),
        )
        return { answer: text, writes: [put(key, numberAt(view, key) + 1)] }
      })
      calls.push({ text: answer, from, until: Number(revision) })
    }
    let value = 1
    const nextKey = (): Key<number> => keyOf(family, `changing-${++value % 3}`)
    await Promise.all([
      ...['a', 'b', 'c'].map((name) => repeat(describing(datastore, keyOf(results, name)))),
      repeat(describing(other, keyOf(results, 'd'))),
      repeat(async () => {
        await stranger.put(nextKey().text).value(String(value))
        await sleep(11)
      }),
      repeat(async () => {
        const { revision } = await (value % 2 === 0 ? datastore : other).submit(setTo(nextKey(), value))
        announced.add(Number(revision))
        await sleep(7)
      }),
      repeat(async () => {
        proxy.hold('pushes')
        await sleep(20)
        proxy.release()
        await sleep(60)
      }),
    ])
    const last = await revisionOf(stranger)
    await stranger.put(`${family.prefix}changing-0`).value('0')
    await until('the history', () => (states.at(-1)?.revision ?? 0) > last || undefined)
    const isTrue = ({ text, from, until }: (typeof calls)[number]): boolean => {
      return states.some((state, place) => {
        const next = states[place + 1]?.revision ?? Infinity
        const isWithin = state.text === text && state.revision <= until && next > from
        return isWithin && ![...announced].some((change) => change > state.revision && change < until)
      })
    }
    const wrong = calls.filter((call) => !isTrue(call))
    t.strictSame(wrong.slice(0, 3), [], `${wrong.length} of ${calls.length} calls`)
    t.ok(calls.length > 50 && announced.size > 20, `${calls.length} calls, ${announced.size} announced changes`)
  },
)

function textOf(values: ReadonlyMap<string, string>): string {
  const changed = [...values].filter(([, value]) => value !== '0').map(([name, value]) => `${name}=${value}`)
  return changed.toSorted().join()
}
