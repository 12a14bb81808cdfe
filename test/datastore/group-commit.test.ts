import t from 'tap'
import { answerOnly, type Key, type Plan, put, type View } from '../../src/plan/index.ts'
import { startEtcd } from '../support/etcd.ts'
import { startProxy } from '../support/proxy.ts'
import { until } from '../support/until.ts'
import { increment, keyOf, numberAt, numbersBelow, openEtcd, openStore, revisionOf, timesWritten } from './rig.ts'

const etcd = await startEtcd(t)
const keys = openEtcd(t, etcd.endpoint)
const endpoints = [etcd.endpoint]

/** A family, a datastore for it that is known to work, and one key. */
async function start(
  t: Parameters<typeof openStore>[0],
  name: string,
  options: Partial<Parameters<typeof openStore>[1]> = {},
) {
  const family = numbersBelow(`/${name}/`, 'values')
  const store = await openStore(t, { endpoints, families: [family], batchesInFlight: 1, ...options })
  // The first commit writes the slot, too.
  await store.datastore.submit(increment(keyOf(family, 'warm')))
  return { family, ...store, key: keyOf(family, 'a') }
}

t.test('what is submitted together is committed as one transaction', async (t) => {
  const { datastore, family } = await start(t, 'together')
  const before = await revisionOf(keys)
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, n) => datastore.submit(increment(keyOf(family, String(n))))),
  )
  t.equal(await revisionOf(keys), before + 1)
  t.ok(outcomes.every(({ answer, revision }) => answer === 1 && revision === BigInt(before + 1)))
})

t.test('operations on one key see each other, and each gets an answer of its own', async (t) => {
  const { datastore, key } = await start(t, 'one-key')
  const before = await revisionOf(keys)
  const outcomes = await Promise.all(Array.from({ length: 100 }, () => datastore.submit(increment(key))))
  t.strictSame(
    outcomes.map(({ answer }) => answer),
    Array.from({ length: 100 }, (_, n) => n + 1),
  )
  t.equal(await revisionOf(keys), before + 1)
  t.equal((await keys.get(key.text).string()) ?? '', '100')
})

t.test('what arrives while a key is being written forms the next batch', async (t) => {
  const { datastore, key } = await start(t, 'next')
  const before = await revisionOf(keys)
  const first = datastore.submit(increment(key))
  // The first is on its way once everything of this turn has been collected.
  await new Promise((resolve) => setImmediate(resolve))
  const others = Array.from({ length: 50 }, () => datastore.submit(increment(key)))
  t.equal((await first).answer, 1)
  t.strictSame((await Promise.all(others)).map(({ answer }) => answer).at(-1), 51)
  t.equal(await revisionOf(keys), before + 2)
})

t.test('beside commits in flight another one is sent when it is as large as those', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const family = numbersBelow('/beside/', 'values')
  const { datastore } = await openStore(t, { endpoints: [proxy.endpoint], families: [family], batchesInFlight: 3 })
  // What is submitted in one turn of the event loop shares a batch anyway.
  const nextTurn = (): Promise<unknown> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  const submit = async (...names: readonly string[]) => {
    const outcomes = names.map((name) => datastore.submit(increment(keyOf(family, name))))
    await nextTurn()
    return outcomes
  }
  const written = (name: string): Promise<unknown> =>
    until(`${name} to be written`, async () => (await timesWritten(keys, `/beside/${name}`)) || undefined)
  // Three slots are in use from here on: opening one takes a call of its own.
  await Promise.all([...(await submit('x')), ...(await submit('y')), ...(await submit('z', 'z'))])
  proxy.hold('answers')
  const outcomes = await submit('a')
  await written('a')
  outcomes.push(...(await submit('b')))
  await written('b')
  outcomes.push(...(await submit('c')), ...(await submit('d')))
  await written('d')
  proxy.release()
  const [ofA, ofB, ofC, ofD] = (await Promise.all(outcomes)).map(({ revision }) => revision)
  t.not(ofA, ofB)
  t.equal(ofC, ofD, 'the third waited for the fourth')
})

t.test('batches of one operation are what group commit is measured against', async (t) => {
  const { datastore, key } = await start(t, 'single', { batchOperationsMax: 1 })
  const before = await revisionOf(keys)
  await Promise.all(Array.from({ length: 10 }, () => datastore.submit(increment(key))))
  t.equal(await revisionOf(keys), before + 10)
})

