import t from 'tap'
import { transactionOperationsMax } from '../../../src/datastore/etcd/limits.ts'
import { DatastoreUnavailable, type SubmitOptions } from '../../../src/datastore/index.ts'
import { readHoldings } from '../../../src/http/ipam/handles.ts'
import { planAssign } from '../../../src/ipam/index.ts'
import { formatAddress } from '../../../src/net/index.ts'
import type { Plan, View } from '../../../src/plan/index.ts'
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
function start(blockCount: number) {
  const store = new LimitedStore()
  putPool(store, 'wide', '10.0.0.0/8', 24)
  const now = { nanoseconds: 1n }
  for (let block = 0; block < blockCount; block += 50) {
    const addresses = Array.from({ length: 50 }, (_, at) => `10.${(block + at) >> 8}.${(block + at) & 255}.0`)
    void store.submit((view) => planAssign(view, requestOf({ handle: 'h', addresses }), { now, blocks: store.blocks }))
  }
  return { store, options: { store, now: () => now, blocks: store.blocks, newUid: () => 'uid', deadlineMs: 1_000 } }
}

t.test('a handle in more blocks than a transaction can prove is read all the same', async (t) => {
  for (const [blockCount, refusedCount] of [
    [50, 0],
    [200, 1],
    [2_100, 1],
  ] as const) {
    const { store, options } = start(blockCount)
    const { handle, addresses } = await readHoldings(options, 'h')
    t.equal(handle, 'h')
    t.equal(new Set(addresses.map(({ address }) => formatAddress(address))).size, blockCount)
    t.equal(addresses.length, blockCount, 'each once')
    t.ok(addresses.every((allocation) => allocation.handle === 'h' && allocation.pool === 'wide'))
    t.equal(store.refusedCount, refusedCount)
  }
})

t.test('other faults and refusals are told', async (t) => {
  const { store, options } = start(50)
  await t.rejects(readHoldings(options, 'nobody'), { message: 'No handle "nobody" exists.' })
  store.fault = new DatastoreUnavailable('Timeout', 'The deadline passed.')
  await t.rejects(readHoldings(options, 'h'), store.fault)
})
