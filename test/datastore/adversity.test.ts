import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { DatastoreUnavailable, type Store } from '../../src/datastore/index.ts'
import { startEtcdCluster, type TestCluster, type TestMember } from '../support/etcd.ts'
import { until } from '../support/until.ts'
import { increment, keyOf, numbersBelow, openEtcd, openStore } from './rig.ts'

const family = numbersBelow('/numbers/', 'values')

/** Callers that count, and keep account of what they were told. */
class Callers {
  acknowledged = 0
  doubtful = 0
  readonly #key = keyOf(family, 'counter')
  #isOver = false
  readonly #all: Promise<unknown>

  constructor(datastore: Store, count: number) {
    this.#all = Promise.all(Array.from({ length: count }, () => this.#work(datastore)))
  }

  progress(count: number): Promise<unknown> {
    const start = this.acknowledged
    return until(`${count} increments`, () => this.acknowledged >= start + count || undefined, 45_000)
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#all
  }

  async #work(datastore: Store): Promise<void> {
    while (!this.#isOver) {
      try {
        await datastore.submit(increment(this.#key))
        this.acknowledged++
      } catch (fault) {
        if (!(fault instanceof DatastoreUnavailable)) throw fault
        if (fault.code === 'OutcomeUnknown') this.doubtful++
        await pause(5)
      }
    }
  }
}

/** What is stored is what was acknowledged, but for calls whose outcome was told to be unknown. */
async function isTrue(t: Test, callers: Callers, endpoint: string): Promise<void> {
  const stored = (await openEtcd(t, endpoint).get('/numbers/counter').number()) ?? 0
  t.comment(`${callers.acknowledged} acknowledged, ${callers.doubtful} unknown, ${stored} stored`)
  t.ok(stored >= callers.acknowledged && stored <= callers.acknowledged + callers.doubtful, 'nothing is lost or twice')
}

async function leaderOf({ members }: TestCluster): Promise<TestMember> {
  return until('a leader', async () => {
    for (const member of members) {
      const status = await call(member.endpoint, 'maintenance/status', {}).catch(() => undefined)
      const header = status?.['header'] as { readonly member_id: string } | undefined
      if (status !== undefined && status['leader'] === header?.member_id) return member
    }
    return undefined
  })
}

async function call(endpoint: string, path: string, body: object): Promise<Record<string, unknown>> {
  const signal = AbortSignal.timeout(2_000)
  const response = await fetch(`${endpoint}/v3/${path}`, { method: 'POST', body: JSON.stringify(body), signal })
  const answer = (await response.json()) as Record<string, unknown>
  if (!response.ok) throw new Error(JSON.stringify(answer))
  return answer
}

function only({ members }: TestCluster): TestMember {
  const [member] = members
  if (member === undefined) throw new Error('A cluster of one has a member.')
  return member
}

t.test('the leader of three is killed, and then the next one frozen, while callers run', async (t) => {
  const cluster = await startEtcdCluster(t, 3)
  const { datastore } = await openStore(t, { endpoints: cluster.endpoints, families: [family], deadlineMs: 5_000 })
  const callers = new Callers(datastore, 16)
  await callers.progress(100)
  const killed = await leaderOf(cluster)
  await killed.kill()
  await callers.progress(100)
  await killed.start()
  await until('it to be back', () => call(killed.endpoint, 'kv/range', { key: btoa('a') }).catch(() => undefined))
  const frozen = await leaderOf(cluster)
  await frozen.freeze()
  await callers.progress(100)
  await until('it to be ready without it', () => datastore.health().ready || undefined)
  frozen.thaw()
  await callers.progress(100)
  await callers.stop()
  await until('it to be ready', () => datastore.health().ready || undefined)
  await isTrue(t, callers, killed.endpoint)
})

// A minute is 20 calls to etcd that fail one after the other; 20 s are 6, after which nothing new happens.
t.test('an etcd that was down for long is back at once for everybody', async (t) => {
  const cluster = await startEtcdCluster(t, 1)
  const member = only(cluster)
  const { datastore } = await openStore(t, { endpoints: cluster.endpoints, families: [family], deadlineMs: 1_000 })
  const callers = new Callers(datastore, 16)
  await callers.progress(100)
  await member.kill()
  const downSince = performance.now()
  await until('it to be noticed', () => !datastore.health().ready || undefined)
  await until('a while to pass', () => performance.now() - downSince > 20_000 || undefined, 30_000)
  await member.start()
  const startedAt = performance.now()
  await callers.progress(100)
  await until('it to be ready', () => datastore.health().ready || undefined)
  t.ok(performance.now() - startedAt < 15_000, `back after ${Math.round(performance.now() - startedAt)} ms`)
  await callers.stop()
  await isTrue(t, callers, member.endpoint)
})

t.test('an etcd without space says what to do about it, and works again when that is done', async (t) => {
  const cluster = await startEtcdCluster(t, 1, [`--quota-backend-bytes=${8 * 1024 * 1024}`])
  const { endpoint } = only(cluster)
  const keys = openEtcd(t, endpoint)
  const { datastore } = await openStore(t, { endpoints: cluster.endpoints, families: [family], deadlineMs: 5_000 })
  const key = keyOf(family, 'counter')
  await datastore.submit(increment(key))
  const value = Buffer.alloc(500_000, 'x')
  await t.rejects(async () => {
    for (let n = 0; n < 100; n++) await keys.put(`/filler/${n}`).value(value)
  }, /space/)
  await t.rejects(datastore.submit(increment(key)), {
    code: 'ServiceUnavailable',
    message: /database of etcd is full; nothing was changed.*compact.*defrag.*alarm disarm/is,
  })
  t.equal((await datastore.submit(increment(key), { dryRun: true })).answer, 2, 'what is there can still be read')
  await keys.delete().prefix('/filler/')
  const { header } = await keys.kv.range({ key: Buffer.from('a') })
  await keys.kv.compact({ revision: header.revision, physical: true })
  await call(endpoint, 'maintenance/defragment', {})
  const { alarms } = await call(endpoint, 'maintenance/alarm', { action: 'GET' })
  for (const alarm of alarms as readonly object[]) {
    await call(endpoint, 'maintenance/alarm', { action: 'DEACTIVATE', ...alarm })
  }
  t.equal((await datastore.submit(increment(key))).answer, 2)
  t.ok(datastore.health().ready)
})

t.test('tokens of etcd that expire, or that it forgets, are replaced: for calls and for the watch', async (t) => {
  const cluster = await startEtcdCluster(t, 1, ['--auth-token=simple', '--auth-token-ttl=1'])
  const member = only(cluster)
  const keys = openEtcd(t, member.endpoint)
  const root = await keys.user('root').create('secret')
  await root.addRole((await keys.role('root').create()).name)
  await keys.auth.authEnable()
  const { datastore } = await openStore(t, {
    endpoints: cluster.endpoints,
    families: [family],
    deadlineMs: 5_000,
    login: { user: 'root', password: 'secret' },
  })
  const key = keyOf(family, 'counter')
  t.equal((await datastore.submit(increment(key))).answer, 1)
  await until('it to be ready', () => datastore.health().ready || undefined)
  for (const { name, away } of [
    { name: 'expired', away: () => freezeFor(member, 3_000) },
    { name: 'forgotten', away: () => restart(member) },
  ]) {
    await away()
    const before = await until('a call to be carried out', () =>
      datastore.submit(increment(key)).then(
        ({ answer }) => answer,
        () => undefined,
      ),
    )
    await until('it to be ready', () => datastore.health().ready || undefined)
    t.equal((await datastore.submit(increment(key))).answer, before + 1, name)
    const { token } = await call(member.endpoint, 'auth/authenticate', { name: 'root', password: 'secret' })
    await fetch(`${member.endpoint}/v3/kv/put`, {
      method: 'POST',
      headers: { authorization: String(token) },
      body: JSON.stringify({ key: btoa(`/numbers/${name}`), value: btoa('1') }),
    })
    await until(
      'the watch to tell of it',
      () => datastore.peekAll(family, family.prefix).length === (name === 'expired' ? 2 : 3) || undefined,
    )
  }
})

async function freezeFor(member: TestMember, ms: number): Promise<void> {
  await member.freeze()
  await pause(ms)
  member.thaw()
}

async function restart(member: TestMember): Promise<void> {
  await member.kill()
  await member.start()
}
