import t from 'tap'
import { openEtcdStore } from '../../../src/datastore/etcd/index.ts'
import { declare, RevisionCompacted } from '../../../src/datastore/index.ts'
import { startEtcd } from '../../support/etcd.ts'
import { startProxy } from '../../support/proxy.ts'
import { until } from '../../support/until.ts'
import { increment, keyOf, numbersBelow, openEtcd, openStore, revisionOf, summary, timesWritten } from '../rig.ts'

const etcd = await startEtcd(t)
const keys = openEtcd(t, etcd.endpoint)
const limits = {
  batchesInFlight: 1,
  batchOperationsMax: 128,
  queueLengthMax: 100,
  deadlineMs: 2_000,
  expirySeconds: 60,
}

/** What comes of opening without etcd. It takes as long as other tests do, and so runs beside them. */
const closedDoor = openWithoutEtcd()

async function openWithoutEtcd(): Promise<unknown> {
  const proxy = await startProxy(t, etcd.endpoint)
  proxy.newcomers = 'refuse'
  const declarations = [declare(numbersBelow('/nowhere/', 'values'))]
  const opening = openEtcdStore({ connection: { endpoints: [proxy.endpoint] }, declarations, limits })
  return opening.catch((fault: unknown) => fault)
}

t.test('entries are read in pages of one revision', async (t) => {
  const family = numbersBelow('/pages/', 'recent')
  const { datastore } = await openStore(t, { endpoints: [etcd.endpoint], families: [family] })
  for (const name of ['a', 'aa', 'b', 'c', 'd']) await keys.put(`/pages/${name}`).value('1')
  await keys.put('/pages0').value('1')
  await keys.put('/pages/c').value('?')
  const first = await datastore.page(family, { limit: 2 })
  t.strictSame(summary(first.entries), ['a=1', 'aa=1'])
  t.equal(first.revision, BigInt(await revisionOf(keys)))
  t.equal(first.remaining, 3)

  await keys.put('/pages/b').value('2')
  await keys.delete().key('/pages/d')
  await keys.put('/pages/e').value('2')
  const { revision } = first
  const second = await datastore.page(family, { limit: 2, after: '/pages/aa', revision })
  t.strictSame(summary(second.entries), ['b=1', 'c!'])
  t.match(second.entries[1], { kind: 'unreadable', problem: '? is not a number' })
  t.equal(second.revision, revision)
  t.equal(second.remaining, 1)
  const from = await datastore.page(family, { limit: 2, from: '/pages/aa', revision })
  t.strictSame(summary(from.entries), ['aa=1', 'b=1'], 'from a key on')
  const third = await datastore.page(family, { limit: 2, after: '/pages/c', revision })
  t.strictSame(summary(third.entries), ['d=1'])
  t.equal(third.remaining, 0)
  const none = await datastore.page(family, { after: '/pages/d', revision })
  t.strictSame([none.entries, none.remaining], [[], 0])

  const present = await datastore.page(family)
  t.strictSame(summary(present.entries), ['a=1', 'aa=1', 'b=2', 'c!', 'e=2'], 'all of the present without a limit')
  t.equal(present.remaining, 0)

  await keys.kv.compact({ revision: String(await revisionOf(keys)), physical: true })
  await t.rejects(datastore.page(family, { revision }), RevisionCompacted)
})

t.test('a page decodes once more only what is not in memory at the same revision', async (t) => {
  const decoded: string[] = []
  const numbers = numbersBelow('/once/', 'values')
  const family: typeof numbers = {
    ...numbers,
    decode: (key, text) => {
      decoded.push(`${key}=${text}`)
      return numbers.decode(key, text)
    },
  }
  for (const name of ['a', 'b', 'c']) await keys.put(`/once/${name}`).value(name === 'c' ? '?' : '1')
  const { datastore } = await openStore(t, { endpoints: [etcd.endpoint], families: [family] })
  const { revision } = await datastore.submit(increment(keyOf(family, 'a')))
  decoded.length = 0
  const present = await datastore.page(family, { isDecodedOnce: true })
  t.strictSame(summary(present.entries), ['a=2', 'b=1', 'c!'])
  t.equal(present.entries[0]?.revision, revision)
  t.strictSame(decoded, ['/once/c=?'])
  const before = await datastore.page(family, { isDecodedOnce: true, revision: revision - 1n })
  t.strictSame(summary(before.entries), ['a=1', 'b=1', 'c!'], 'what was there before is not what is in memory')
  t.strictSame(decoded.slice(1), ['/once/a=1', '/once/c=?'])
  t.strictSame(summary((await datastore.page(family)).entries), ['a=2', 'b=1', 'c!'])
  t.equal(decoded.length, 6, 'unless it may, everything is decoded')
  const others = await datastore.page(numbersBelow('/once/', 'values'), { isDecodedOnce: true })
  t.strictSame(summary(others.entries), ['a=2', 'b=1', 'c!'], 'so is a family that is not held')
})

