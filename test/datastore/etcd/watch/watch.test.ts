import t from 'tap'
import type { Lookup, Observer } from '../../../../src/plan/index.ts'
import { startEtcd } from '../../../support/etcd.ts'
import { startProxy } from '../../../support/proxy.ts'
import { until } from '../../../support/until.ts'
import { numbersBelow, openEtcd, openStore, revisionOf } from '../../rig.ts'

const etcd = await startEtcd(t)
const keys = openEtcd(t, etcd.endpoint)

/** What an index beside the image knows: the numbers by their keys. */
class Mirror implements Observer<number> {
  readonly numbers = new Map<string, number>()
  /** Every value that was told, in order. */
  readonly told: (number | 'absent')[] = []

  changed(key: string, lookup: Lookup<number>): void {
    this.told.push(lookup.kind === 'value' ? lookup.value : 'absent')
    if (lookup.kind === 'value') this.numbers.set(key, lookup.value)
    else this.numbers.delete(key)
  }

  get text(): string {
    return JSON.stringify([...this.numbers].sort(([left], [right]) => (left < right ? -1 : 1)))
  }
}

/** A datastore behind a proxy, and two families that are mirrored beside it. */
async function start(t: Parameters<typeof openStore>[0], name: string) {
  const proxy = await startProxy(t, etcd.endpoint)
  const families = [numbersBelow(`/${name}/values/`, 'values'), numbersBelow(`/${name}/digests/`, 'digests')]
  const prefixes = families.map(({ prefix }) => prefix)
  for (const prefix of prefixes) for (const key of ['a', 'b', 'c']) await keys.put(`${prefix}${key}`).value('1')
  const mirror = new Mirror()
  const { datastore, logs } = await openStore(t, { endpoints: [proxy.endpoint], families, observer: mirror })
  /** Waits until the mirror shows what is in etcd. */
  const caughtUp = async (): Promise<void> => {
    const stored = Object.entries(await keys.getAll().prefix(`/${name}/`).numbers())
    const want = JSON.stringify(stored.sort(([left], [right]) => (left < right ? -1 : 1)))
    await until('the mirror to catch up', () => mirror.text === want || undefined, 10_000)
  }
  const isConnected = (): boolean => datastore.health().checks.every(({ name, ok }) => name !== 'watch' || ok)
  const connection = (isWanted: boolean) =>
    until(`the watch to be ${isWanted ? '' : 'dis'}connected`, () => isConnected() === isWanted || undefined)
  await connection(true)
  return { proxy, prefixes, mirror, datastore, logs, caughtUp, connection }
}

/** Writes `count` values, each in a revision of its own. */
async function writeMany(prefix: string, count: number): Promise<void> {
  for (let n = 0; n < count; n += 100) {
    const some = Array.from({ length: Math.min(100, count - n) }, (_, i) => n + i)
    await Promise.all(some.map((n) => keys.put(`${prefix}many-${n % 50}`).value(String(n))))
  }
}

t.test('what somebody else creates, changes and deletes is taken over in order', async (t) => {
  const { prefixes, mirror, caughtUp } = await start(t, 'order')
  await caughtUp()
  mirror.told.length = 0
  for (const prefix of prefixes) {
    await keys.put(`${prefix}a`).value('2')
    await keys.put(`${prefix}a`).value('3')
    await keys.delete().key(`${prefix}a`)
    await keys.put(`${prefix}a`).value('4')
    await caughtUp()
  }
  t.strictSame(mirror.told, [2, 3, 'absent', 4, 2, 3, 'absent', 4])
})

t.test('nothing is lost while the connection is cut: 3,000 changes', async (t) => {
  const { proxy, prefixes, caughtUp, connection } = await start(t, 'many')
  proxy.newcomers = 'refuse'
  proxy.cut()
  await connection(false)
  const before = await revisionOf(keys)
  for (const prefix of prefixes) {
    await writeMany(prefix, 1_500)
    await keys.delete().key(`${prefix}a`)
  }
  t.equal(await revisionOf(keys), before + 3_002)
  proxy.newcomers = 'pass'
  await connection(true)
  // At this moment etcd has said at which revision it is, and sent none of the events.
  proxy.cut()
  await caughtUp()
  t.pass('everything has arrived')
})

t.test('nothing is lost however often the connection is cut while events arrive', async (t) => {
  const { proxy, prefixes, mirror, caughtUp } = await start(t, 'often')
  for (let round = 0; round < 8; round++) {
    const told = mirror.told.length
    const writing = Promise.all(prefixes.map((prefix) => writeMany(prefix, 60)))
    await until('some events', () => mirror.told.length > told || undefined)
    proxy.cut()
    await writing
  }
  for (const prefix of prefixes) await keys.delete().key(`${prefix}many-7`)
  await caughtUp()
  t.pass('everything has arrived')
})

t.test('a watch whose history was compacted away reads its families afresh, and goes on', async (t) => {
  const { proxy, prefixes, logs, caughtUp, connection } = await start(t, 'compacted')
  proxy.newcomers = 'refuse'
  proxy.cut()
  await connection(false)
  for (const prefix of prefixes) {
    await keys.put(`${prefix}b`).value('2')
    await keys.delete().key(`${prefix}a`)
    await keys.put(`${prefix}d`).value('2')
  }
  await keys.kv.compact({ revision: String(await revisionOf(keys)), physical: true })
  proxy.newcomers = 'pass'
  await caughtUp()
  const cancelled = logs.filter(({ message }) => message.includes('the history of a watch was lost'))
  t.equal(cancelled.length, 3, 'the two families, and the leaders')
  for (const prefix of prefixes) {
    await keys.put(`${prefix}e`).value('3')
    await keys.delete().key(`${prefix}b`)
  }
  await caughtUp()
  t.pass('what comes later arrives, too')
})

t.test('a deletion is not lost when compaction strikes that very revision', async (t) => {
  const { proxy, prefixes, caughtUp, connection } = await start(t, 'deleted')
  for (const prefix of prefixes) {
    await keys.put(`${prefix}b`).value('2')
    await caughtUp()
    proxy.newcomers = 'refuse'
    proxy.cut()
    await connection(false)
    await keys.delete().key(`${prefix}a`)
    await keys.kv.compact({ revision: String(await revisionOf(keys)), physical: true })
    proxy.newcomers = 'pass'
    await caughtUp()
    await connection(true)
  }
  t.pass('it has arrived')
})

t.test('a family that is compacted again and again is watched in the end', async (t) => {
  const { proxy, prefixes, caughtUp, connection } = await start(t, 'recompacted')
  for (let round = 0; round < 3; round++) {
    proxy.newcomers = 'refuse'
    proxy.cut()
    await connection(false)
    for (const prefix of prefixes) await keys.put(`${prefix}r${round}`).value('2')
    await keys.kv.compact({ revision: String(await revisionOf(keys)), physical: true })
    proxy.newcomers = 'pass'
    await caughtUp()
    for (const prefix of prefixes) await keys.put(`${prefix}s${round}`).value('2')
    await caughtUp()
  }
  t.pass('everything has arrived')
})
