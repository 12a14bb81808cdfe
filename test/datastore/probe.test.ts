import t from 'tap'
import { DatastoreUnavailable, joinProbes, logProbe, type Probe, silentProbe } from '../../src/datastore/index.ts'
import { answerOnly } from '../../src/plan/index.ts'
import { startEtcd } from '../support/etcd.ts'
import { startProxy } from '../support/proxy.ts'
import { until } from '../support/until.ts'
import { increment, keyOf, numbersBelow, openEtcd, openStore } from './rig.ts'

const etcd = await startEtcd(t)
const keys = openEtcd(t, etcd.endpoint)

/** One event that a probe heard. */
type Heard = { readonly [Name in keyof Probe]: readonly [name: Name, event: Parameters<Probe[Name]>[0]] }[keyof Probe]

/** A store of the numbers below `/<name>/` behind a proxy, and what its probe hears. */
async function start(t: Parameters<typeof openStore>[0], name: string) {
  const proxy = await startProxy(t, etcd.endpoint)
  const family = numbersBelow(`/${name}/`, 'values')
  await keys.put(`/${name}/odd`).value('?')
  const heard: Heard[] = []
  const probe: Partial<Record<keyof Probe, (event: never) => void>> = {}
  for (const name of Object.keys(silentProbe) as (keyof Probe)[]) {
    probe[name] = (event) => void heard.push([name, event] as Heard)
  }
  const { datastore } = await openStore(t, {
    endpoints: [proxy.endpoint],
    families: [family],
    batchesInFlight: 1,
    probe,
  })
  await until('the watch', () => datastore.health().ready || undefined)
  /** The events with this name, since the last call of `forget`. */
  const events = <Name extends keyof Probe>(name: Name): readonly Parameters<Probe[Name]>[0][] =>
    heard.flatMap(([other, event]) => (other === name ? [event as Parameters<Probe[Name]>[0]] : []))
  const forget = (): void => {
    heard.length = 0
  }
  return { proxy, family, datastore, key: keyOf(family, 'a'), events, forget }
}

t.test('it hears what is loaded, planned, queued and committed, and how long that took', async (t) => {
  const { datastore, key, events, forget } = await start(t, 'committed')
  const loaded = events('familyLoaded')
  t.match(
    loaded.map(({ family, keys }) => [family, keys]),
    [
      ['committed', 1],
      ['leaders', 0],
    ],
  )
  t.ok(loaded.every(({ durationMs }) => durationMs > 0))
  t.strictSame(events('valueUnreadable'), [{ key: '/committed/odd', problem: '? is not a number' }])
  t.match(events('watchOpened'), [{ watch: 'image' }])
  await datastore.submit(increment(key))
  forget()

  const startedMs = performance.now()
  const first = datastore.submit(increment(key))
  const second = [datastore.submit(increment(key)), datastore.submit(increment(key))]
  await Promise.all([first, ...second])
  const tookMs = performance.now() - startedMs
  const [committed, ...others] = events('batchCommitted')
  t.match(committed, { writes: 1 })
  t.equal(committed?.operations.length, 3)
  t.strictSame(others, [])
  t.ok(committed !== undefined && committed.durationMs > 0 && committed.durationMs <= tookMs)
  const [planned] = events('batchPlanned')
  t.match(planned, { waiting: 0 })
  t.ok(planned !== undefined && planned.durationMs > 0 && planned.durationMs <= tookMs)

  await datastore.submit((view) => answerOnly(view.get(key)))
  t.match(events('batchCommitted').at(-1), { operations: { length: 1 }, writes: 0 })
  for (const name of ['raceLost', 'retried', 'answerLost', 'watchBroke'] as const) t.strictSame(events(name), [], name)
})

t.test(
  'all events about an operation name it by the same object, and the first one comes before submit returns',
  async (t) => {
    const { datastore, key, events, forget } = await start(t, 'named')
    await datastore.submit(increment(key))
    forget()
    const outcomes = [datastore.submit(increment(key)), datastore.submit(increment(key))]
    const submitted = events('operationSubmitted').map(({ operation }) => operation)
    t.equal(new Set(submitted).size, 2)
    const startedMs = performance.now()
    await Promise.all(outcomes)
    const planned = events('operationPlanned')
    t.match(
      planned.map(({ outcome }) => outcome),
      ['added', 'added'],
    )
    t.ok(planned.every((event) => event.startedMs >= startedMs))
    for (const [name, operations] of [
      ['planned', planned.map(({ operation }) => operation)],
      ['batch', events('batchPlanned')[0]?.operations],
      ['committed', events('batchCommitted')[0]?.operations],
      ['ended', events('operationEnded').map(({ operation }) => operation)],
    ] as const) {
      t.equal(operations?.length, 2, name)
      t.ok(
        operations?.every((operation, index) => operation === submitted[index]),
        name,
      )
    }
  },
)

t.test('joined probes hear in their order; an event that none listens to is dropped', (t) => {
  const heard: string[] = []
  const hear = (name: string): Probe => ({
    ...silentProbe,
    stateWasReset: ({ reason }) => void heard.push(`${name} ${reason}`),
  })
  const joined = joinProbes(hear('one'), silentProbe, hear('two'))
  joined.stateWasReset({ reason: 'restored' })
  t.strictSame(heard, ['one restored', 'two restored'])
  t.equal(joined.batchPlanned, silentProbe.batchPlanned)
  t.end()
})

