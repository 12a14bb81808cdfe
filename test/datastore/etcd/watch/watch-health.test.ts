import { cp, rm } from 'node:fs/promises'
import t from 'tap'
import { watchSilenceMaxMs } from '../../../../src/datastore/etcd/limits.ts'
import type { Store } from '../../../../src/datastore/index.ts'
import { answerOnly } from '../../../../src/plan/index.ts'
import { startEtcdCluster } from '../../../support/etcd.ts'
import { startProxy } from '../../../support/proxy.ts'
import { until } from '../../../support/until.ts'
import { increment, keyOf, numbersBelow, openEtcd, openStore, summary, timesWritten } from '../../rig.ts'

const family = numbersBelow('/numbers/', 'values')
const digests = numbersBelow('/digests/', 'digests')
const recent = numbersBelow('/recent/', 'recent')
const families = [family, digests, recent]

function watchCheck(datastore: Store) {
  return datastore.health().checks.find(({ name }) => name === 'watch')
}

async function startMember(t: Parameters<typeof openStore>[0]) {
  const { members } = await startEtcdCluster(t, 1)
  const [member] = members
  if (member === undefined) throw new Error('A cluster of one has a member.')
  return member
}

t.test('a watch that lives and says nothing is noticed, and readiness says so until it is resumed', async (t) => {
  const { endpoint } = await startMember(t)
  const keys = openEtcd(t, endpoint)
  const proxy = await startProxy(t, endpoint)
  const { datastore, logs } = await openStore(t, { endpoints: [proxy.endpoint], families })
  await until('it to be ready', () => datastore.health().ready || undefined)
  proxy.hold('pushes')
  const silentSince = performance.now()
  await keys.put('/numbers/a').value('1')
  await until('the silence to be noticed', () => watchCheck(datastore)?.ok === false || undefined)
  t.ok(performance.now() - silentSince < watchSilenceMaxMs + 4_000, 'in time')
  t.match(datastore.health().checks, [{ name: 'etcd', ok: true }, { name: 'watch', ok: false }, {}])
  t.equal((await datastore.submit(increment(keyOf(family, 'a')))).answer, 2, 'without it, changes are only slower')
  proxy.release()
  await until('it to be resumed', () => datastore.health().ready || undefined)
  await until('what happened meanwhile', async () => {
    const { answer } = await datastore.submit((view) => answerOnly(summary(view.list(family, 'changed'))))
    return answer.includes('a=2') || undefined
  })
  t.ok(logs.some(({ details }) => String((details as { err?: unknown }).err).includes('silent')))
})

t.test('a watch on which nothing happens is not taken for silent', async (t) => {
  const { endpoint } = await startMember(t)
  const { datastore, logs } = await openStore(t, { endpoints: [endpoint], families })
  await until('it to be ready', () => datastore.health().ready || undefined)
  const readySince = performance.now()
  await until('a while to pass', () => performance.now() - readySince > watchSilenceMaxMs + 2_500 || undefined)
  t.ok(datastore.health().ready)
  t.strictSame(logs, [])
})

t.test('an etcd that is put back to an earlier state is noticed, and all of it read afresh', async (t) => {
  const member = await startMember(t)
  const { datastore, logs } = await openStore(t, { endpoints: [member.endpoint], families, deadlineMs: 5_000 })
  const keys = openEtcd(t, member.endpoint)
  const [counter, cold, late] = [keyOf(family, 'counter'), keyOf(digests, 'counter'), keyOf(recent, 'late')]
  await datastore.submit(increment(counter, cold))
  await member.kill()
  await cp(member.dataDir, `${member.dataDir}-backup`, { recursive: true })
  await member.start()
  const done = async (plan: ReturnType<typeof increment>): Promise<number> =>
    until('it to be done', () =>
      datastore.submit(plan).then(
        ({ answer }) => answer,
        () => undefined,
      ),
    )
  t.equal(await done(increment(counter, cold)), 2)
  for (let n = 0; n < 30; n++) await datastore.submit(increment(counter, cold, keyOf(recent, `r${n}`), late))
  await datastore.submit(increment(keyOf(family, 'lost'), keyOf(digests, 'lost')))

  await member.kill()
  await rm(member.dataDir, { recursive: true })
  await cp(`${member.dataDir}-backup`, member.dataDir, { recursive: true })
  await member.start()
  await until(
    'it to be noticed',
    () => logs.some(({ details }) => /put back/.test(String(Object.values(details)))) || undefined,
  )
  await until('it to be ready', () => datastore.health().ready || undefined)
  const seen = await datastore.submit((view) => answerOnly(summary(view.list(family, 'changed'))))
  t.strictSame(seen.answer, ['counter=1'], 'what is not there any more is forgotten')
  t.equal(datastore.peek(keyOf(digests, 'lost'))?.kind, 'absent')
  t.not(datastore.peek(cold)?.kind, 'absent')
  t.equal((await datastore.submit(increment(late, counter, cold))).answer, 2, 'work goes on from there')
  t.equal(await timesWritten(keys, late.text), 1)
  await keys.put('/numbers/other').value('7')
  await until('the watch follows', async () => {
    const { answer } = await datastore.submit((view) => answerOnly(summary(view.list(family, 'changed'))))
    return answer.join() === 'counter=2,other=7' || undefined
  })
  t.ok(datastore.health().ready)
})

// What the old stream owed must not count against the pause before the next attempt: that would begin anew every second, for ever.
t.test('a watch that is behind when etcd goes away comes back with it', async (t) => {
  const { endpoint } = await startMember(t)
  const proxy = await startProxy(t, endpoint)
  const { datastore } = await openStore(t, { endpoints: [proxy.endpoint], families })
  await until('it to be ready', () => datastore.health().ready || undefined)
  proxy.hold('pushes')
  await openEtcd(t, endpoint).put('/numbers/a').value('1')
  // By then a read has seen the revision that the watch has not.
  await until('it to be noticed', () => watchCheck(datastore)?.ok === false || undefined)
  proxy.newcomers = 'refuse'
  proxy.cut()
  const cutAt = performance.now()
  await until('the pauses to be at their longest', () => performance.now() - cutAt > 10_000 || undefined)
  proxy.newcomers = 'pass'
  await until('it to be ready again', () => datastore.health().ready || undefined)
  await until('what happened meanwhile', () => datastore.peekAll(family, family.prefix).length === 1 || undefined)
  t.ok(watchCheck(datastore)?.ok)
})
