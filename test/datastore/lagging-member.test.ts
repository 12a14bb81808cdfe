import t from 'tap'
import { callDeadlineMs, watchProgressMs, watchSilenceMaxMs } from '../../src/datastore/etcd/limits.ts'
import { DatastoreUnavailable, type Store } from '../../src/datastore/index.ts'
import { Cluster, type Member } from '../faults/cluster.ts'
import { freeze, thaw } from '../support/freeze.ts'
import { until } from '../support/until.ts'
import { increment, keyOf, numbersBelow, openEtcd, openStore } from './rig.ts'

const family = numbersBelow('/numbers/', 'values')
const counter = keyOf(family, 'counter')

/** Takes number after number, until told that it is over, and gives those it was told to have. */
async function takeNumbers(datastore: Store, isOver: () => boolean): Promise<readonly number[]> {
  const taken: number[] = []
  while (!isOver()) {
    try {
      taken.push((await datastore.submit(increment(counter))).answer)
    } catch (fault) {
      if (!(fault instanceof DatastoreUnavailable)) throw fault
    }
  }
  return taken
}

const ways = [
  {
    name: 'cut off from the others, and still says what it knew',
    // The call that the member leaves without an answer may take the connection along, and the stream with it.
    problem: /^is (behind|not connected)/,
    leave: (cluster: Cluster, member: Member) => {
      cluster.setWeatherAround(member, { holdsRequests: true, holdsAnswers: true })
    },
    comeBack: (cluster: Cluster, member: Member) => {
      cluster.setWeatherAround(member, {})
    },
  },
  {
    name: 'frozen',
    problem: /^is not connected/,
    leave: (_: Cluster, { process: { pid } }: Member) => freeze(pid),
    comeBack: (_: Cluster, { process: { pid } }: Member) => {
      thaw(pid)
    },
  },
] as const

for (const { name, problem, leave, comeBack } of ways) {
  t.test(`nothing is decided by the word of a member that lags, and it is left in time: one ${name}`, async (t) => {
    const cluster = await Cluster.start(0, 30_000)
    t.teardown(() => cluster.stop())
    const leader = await cluster.leader()
    const [lagging, other] = cluster.members.filter((member) => member !== leader)
    if (lagging === undefined || other === undefined) throw new Error('There are three members.')
    // The first endpoint is in use until it fails.
    const endpoints = [lagging, other, leader].map(({ endpoint }) => endpoint)
    const { datastore } = await openStore(t, { endpoints, families: [family] })
    const { datastore: elsewhere } = await openStore(t, { endpoints: [leader.endpoint], families: [family] })
    await datastore.submit(increment(counter))
    await until('both to be ready', () => (datastore.health().ready && elsewhere.health().ready) || undefined)

    await leave(cluster, lagging)
    const leftAt = performance.now()
    // What the first has in memory is old from here on, and it plans with that.
    await elsewhere.submit(increment(counter))
    let isOver = false
    const taking = Promise.all([datastore, elsewhere].map((store) => takeNumbers(store, () => isOver)))
    try {
      const watch = () => datastore.health().checks.find(({ name }) => name === 'watch')
      const found = await until('it to be noticed', () => (watch()?.ok === false ? watch() : undefined))
      t.match(found.message, problem)
      const tookMs = performance.now() - leftAt
      // A read that waits for the member in vain, the patience, and the interval at which either is looked at.
      const promisedMs = callDeadlineMs + watchSilenceMaxMs + 2 * watchProgressMs
      t.ok(tookMs < promisedMs + 10_000, `noticed after ${Math.round(tookMs)} ms`)
      await until('it to be ready without that member', () => datastore.health().ready || undefined)
      await openEtcd(t, leader.endpoint).put('/numbers/late').value('1')
      await until(
        'the watch to follow another member',
        () => datastore.peekAll(family, family.prefix).length === 2 || undefined,
      )
    } finally {
      isOver = true
    }
    const [here = [], there = []] = await taking
    t.ok(here.length > 0 && there.length > 0, `${here.length} here, ${there.length} elsewhere`)
    t.equal(new Set([...here, ...there]).size, here.length + there.length, 'no number was given to two')

    comeBack(cluster, lagging)
    await cluster.settle()
    const { answer } = await datastore.submit(increment(counter))
    t.ok(answer > Math.max(...here, ...there), 'and on from there')
  })
}
