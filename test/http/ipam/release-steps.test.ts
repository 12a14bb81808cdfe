import t from 'tap'
import { unlimited } from '../../../src/access/index.ts'
import { transactionOperationsMax } from '../../../src/datastore/etcd/limits.ts'
import { type SubmitOptions, DatastoreUnavailable } from '../../../src/datastore/index.ts'
import { releaseAddresses, releaseAllOfHandle } from '../../../src/http/ipam/release.ts'
import { RefusalError } from '../../../src/http/wire/index.ts'
import { type IpamContext, planAssign } from '../../../src/ipam/index.ts'
import { mustParseAddress } from '../../../src/net/index.ts'
import type { Plan, View, Result } from '../../../src/plan/index.ts'
import { requestOf } from '../../support/ipam-world.ts'
import { FakeStore } from '../fake-store.ts'
import { putPool } from '../server-in-memory.ts'

const once = { once: { key: 'k', request: 'digest' } }

/** The first address of each of so many blocks. */
function firstAddresses(blocks: number): readonly string[] {
  return Array.from({ length: blocks }, (_, block) => `10.1.${block}.0`)
}

function itemsOf(addresses: readonly string[]) {
  return addresses.map((text) => ({ address: mustParseAddress(text) }))
}

/** A store, in which something may happen before the n-th operation, which fails if that throws. */
class InterruptedStore extends FakeStore {
  before: (operation: number) => void = () => undefined
  operations = 0

  /** How many keys and prefixes an operation has read, at the most. */
  readsMax = 0

  override async submit<Answer>(plan: (view: View) => Plan<Answer>, options?: SubmitOptions) {
    this.before(this.operations++)
    this.view.reads.clear()
    const counted = (view: View): Plan<Answer> => {
      const planned = plan(view)
      this.readsMax = Math.max(this.readsMax, this.view.reads.size)
      return planned
    }
    return super.submit(counted, options)
  }

  /** Assigns addresses behind the back of the release. */
  assign(handle: string, addresses: readonly string[], node?: string): void {
    const context: IpamContext = { now: { nanoseconds: 1n }, blocks: this.blocks, rights: unlimited }
    const plan = (view: View): Plan<Result<unknown>> =>
      planAssign(view, requestOf({ handle, addresses, node }), context)
    void super.submit(plan)
  }
}

/** A store where the handle `h` holds the first address of each of so many blocks, and the options of a route on it. */
function start(blocks: number) {
  const store = new InterruptedStore()
  putPool(store, 'wide', '10.1.0.0/16', 24)
  if (blocks > 0) store.assign('h', firstAddresses(blocks))
  const options = {
    store,
    now: () => ({ nanoseconds: 1n }),
    blocks: store.blocks,
    newUid: () => 'uid',
    rights: unlimited,
    deadlineMs: 1_000,
  }
  return { store, options }
}

const unavailable = new DatastoreUnavailable('Timeout', 'The deadline passed.')

t.test('addresses of a part that did not come about are told as failed; the repetition releases them', async (t) => {
  const { store, options } = start(100)
  store.before = (operation) => {
    if (operation === 1) throw unavailable
  }
  const addresses = firstAddresses(100)
  const first = await releaseAddresses(options, itemsOf(addresses), once)
  t.strictSame(first.released, [...addresses.slice(0, 30), ...addresses.slice(60)])
  t.strictSame(
    first.failed,
    addresses.slice(30, 60).map((address) => ({ address, reason: 'Unavailable', message: unavailable.message })),
  )
  t.strictSame(await releaseAddresses(options, itemsOf(addresses), once), {
    released: addresses,
    unallocated: [],
    failed: [],
    isComplete: true,
  })
})

t.test(
  'of a call that is to take effect once the first part goes first, and without it there is no other',
  async (t) => {
    const { store, options } = start(100)
    store.before = (operation) => {
      if (operation === 0) throw unavailable
    }
    await t.rejects(releaseAddresses(options, itemsOf(firstAddresses(100)), once), unavailable)
    t.equal(store.operations, 1)
    t.strictSame(store.view.keys('/ippoold/'), [])
  },
)

t.test('any other call goes on without its first part', async (t) => {
  const { store, options } = start(100)
  store.before = (operation) => {
    if (operation === 0) throw unavailable
  }
  const { released, failed } = await releaseAddresses(options, itemsOf(firstAddresses(100)), {})
  t.equal(released.length, 70)
  t.equal(failed.length, 30)
})

t.test('a part whose outcome is unknown is no part that failed', async (t) => {
  const { store, options } = start(100)
  const unknown = new DatastoreUnavailable('OutcomeUnknown', 'It may have been carried out.')
  store.before = (operation) => {
    if (operation === 2) throw unknown
  }
  await t.rejects(releaseAddresses(options, itemsOf(firstAddresses(100)), once), unknown)
})

t.test('somebody else releases the rest of a handle meanwhile: that is its end, for the repetition too', async (t) => {
  for (const mode of [{}, once]) {
    const { store, options } = start(250)
    store.before = (operation) => {
      if (operation !== 1) return
      // Not by another release: it would be counted as an operation.
      for (const key of store.view.keys('/calico/ipam/v2/')) {
        if (key.includes('/handle/') || key.includes('/block/')) store.view.remove(key)
      }
    }
    const first = await releaseAllOfHandle(options, 'h', mode)
    t.equal(first.released.length, 118)
    t.strictSame([first.unallocated, first.failed], [[], []])
    if (mode !== once) continue
    store.assign('h', ['10.1.251.0'])
    t.strictSame(await releaseAllOfHandle(options, 'h', once), first)
    const held = store.view.text('/calico/ipam/v2/handle/h')
    t.match(held, '10.1.251.0/24', 'what the handle was given since is left alone')
  }
})

t.test('a handle that is not there is refused, and a fault of a later part ends the call early', async (t) => {
  const { store, options } = start(250)
  await t.rejects(releaseAllOfHandle(options, 'nobody', once), RefusalError)
  store.before = (operation) => {
    if (operation === 2) throw unavailable
  }
  const first = await releaseAllOfHandle(options, 'h', once)
  t.strictSame([first.released.length, first.isComplete], [118, false], 'what was done is answered')
  store.operations = 0
  store.before = (operation) => {
    if (operation === 0) throw unavailable
  }
  await t.rejects(releaseAllOfHandle(options, 'h', once), unavailable, 'nothing was changed')
  store.before = () => undefined
  t.strictSame(
    (await releaseAllOfHandle(options, 'h', once)).released,
    firstAddresses(250),
    'the repetition completes it',
  )
})

t.test(
  'a part fits into a transaction, even when each address empties a block that its node is to give up',
  async (t) => {
    const { store, options } = start(0)
    const addresses = firstAddresses(120)
    for (const [number, address] of addresses.entries()) {
      const name = `n${number}`
      const node = { kind: 'Node', metadata: { name, labels: {} }, spec: {} }
      store.view.putText(`/calico/resources/v3/projectcalico.org/nodes/${name}`, JSON.stringify(node))
      store.assign(`h${number}`, [address], name)
    }
    const blocks = store.view.keys('/calico/ipam/v2/assignment/').length
    putPool(store, 'wide', '10.1.0.0/16', 24, { nodeSelector: '!all()' })
    const { released } = await releaseAddresses(options, itemsOf(addresses), once)
    t.strictSame([blocks, released.length], [120, 120])
    t.strictSame(store.view.keys('/calico/ipam/v2/'), [], 'all is given up')
    // One compare more is for the slot.
    t.ok(store.readsMax < transactionOperationsMax, `${store.readsMax} reads`)
  },
)
