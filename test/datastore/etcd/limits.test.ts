import t from 'tap'
import { transactionBytesMax } from '../../../src/datastore/etcd/limits.ts'
import { answerOnly, type Key, type Plan, put, type View } from '../../../src/plan/index.ts'
import { startEtcd } from '../../support/etcd.ts'
import { startProxy } from '../../support/proxy.ts'
import { until } from '../../support/until.ts'
import { increment, keyOf, numberAt, numbersBelow, openEtcd, openStore, revisionOf, timesWritten } from '../rig.ts'

const etcd = await startEtcd(t)
const keys = openEtcd(t, etcd.endpoint)

async function start(
  t: Parameters<typeof openStore>[0],
  name: string,
  options: Partial<Parameters<typeof openStore>[1]> = {},
) {
  const family = numbersBelow(`/${name}/`, 'values')
  const cold = numbersBelow(`/${name}-cold/`, 'recent')
  const proxy = await startProxy(t, etcd.endpoint)
  const store = await openStore(t, {
    endpoints: [proxy.endpoint],
    families: [family, cold],
    batchesInFlight: 1,
    ...options,
  })
  const key = keyOf(family, 'a')
  await store.datastore.submit(increment(key))
  return { proxy, family, cold, key, ...store }
}

/** Stores a text of `length` bytes, whose first digits are lost on nobody. */
function putLong(key: Key<number>, length: number): (view: View) => Plan<number> {
  return (view) => {
    view.get(key)
    return { answer: length, writes: [{ ...put(key, 1), encode: () => '1'.padEnd(length, ' ') }] }
  }
}

t.test('an operation that needs more keys than a transaction takes is refused alone', async (t) => {
  const { datastore, family, key } = await start(t, 'keys')
  const many = Array.from({ length: 128 }, (_, n) => keyOf(family, `many-${n}`))
  const before = await revisionOf(keys)
  const [first, second, third, fourth] = await Promise.allSettled([
    datastore.submit(increment(key)),
    datastore.submit(increment(...many)),
    datastore.submit(increment(key)),
    datastore.submit(increment(...many.slice(1))),
  ])
  t.match(first, { status: 'fulfilled', value: { answer: 2 } })
  t.match(second, { status: 'rejected', reason: { code: 'RequestEntityTooLarge' } })
  t.match(third, { status: 'fulfilled', value: { answer: 3 } })
  t.match(fourth, { status: 'fulfilled' }, 'one key less is fine')
  t.equal(await revisionOf(keys), before + 3)
})

t.test('an operation that etcd refuses for its length is refused alone', async (t) => {
  const { datastore, family, key } = await start(t, 'length')
  // etcd itself takes 1.5 MiB, the gRPC server in it 2 MiB.
  const lengths = [1_700_000, 3_000_000, 1_000_000]
  const outcomes = await Promise.allSettled([
    datastore.submit(increment(key)),
    ...lengths.map((length) => datastore.submit(putLong(keyOf(family, String(length)), length))),
    datastore.submit(increment(key)),
  ])
  const tooLarge = { status: 'rejected', reason: { code: 'RequestEntityTooLarge' } }
  t.match(outcomes, [
    { status: 'fulfilled', value: { answer: 2 } },
    tooLarge,
    tooLarge,
    { status: 'fulfilled', value: { answer: 1_000_000 } },
    { status: 'fulfilled', value: { answer: 3 } },
  ])
  t.equal((await datastore.submit(increment(key))).answer, 4, 'nothing is left locked')
})

t.test('writes that are too long for one transaction are committed in several', async (t) => {
  const { datastore, family } = await start(t, 'halves')
  const length = transactionBytesMax / 10
  const before = await revisionOf(keys)
  const all = Array.from({ length: 24 }, (_, n) => keyOf(family, `long-${n}`))
  await Promise.all(all.map((key) => datastore.submit(putLong(key, length))))
  t.ok((await revisionOf(keys)) > before + 2)
  t.equal(await keys.getAll().prefix(`${family.prefix}long-`).count(), 24)
})

