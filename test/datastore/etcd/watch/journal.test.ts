import t from 'tap'
import type { Test } from 'tap'
import { EtcdClient } from '../../../../src/datastore/etcd/client.ts'
import { prefixEnd } from '../../../../src/datastore/etcd/keys.ts'
import { type JournalLimits, journalLimits } from '../../../../src/datastore/etcd/limits.ts'
import { Journal } from '../../../../src/datastore/etcd/watch/index.ts'
import { type Follower, RevisionCompacted } from '../../../../src/datastore/index.ts'
import { EtcdKeys } from '../../../support/etcd-keys.ts'
import { startEtcd, startEtcdCluster } from '../../../support/etcd.ts'
import { startProxy } from '../../../support/proxy.ts'
import { until } from '../../../support/until.ts'

const etcd = await startEtcd(t)
const keys = new EtcdKeys(t, etcd.endpoint)

function openJournal(
  t: Test,
  prefix: string,
  limits: Partial<JournalLimits> = {},
  endpoints = [etcd.endpoint],
): Journal {
  const client = new EtcdClient({ endpoints })
  const range = { start: Buffer.from(prefix), end: prefixEnd(prefix) }
  const journal = new Journal({ client, range, limits: { ...journalLimits, ...limits } })
  t.teardown(() => {
    journal.close('closed')
    client.close()
  })
  return journal
}

/** Takes until there are so many changes, or the end has come. */
async function takeAll(follower: Follower, count: number): Promise<readonly string[]> {
  const taken: string[] = []
  await until(`${String(count)} changes`, async () => {
    for (const { key, text, before } of follower.take(7))
      taken.push(`${key.split('/').at(-1) ?? ''}: ${before ?? '-'} > ${text ?? '-'}`)
    await follower.wait(20)
    return taken.length >= count || follower.ending !== undefined || undefined
  })
  return taken
}

t.test('every follower gets every change after its revision, once and in order', async (t) => {
  const journal = openJournal(t, '/j1/')
  await keys.put('/other/a', '0')
  const start = await keys.revision()
  const early = await journal.follow(start)
  await keys.put('/j1/a', '1')
  await keys.put('/other/a', '1')
  await keys.put('/j1/a', '2')
  const middle = await keys.revision()
  await keys.delete('/j1/a')
  const wanted = ['a: - > 1', 'a: 1 > 2', 'a: 2 > -']
  t.strictSame(await takeAll(early, 3), wanted)
  t.strictSame(await takeAll(await journal.follow(middle), 1), wanted.slice(2))
  t.strictSame(await takeAll(await journal.follow(start), 3), wanted)
  const before = await journal.follow(start - 1n)
  await keys.put('/j1/b', '1')
  t.strictSame(
    await takeAll(before, 4),
    [...wanted, 'b: - > 1'],
    'history is read back for who comes from further behind',
  )
  t.strictSame(await takeAll(early, 1), ['b: - > 1'], 'and nobody else is told it twice')
})

t.test('a transaction is never torn apart', async (t) => {
  const journal = openJournal(t, '/j2/', { changesMax: 8 })
  const follower = await journal.follow(await keys.revision())
  await keys.putTogether({ '/j2/a': '1', '/j2/b': '1', '/j2/c': '1' })
  await until('the changes', () => journal.changesAfter(follower.seen, 1).length > 0 || undefined)
  t.equal(follower.take(1).length, 3)
  t.strictSame(follower.take(1), [])
})

t.test('a follower that falls behind what is remembered is cut off, and others are not', async (t) => {
  const journal = openJournal(t, '/j3/', { changesMax: 20 })
  const start = await keys.revision()
  const slow = await journal.follow(start)
  let ended: string | undefined
  slow.onEnd = () => (ended = slow.ending)
  const fast = await journal.follow(start)
  for (let count = 0; count < 30; count++) {
    await keys.put('/j3/a', String(count))
    await takeAll(fast, 1)
  }
  t.equal(ended, 'overrun')
  t.strictSame(slow.take(10), [])
  t.equal(fast.ending, undefined)
  await t.rejects(journal.follow(start), RevisionCompacted)
  const recent = await journal.follow(fast.seen)
  await keys.put('/j3/a', 'last')
  t.strictSame(await takeAll(recent, 1), ['a: 29 > last'])

  const heavy = openJournal(t, '/j3/', { charactersMax: 1_000 })
  const full = await heavy.follow(fast.seen)
  for (let count = 0; count < 3; count++) await keys.put('/j3/a', 'x'.repeat(400))
  await until('it to be cut off', () => full.ending)
  t.equal(full.ending, 'overrun')
})

t.test('a read proves how far a quiet journal has come', async (t) => {
  const journal = openJournal(t, '/j4/')
  await keys.put('/j4/a', '1')
  const follower = await journal.follow(await keys.revision())
  await keys.put('/other/b', '1')
  const elsewhere = await keys.revision()
  t.equal(await follower.proven(), elsewhere)
  await keys.put('/j4/a', '2')
  await keys.delete('/j4/a')
  await keys.put('/other/b', '2')
  const proven = await until('the proof', async () => {
    follower.take(10)
    const revision = await follower.proven()
    return revision !== undefined && revision > elsewhere ? revision : undefined
  })
  t.equal(proven, await keys.revision())
  t.strictSame(follower.take(10), [])
  t.equal(follower.seen, proven)
})