t.test('more keys than a transaction takes are committed in several', async (t) => {
  const { datastore, family } = await start(t, 'several')
  const before = await revisionOf(keys)
  const all = Array.from({ length: 300 }, (_, n) => keyOf(family, String(n)))
  await Promise.all(all.map((key) => datastore.submit(increment(key))))
  t.equal(await revisionOf(keys), before + 3)
  t.equal(Object.keys(await keys.getAll().prefix(`${family.prefix}1`).strings()).length, 111)
})

t.test('a plan runs again when another client has changed what it read before the commit arrived', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const { datastore, family, key } = await start(t, 'foreign', { endpoints: [proxy.endpoint] })
  const other = keyOf(family, 'other')
  await datastore.submit(increment(key))
  const seen: number[] = []
  const copy = (view: View): Plan<number> => {
    seen.push(numberAt(view, key))
    return { answer: seen.at(-1) ?? 0, writes: [put(other, numberAt(view, other) + numberAt(view, key))] }
  }
  proxy.hold('requests')
  const copied = datastore.submit(copy)
  await until('the commit', () => proxy.holds('requests', other.text) || undefined)
  await keys.put(key.text).value('70')
  proxy.release()
  t.equal((await copied).answer, 70)
  t.strictSame(seen, [1, 70])
  t.equal(await keys.get(other.text).number(), 70)
  t.equal(await timesWritten(keys, other.text), 1)
})

t.test('no increment is lost among two datastores and another client', async (t) => {
  const family = numbersBelow('/contended/', 'values')
  const options = { endpoints, families: [family] }
  const stores = [await openStore(t, options), await openStore(t, options)]
  const counters = ['a', 'b', 'c'].map((name) => keyOf(family, name))
  const perCounter = 40
  const ours = stores.flatMap(({ datastore }) =>
    counters.flatMap((key) => Array.from({ length: perCounter }, () => datastore.submit(increment(key)))),
  )
  const foreign = counters.map(async (key) => {
    for (let done = 0; done < 10; ) if (await incrementAsStranger(key)) done++
  })
  await Promise.all([...ours, ...foreign])
  for (const key of counters) t.equal(await keys.get(key.text).number(), 2 * perCounter + 10, key.text)
})

/** One read and one compare-and-swap; false when somebody else was quicker. */
async function incrementAsStranger(key: Key<number>): Promise<boolean> {
  const { kvs } = await keys.kv.range({ key: Buffer.from(key.text) })
  const [pair] = kvs
  const { succeeded } = await keys
    .if(key.text, 'Mod', '==', Number(pair?.mod_revision ?? 0))
    .then(keys.put(key.text).value(String(Number(pair?.value.toString() ?? '0') + 1)))
    .commit()
  return succeeded
}

t.test('a plan without writes is proved by the same compares', async (t) => {
  const { datastore, key } = await start(t, 'reading')
  await datastore.submit(increment(key))
  await keys.put(key.text).value('41')
  const before = await revisionOf(keys)
  const outcome = await datastore.submit((view) => answerOnly(numberAt(view, key)))
  t.equal(outcome.answer, 41, 'whether or not the watch has brought it')
  t.equal(await revisionOf(keys), before, 'reading writes nothing')
  t.equal(outcome.revision, BigInt(before))
})

t.test('a dry run answers what would happen, and writes nothing', async (t) => {
  const { datastore, key } = await start(t, 'dry')
  const before = await revisionOf(keys)
  t.equal((await datastore.submit(increment(key), { dryRun: true })).answer, 1)
  const answers = [
    datastore.submit(increment(key)),
    datastore.submit(increment(key), { dryRun: true }),
    datastore.submit(increment(key)),
  ]
  t.strictSame(
    (await Promise.all(answers)).map(({ answer }) => answer),
    [1, 2, 2],
    'beside others, too',
  )
  t.equal(await revisionOf(keys), before + 1)
  t.equal(await timesWritten(keys, key.text), 1)
})

t.test('a plan that throws fails its own caller alone', async (t) => {
  const { datastore, key } = await start(t, 'throwing')
  const bug = new Error('a bug in a plan')
  const before = await revisionOf(keys)
  const [first, second, third] = await Promise.allSettled([
    datastore.submit(increment(key)),
    datastore.submit((view): Plan<number> => {
      view.get(key)
      throw bug
    }),
    datastore.submit(increment(key)),
  ])
  t.match(first, { status: 'fulfilled', value: { answer: 1 } })
  t.equal(second.status === 'rejected' && second.reason, bug)
  t.match(third, { status: 'fulfilled', value: { answer: 2 } })
  t.equal(await revisionOf(keys), before + 1)
})