t.test('callers are refused at once when the queue is full', async (t) => {
  const { proxy, datastore, key } = await start(t, 'queue', { queueLengthMax: 3 })
  proxy.hold('requests')
  const taken = [1, 2, 3].map(() => datastore.submit(increment(key)))
  let isTurnedAway = false
  const fourth = t.rejects(
    datastore.submit(increment(key)).finally(() => {
      isTurnedAway = true
    }),
    { code: 'ServiceUnavailable', retryAfterSeconds: 1 },
  )
  await new Promise((resolve) => setImmediate(resolve))
  t.ok(isTurnedAway)
  await fourth
  proxy.release()
  t.strictSame(
    (await Promise.all(taken)).map(({ answer }) => answer),
    [2, 3, 4],
  )
  t.equal((await datastore.submit(increment(key))).answer, 5, 'there is room again')
})

t.test('how long operations wait is told, without those that are being committed', async (t) => {
  const { proxy, datastore, key } = await start(t, 'waiting')
  t.equal(datastore.waitedMs, 0)
  proxy.hold('requests')
  const first = datastore.submit(increment(key))
  await until('the commit', () => proxy.holds('requests', key.text) || undefined)
  const submittedMs = performance.now()
  await until('some turns of the timer', () => performance.now() > submittedMs + 200 || undefined)
  t.equal(datastore.waitedMs, 0, 'nothing waits behind the commit')
  const second = datastore.submit(increment(key))
  await until('it to wait', () => datastore.waitedMs > 200 || undefined)
  t.ok(datastore.waitedMs < performance.now() - submittedMs)
  proxy.release()
  await Promise.all([first, second])
  await until('nothing to wait', () => datastore.waitedMs === 0 || undefined)
})

t.test('a deadline holds wherever an operation waits, and nothing is held then', async (t) => {
  const { proxy, datastore, family, cold, key } = await start(t, 'deadline', { batchesInFlight: 2, queueLengthMax: 7 })
  const other = keyOf(family, 'other')
  proxy.hold('requests')
  const first = datastore.submit(increment(key))
  await until('the first commit', () => proxy.holds('requests', key.text) || undefined)
  const submittedMs = Date.now()
  const refuse = (name: string, plan: (view: View) => Plan<unknown>) =>
    t.rejects(datastore.submit(plan, { deadlineMs: 150 }), { code: 'Timeout' }, name)
  const refused = [
    refuse('for the commit that is writing its key', increment(key)),
    refuse('for a value', increment(keyOf(cold, 'b'))),
    refuse('for a listing', (view) => answerOnly(view.list(family, 'hint').length)),
    refuse('for its proof', (view) => answerOnly(numberAt(view, other))),
  ]
  await until('the read of the value', () => proxy.holds('requests', `${cold.prefix}b`) || undefined)
  refused.push(refuse('for a slot', increment(other)))
  await Promise.all(refused)
  t.ok(Date.now() - submittedMs < 1_000, 'and holds soon')
  proxy.release()
  t.equal((await first).answer, 2, 'a commit that is under way is waited for')
  t.equal((await datastore.submit(increment(key, other))).answer, 1)
  t.equal(await timesWritten(keys, key.text), 3)
  t.equal(await timesWritten(keys, other.text), 1)
})

t.test('a deadline that has passed before its turn is kept', async (t) => {
  const { datastore, key } = await start(t, 'passed')
  await t.rejects(datastore.submit(increment(key), { deadlineMs: 0 }), { code: 'Timeout' })
  t.equal(await timesWritten(keys, key.text), 1)
})

t.test('a plan that only reads ends at its deadline, whatever becomes of the answer', async (t) => {
  const { proxy, datastore, key } = await start(t, 'reading')
  proxy.hold('requests')
  await t.rejects(
    datastore.submit((view) => answerOnly(numberAt(view, key)), { deadlineMs: 100 }),
    { code: 'Timeout' },
  )
  proxy.release()
  t.equal((await datastore.submit((view) => answerOnly(numberAt(view, key)))).answer, 1)
})