t.test('it hears of lost races', async (t) => {
  const { proxy, datastore, key, events } = await start(t, 'raced')
  await datastore.submit(increment(key))
  proxy.hold('pushes')
  await keys.put(key.text).value('10')
  t.equal((await datastore.submit(increment(key))).answer, 11)
  t.match(events('raceLost'), [{ operations: { length: 1 }, keys: [key.text] }])
})

t.test('it hears of lost answers, and what became of them', async (t) => {
  const { proxy, datastore, key, events } = await start(t, 'lost')
  await datastore.submit(increment(key))
  proxy.hold('answers')
  const applied = datastore.submit(increment(key))
  await until('it to be applied', async () => (await keys.get(key.text).number()) === 2 || undefined)
  proxy.cut()
  await applied
  t.match(events('answerLost'), [{ operations: { length: 1 }, transaction: /^\/ippoold\/v1\/slots\//, error: Error }])
  t.match(events('answerSettled'), [{ operations: { length: 1 }, outcome: 'applied' }])
  t.ok((events('answerSettled')[0]?.durationMs ?? 0) > 0)
  t.strictSame(events('retried'), [])

  proxy.hold('requests')
  const fenced = datastore.submit(increment(key))
  await until('it to be on its way', () => proxy.holds('requests', key.text) || undefined)
  proxy.cutClients()
  t.equal((await fenced).answer, 3)
  t.match(events('answerSettled')[1], { operations: { length: 1 }, outcome: 'fenced' })
  t.match(events('retried'), [{ operations: { length: 1 }, reason: 'fenced' }])
})

t.test('it hears how watches fare, and their followers', async (t) => {
  const { proxy, family, datastore, key, events, forget } = await start(t, 'watched')
  const { revision } = await datastore.submit(increment(key))
  const follower = await datastore.follow([family], revision)
  await until('the journal', () => events('watchOpened').find(({ watch }) => watch === 'journal'))
  await until('a revision to be reached', () => events('watchCaughtUp').length > 0 || undefined)
  t.ok(events('watchCaughtUp').every(({ watch, lagMs }) => watch === 'image' && lagMs >= 0))
  forget()
  proxy.cut()
  const watches = ['image', 'journal']
  await until('both to be open again', () => events('watchOpened').length === 2 || undefined)
  t.strictSame(
    events('watchBroke')
      .map(({ watch }) => watch)
      .sort(),
    watches,
  )
  t.strictSame(
    events('watchOpened')
      .map(({ watch }) => watch)
      .sort(),
    watches,
  )
  follower.stop()
  t.strictSame(events('followerEnded'), [{ ending: 'closed' }])
})

/** A probe that logs, and its lines. */
function startLog() {
  const lines: unknown[] = []
  const probe = logProbe({
    warn: (details, message) => lines.push(['warn', details, message]),
    error: (details, message) => lines.push(['error', details, message]),
  })
  return { lines, probe }
}

t.test('the log has what an operator should look at', (t) => {
  const { lines, probe } = startLog()
  const error = new Error('reset')
  probe.batchCommitted({ operations: [], writes: 1, durationMs: 1 })
  probe.watchBroke({ watch: 'journal', error })
  probe.watchBroke({ watch: 'image', error })
  probe.familyReread({ family: 'blocks', reason: 'compacted' })
  probe.valueUnreadable({ key: '/a', problem: 'is odd' })
  probe.stateWasReset({ reason: 'a backup was restored' })
  probe.changesChecked({ problem: 'etcd is full' })
  probe.changesChecked({ problem: undefined })
  t.strictSame(lines, [
    ['warn', { err: error }, 'the watch broke; resuming'],
    ['warn', { family: 'blocks', reason: 'compacted' }, 'the history of a watch was lost; reading the family again'],
    ['warn', { key: '/a', problem: 'is odd' }, 'a stored value cannot be read; it is left alone'],
    [
      'warn',
      { reason: 'a backup was restored' },
      'the datastore was put back to an earlier state; reading everything again',
    ],
    ['error', { problem: 'etcd is full' }, 'no changes can be made'],
    ['warn', {}, 'changes can be made again'],
  ])
  t.end()
})

t.test('what happens to many requests at once is logged once a second, with a count and the last reason', async (t) => {
  const { lines, probe } = startLog()
  for (const reason of ['first', 'last']) {
    const error = new Error(reason)
    probe.answerLost({ operations: [], transaction: `/slots/${reason}`, error })
    probe.transactionRefused({ operations: [], error })
    probe.requestUnavailable({ fault: new DatastoreUnavailable('ServiceUnavailable', 'away', { cause: error }) })
  }
  t.strictSame(lines, [])
  await until('three lines', () => lines.length === 3 || undefined)
  t.strictSame(lines, [
    ['warn', { count: 2, reason: 'last', transaction: '/slots/last' }, 'answers to commits were lost; settling them'],
    ['error', { count: 2, reason: 'last' }, 'the datastore refused transactions'],
    ['warn', { count: 2, reason: 'away', cause: 'last' }, 'requests were refused: the datastore is not available'],
  ])
  probe.requestUnavailable({ fault: new DatastoreUnavailable('ServiceUnavailable', 'still away') })
  await until('the next line', () => lines.length === 4 || undefined)
  t.match(lines[3], ['warn', { count: 1, reason: 'still away' }])
})