t.test('a value that cannot be encoded fails its own caller alone', async (t) => {
  const { datastore, family, key } = await start(t, 'unencodable')
  const bad: typeof family = {
    ...family,
    encode: () => {
      throw new Error('a bug in an encoder')
    },
  }
  const broken = (view: View): Plan<number> => {
    const { text } = keyOf(family, 'broken')
    view.get(keyOf(family, 'broken'))
    return { answer: 0, writes: [put({ family: bad, text }, 1)] }
  }
  const [first, second, third] = await Promise.allSettled([
    datastore.submit(increment(key)),
    datastore.submit(broken),
    datastore.submit(increment(key)),
  ])
  t.match(first, { status: 'fulfilled', value: { answer: 1 } })
  t.match(second, { status: 'rejected', reason: { message: 'a bug in an encoder' } })
  t.match(third, { status: 'fulfilled', value: { answer: 2 } })
  t.equal((await datastore.submit(increment(key))).answer, 3, 'nothing is left locked')
})

t.test('an index that throws fails the callers that use it, and locks nothing', async (t) => {
  const family = numbersBelow('/index/', 'recent')
  let isBroken = true
  const observer = {
    changed: () => {
      if (isBroken) throw new Error('a bug in an index')
    },
  }
  const { datastore } = await openStore(t, { endpoints, families: [family], observer, batchesInFlight: 1 })
  const key = keyOf(family, 'a')
  await keys.put(key.text).value('7')
  await t.rejects(datastore.submit(increment(key)), { message: 'a bug in an index' }, 'by a read')
  isBroken = false
  t.equal((await datastore.submit(increment(key))).answer, 8)
  isBroken = true
  t.equal((await datastore.submit(increment(key))).answer, 9, 'what has been committed is told all the same')
  isBroken = false
  t.equal((await datastore.submit(increment(key))).answer, 10)
})

t.test('what is not in memory is read, and absence is an answer', async (t) => {
  const family = numbersBelow('/cold/', 'recent')
  const { datastore } = await openStore(t, { endpoints, families: [family], deadlineMs: 2_000 })
  await keys.put('/cold/a').value('7')
  t.equal((await datastore.submit((view) => answerOnly(numberAt(view, keyOf(family, 'a'))))).answer, 7)
  const read = (name: string) => datastore.submit((view) => answerOnly(view.get(keyOf(family, name)).kind))
  t.equal((await read('none')).answer, 'absent')
  await keys.put('/cold/none').value('8')
  t.equal((await read('none')).answer, 'value', 'an absence that is remembered is proved, too')
  const created = datastore.submit((view) => {
    const lookup = view.get(keyOf(family, 'taken'), { assumeAbsent: true })
    return lookup.kind === 'absent'
      ? { answer: 'created', writes: [put(keyOf(family, 'taken'), 1)] }
      : answerOnly('exists')
  })
  t.equal((await created).answer, 'created')
  await keys.put('/cold/theirs').value('1')
  const theirs = datastore.submit((view) => {
    const lookup = view.get(keyOf(family, 'theirs'), { assumeAbsent: true })
    return lookup.kind === 'absent'
      ? { answer: 'created', writes: [put(keyOf(family, 'theirs'), 2)] }
      : answerOnly('exists')
  })
  t.equal((await theirs).answer, 'exists', 'one that is only assumed costs another plan')
  t.equal(await timesWritten(keys, '/cold/theirs'), 1)
})

t.test('a broken value is reported, left alone, and stops nothing else', async (t) => {
  await keys.put('/broken/b').value('{')
  const { datastore, family, key, logs } = await start(t, 'broken')
  t.match(logs, [{ level: 'warn', details: { key: '/broken/b', problem: '{ is not a number' } }])
  const listed = await datastore.submit((view) => answerOnly(view.list(family, 'changed').map(({ kind }) => kind)))
  t.strictSame(listed.answer, ['unreadable', 'value'])
  const outcome = await datastore.submit((view) => {
    const lookup = view.get(keyOf(family, 'b'))
    return { answer: lookup.kind, writes: [put(key, numberAt(view, key) + 1)] }
  })
  t.equal(outcome.answer, 'unreadable')
  t.equal(await timesWritten(keys, '/broken/b'), 1)
  await keys.put('/broken/b').value('3')
  const repaired = await until('the repaired value', async () => {
    const { answer } = await datastore.submit((view) => answerOnly(numberAt(view, keyOf(family, 'b'))))
    return answer === 3 || undefined
  })
  t.ok(repaired)
})
