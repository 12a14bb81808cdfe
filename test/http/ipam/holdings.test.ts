import t from 'tap'
import { unlimited } from '../../../src/access/index.ts'
import { transactionOperationsMax } from '../../../src/datastore/etcd/limits.ts'
import {
  DatastoreUnavailable,
  type PageOptions,
  RevisionCompacted,
  type SubmitOptions,
} from '../../../src/datastore/index.ts'
import { ensureHoldings, readHoldings } from '../../../src/http/ipam/handles.ts'
import { type Allocation, planAssign } from '../../../src/ipam/index.ts'
import { formatAddress } from '../../../src/net/index.ts'
import type { Decodable, Plan, View } from '../../../src/plan/index.ts'
import { requestOf } from '../../support/ipam-world.ts'
import { FakeStore } from '../fake-store.ts'
import { putPool } from '../server-in-memory.ts'

/** A store that refuses what reads more than a transaction can prove, as etcd does. */
class LimitedStore extends FakeStore {
  refusedCount = 0

  override submit<Answer>(plan: (view: View) => Plan<Answer>, options?: SubmitOptions) {
    this.view.reads.clear()
    plan(this.view)
    if (this.view.reads.size < transactionOperationsMax) return super.submit(plan, options)
    this.refusedCount++
    return Promise.reject(new DatastoreUnavailable('RequestEntityTooLarge', 'too many keys'))
  }
}

/** A store where the handle `h` holds the first address of each of so many blocks, and the options of a route on it. */
function start<Store extends LimitedStore>(blockCount: number, store: Store) {
  putPool(store, 'wide', '10.0.0.0/8', 24)
  const now = { nanoseconds: 1n }
  for (let block = 0; block < blockCount; block += 50) {
    const addresses = Array.from({ length: 50 }, (_, at) => `10.${(block + at) >> 8}.${(block + at) & 255}.0`)
    void store.submit((view) =>
      planAssign(view, requestOf({ handle: 'h', addresses }), { now, blocks: store.blocks, rights: unlimited }),
    )
  }
  return {
    store,
    options: { store, now: () => now, blocks: store.blocks, newUid: () => 'uid', rights: unlimited, deadlineMs: 1_000 },
  }
}

t.test('a handle in more blocks than a transaction can prove is read all the same', async (t) => {
  for (const [blockCount, refusedCount] of [
    [50, 0],
    [200, 1],
    [2_100, 1],
  ] as const) {
    const { store, options } = start(blockCount, new LimitedStore())
    const { handle, addresses } = await readHoldings(options, 'h')
    t.equal(handle, 'h')
    t.equal(new Set(addresses.map(({ address }) => formatAddress(address))).size, blockCount)
    t.equal(addresses.length, blockCount, 'each once')
    t.ok(addresses.every((allocation) => allocation.handle === 'h' && allocation.pool === 'wide'))
    t.equal(store.refusedCount, refusedCount)
  }
})

t.test('other faults and refusals are told', async (t) => {
  const { store, options } = start(50, new LimitedStore())
  await t.rejects(readHoldings(options, 'nobody'), { message: 'No handle "nobody" exists.' })
  store.fault = new DatastoreUnavailable('Timeout', 'The deadline passed.')
  await t.rejects(readHoldings(options, 'h'), store.fault)
})

/** A store where something may happen before each page is read. */
class WatchedStore extends LimitedStore {
  beforePage: () => void = () => undefined

  override page<Value>(family: Decodable<Value>, options?: PageOptions) {
    this.beforePage()
    return super.page(family, options)
  }
}

/** The handle `h` holds something in 200 blocks, and the time of a call runs by the pages that it reads. */
function startClock(pagesMax: number) {
  const { store, options } = start(200, new WatchedStore())
  let left = pagesMax
  store.beforePage = () => {
    left--
  }
  const timed = {
    ...options,
    get deadlineMs() {
      return Math.max(0, left)
    },
  }
  return { store, timed }
}

t.test('a call that has no time left to read a wide handle ends, and says how to go on', async (t) => {
  const { store, timed } = startClock(3)
  const refused = { name: 'RefusalError', message: /nothing was changed.*GET \/ipam\/v1\/addresses\?handle=h$/ }
  const keys = store.view.keys('/').length
  await t.rejects(readHoldings(timed, 'h'), refused)
  await t.rejects(ensureHoldings(startClock(3).timed, requestOf({ ipv4: 500 }), {}), refused)
  t.equal(store.view.keys('/').length, keys)
  t.equal((await readHoldings(startClock(100).timed, 'h')).addresses.length, 200)
})