t.test('followers whose history is compacted away are told so', async (t) => {
  const start = await keys.revision()
  await keys.put('/j5/a', '1')
  await keys.compact()
  await t.rejects(openJournal(t, '/j5/').follow(start), RevisionCompacted)
})

t.test('a watch that breaks is resumed, and loses nothing', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const journal = openJournal(t, '/j6/', {}, [proxy.endpoint])
  const follower = await journal.follow(await keys.revision())
  await keys.put('/j6/a', '1')
  t.strictSame(await takeAll(follower, 1), ['a: - > 1'])
  proxy.cut()
  await keys.put('/j6/a', '2')
  await keys.put('/j6/a', '3')
  t.strictSame(await takeAll(follower, 2), ['a: 1 > 2', 'a: 2 > 3'])
})

t.test('a watch that was compacted away while it was broken ends its followers', async (t) => {
  const { members } = await startEtcdCluster(t, 1)
  const [member] = members
  if (member === undefined) throw new Error('A cluster of one has a member.')
  const proxy = await startProxy(t, member.endpoint)
  const own = new EtcdKeys(t, member.endpoint)
  const journal = openJournal(t, '/j7/', {}, [proxy.endpoint])
  const follower = await journal.follow(await own.revision())
  await own.put('/j7/a', '1')
  t.strictSame(await takeAll(follower, 1), ['a: - > 1'])
  proxy.hold('pushes')
  await own.put('/j7/a', '2')
  await own.put('/j7/a', '3')
  await own.compact()
  proxy.cut()
  proxy.release()
  await until('the end', () => follower.ending)
  t.equal(follower.ending, 'expired')
  const next = await journal.follow(await own.revision())
  await own.put('/j7/a', '4')
  t.strictSame(await takeAll(next, 1), ['a: 3 > 4'])
})

for (const compactedFirst of ['the very deletion', 'what lies before it'] as const) {
  t.test(`a deletion is not lost when compaction strikes ${compactedFirst}`, async (t) => {
    const { members } = await startEtcdCluster(t, 1)
    const [member] = members
    if (member === undefined) throw new Error('A cluster of one has a member.')
    const proxy = await startProxy(t, member.endpoint)
    const own = new EtcdKeys(t, member.endpoint)
    const journal = openJournal(t, '/j11/', {}, [proxy.endpoint])
    await own.put('/j11/a', '1')
    const follower = await journal.follow(await own.revision())
    await own.put('/j11/b', '1')
    t.strictSame(await takeAll(follower, 1), ['b: - > 1'])
    proxy.hold('pushes')
    if (compactedFirst === 'the very deletion') {
      await own.delete('/j11/a')
      await own.compact()
      proxy.cut()
    } else {
      // More than etcd sends to who does not read: it looks up the value before a deletion when it sends it.
      for (let count = 0; count < 12; count++) await own.put('/j11/b', 'x'.repeat(1_000_000))
      await own.delete('/j11/a')
      await own.put('/j11/b', '2')
      await own.compact()
    }
    proxy.release()
    const taken = await takeAll(follower, 100)
    t.equal(follower.ending, 'expired', 'who cannot be told of it is told that')
    t.notMatch(taken.join(), /a: - > -/)
  })
}

t.test('a watch that does not report what a read sees is opened again', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const journal = openJournal(t, '/j8/', { proofMs: 500 }, [proxy.endpoint])
  const follower = await journal.follow(await keys.revision())
  await keys.put('/j8/a', '1')
  await takeAll(follower, 1)
  proxy.hold('pushes')
  await keys.put('/j8/a', '2')
  t.strictSame(await takeAll(follower, 1), ['a: 1 > 2'])
})

t.test('without followers it rests after a while, and starts again for the next one', async (t) => {
  const journal = openJournal(t, '/j9/', { idleMs: 10 })
  const start = await keys.revision()
  const follower = await journal.follow(start)
  await keys.put('/j9/a', '1')
  await takeAll(follower, 1)
  follower.stop()
  t.equal(follower.ending, 'closed')
  await until('it to rest', () => journal.changesAfter(start, 1).length === 0 || undefined)
  t.strictSame(await takeAll(await journal.follow(start), 1), ['a: - > 1'])
})

t.test('when it rests, the connection stays for all that share it', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const journal = openJournal(t, '/j11/', { idleMs: 10 }, [proxy.endpoint])
  const start = await keys.revision()
  const follower = await journal.follow(start)
  await keys.put('/j11/a', '1')
  await takeAll(follower, 1)
  follower.stop()
  await until('it to rest', () => journal.changesAfter(start, 1).length === 0 || undefined)
  t.strictSame(await takeAll(await journal.follow(start), 1), ['a: - > 1'])
  t.equal(proxy.accepted, 1)
})

t.test('a change that arrives while nobody waits ends the next wait at once', async (t) => {
  const journal = openJournal(t, '/j10/')
  const follower = await journal.follow(await keys.revision())
  t.strictSame(follower.take(1), [])
  await keys.put('/j10/a', '1')
  await until('the change', () => journal.changesAfter(follower.seen, 1).length > 0 || undefined)
  const askedAt = performance.now()
  await follower.wait(10_000)
  t.ok(performance.now() - askedAt < 5_000)
  t.equal(follower.take(1).length, 1)
})