t.test('it is ready as long as etcd answers and the watch follows', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const family = numbersBelow('/health/', 'values')
  const { datastore } = await openStore(t, { endpoints: [proxy.endpoint], families: [family] })
  const failing = (): string[] => datastore.health().checks.flatMap(({ name, ok }) => (ok ? [] : [name]))
  const ready = (isWanted: boolean) =>
    until(`ready to be ${isWanted}`, () => datastore.health().ready === isWanted || undefined)
  await ready(true)
  t.strictSame(failing(), [])
  proxy.newcomers = 'refuse'
  proxy.cut()
  await ready(false)
  await until('the ping to fail', () => failing().includes('etcd') || undefined)
  t.strictSame(failing(), ['etcd', 'watch'])
  proxy.newcomers = 'pass'
  await ready(true)
  t.equal((await datastore.submit(increment(keyOf(family, 'a')))).answer, 1)
  datastore.announceStop()
  t.strictSame(failing(), ['stopping'])
  t.notOk(datastore.health().ready)
})

t.test('members are told by endpoint and version, those that are away too', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  proxy.newcomers = 'refuse'
  const endpoints = [etcd.endpoint, proxy.endpoint]
  const family = numbersBelow('/members/', 'values')
  const { datastore } = await openStore(t, { endpoints, families: [family] })
  const [present, away] = await datastore.members()
  t.match(present, { endpoint: etcd.endpoint, version: /^\d+\.\d+\.\d+$/ })
  t.strictSame(away, { endpoint: proxy.endpoint, version: 'unreachable' })
})

t.test('a member that is away is passed over', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  proxy.newcomers = 'refuse'
  const family = numbersBelow('/passed-over/', 'values')
  const { datastore } = await openStore(t, { endpoints: [proxy.endpoint, etcd.endpoint], families: [family] })
  t.equal((await datastore.submit(increment(keyOf(family, 'a')))).answer, 1)
})

t.test('what was stored before is in memory from the start, page by page', async (t) => {
  const entries = Array.from({ length: 2_500 }, (_, n) => String(n))
  for (let n = 0; n < entries.length; n += 125) {
    const puts = entries.slice(n, n + 125).map((name) => ({
      request_put: { key: Buffer.from(`/stored/${name}`), value: Buffer.from('1') },
    }))
    await keys.kv.txn({ success: puts })
  }
  const families = [numbersBelow('/stored/', 'digests'), numbersBelow('/stored-recent/', 'recent')]
  const seen = new Set<string>()
  const observer = { changed: (key: string) => seen.add(key) }
  await openStore(t, { endpoints: [etcd.endpoint], families, observer })
  t.strictSame([...seen].sort(), entries.map((name) => `/stored/${name}`).sort())
})

t.test('closing waits for what is under way, and takes nothing more', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const family = numbersBelow('/closing/', 'values')
  const key = keyOf(family, 'a')
  const { datastore } = await openStore(t, { endpoints: [proxy.endpoint], families: [family] })
  await datastore.submit(increment(key))
  proxy.hold('requests')
  const first = datastore.submit(increment(key))
  await until('the commit', () => proxy.holds('requests', key.text) || undefined)
  const parked = datastore.submit(increment(key))
  const closed = datastore.close()
  await t.rejects(datastore.submit(increment(key)), { code: 'ServiceUnavailable' })
  proxy.release()
  t.strictSame([(await first).answer, (await parked).answer], [2, 3])
  await closed
  t.equal(await timesWritten(keys, key.text), 3)
})

t.test('closing settles every caller, also without etcd', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const family = numbersBelow('/giving-up/', 'values')
  const cold = numbersBelow('/giving-up-cold/', 'recent')
  const key = keyOf(family, 'a')
  const { datastore } = await openStore(t, {
    endpoints: [proxy.endpoint],
    families: [family, cold],
    deadlineMs: 60_000,
  })
  await datastore.submit(increment(key))
  proxy.newcomers = 'refuse'
  proxy.hold('answers')
  const applied = t.rejects(datastore.submit(increment(key)), { code: 'OutcomeUnknown' }, 'what may be in etcd')
  await until('the commit to be applied', async () => (await timesWritten(keys, key.text)) === 2 || undefined)
  const waiting = [increment(key), increment(keyOf(cold, 'b'))].map((plan) =>
    t.rejects(datastore.submit(plan), { code: 'ServiceUnavailable' }, 'what is not'),
  )
  proxy.cut()
  await datastore.close(100)
  await Promise.all([applied, ...waiting])
})

t.test('it does not open without etcd', async (t) => {
  t.match(await closedDoor, {
    name: 'DatastoreNotOpened',
    message: /^The etcd at http:.* cannot be used: etcd ends the connection at once/,
    cause: { code: 'ServiceUnavailable' },
  })
})