t.test('if the revision is compacted away meanwhile, everything is read again', async (t) => {
  const { store, options } = start(200, new WatchedStore())
  let pages = 0
  store.beforePage = () => {
    if (pages++ === 3) throw new RevisionCompacted(undefined)
  }
  t.equal((await readHoldings(options, 'h')).addresses.length, 200)
  t.ok(pages > 8)
})

t.test('a handle in many blocks is ensured; what changes meanwhile is read again', async (t) => {
  const { store, options } = start(200, new WatchedStore())
  t.equal((await ensureHoldings(options, requestOf({ ipv4: 200 }), {})).isAdded, false)
  const refusedBefore = store.refusedCount
  let pages = 0
  store.beforePage = () => {
    // Of two rounds of reading the first is overtaken.
    if (pages++ === 4) {
      void FakeStore.prototype.submit.call(store, (view: View) =>
        planAssign(view, requestOf({ addresses: ['10.200.0.0'] }), {
          now: { nanoseconds: 2n },
          blocks: store.blocks,
          rights: unlimited,
        }),
      )
    }
  }
  const { addresses, isAdded } = await ensureHoldings(options, requestOf({ ipv4: 202 }), {})
  t.strictSame([addresses.length, isAdded], [202, true])
  t.equal(store.refusedCount, refusedBefore + 1)
  t.equal((await readHoldings(options, 'h')).addresses.length, 202)
})

t.test('what an exact request releases may take several transactions; a dry run takes none', async (t) => {
  const { store, options } = start(200, new WatchedStore())
  const before = store.view.text('/calico/ipam/v2/handle/h')
  const wanted = requestOf({ addresses: ['10.0.7.0', '10.250.0.9'] })
  const tried = await ensureHoldings(options, wanted, { exact: true, dryRun: 'All' })
  t.equal(store.view.text('/calico/ipam/v2/handle/h'), before)
  const done = await ensureHoldings(options, wanted, { exact: true })
  const texts = [tried, done, await readHoldings(options, 'h')].map(({ addresses }) =>
    addresses.map(({ address }) => formatAddress(address)),
  )
  for (const held of texts) t.strictSame(held, ['10.0.7.0', '10.250.0.9'])
  t.strictSame([tried.isAdded, done.isAdded], [true, true])
})

t.test('if releasing the rest fails, the answer shows what is still held', async (t) => {
  for (const fault of [
    new DatastoreUnavailable('Timeout', 'The deadline passed.'),
    new DatastoreUnavailable('OutcomeUnknown', 'Nobody knows.'),
  ]) {
    const { store, options } = start(200, new WatchedStore())
    const submit = store.submit.bind(store)
    let planned = 0
    // The first plan reads too much; the second begins with what was read before; others release the rest.
    store.submit = (plan, submitted) => (planned++ < 2 ? submit(plan, submitted) : Promise.reject(fault))
    const ensured = ensureHoldings(options, requestOf(), { exact: true })
    if (fault.code === 'OutcomeUnknown') await t.rejects(ensured, fault)
    const answered = fault.code === 'Timeout' ? (await ensured).addresses : undefined
    store.submit = submit
    const held = await readHoldings(options, 'h')
    t.ok(held.addresses.length > 30 && held.addresses.length < 100, `${held.addresses.length} are left`)
    if (answered !== undefined) t.strictSame(textsOf(answered), textsOf(held.addresses))
    t.equal((await ensureHoldings(options, requestOf(), { exact: true })).addresses.length, 1, 'again completes it')
  }
})

t.test('a block that cannot be read meanwhile ends the release, and its address is still held', async (t) => {
  const { store, options } = start(200, new WatchedStore())
  const submit = store.submit.bind(store)
  let planned = 0
  store.submit = (plan, submitted) => {
    if (planned++ === 2) store.view.putText('/calico/ipam/v2/assignment/ipv4/block/10.0.99.0-24', '{')
    return submit(plan, submitted)
  }
  const { addresses } = await ensureHoldings(options, requestOf(), { exact: true })
  t.ok(textsOf(addresses).includes('10.0.99.0'))
})

function textsOf(allocations: readonly Allocation[]): readonly string[] {
  return allocations.map(({ address }) => formatAddress(address)).sort()
}
