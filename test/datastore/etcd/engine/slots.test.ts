import t from 'tap'
import { EtcdClient, type TransactionOutcome } from '../../../../src/datastore/etcd/client.ts'
import { Slot } from '../../../../src/datastore/etcd/engine/index.ts'
import { settle, type Settlement } from '../../../../src/datastore/etcd/engine/slots.ts'
import { Lease } from '../../../../src/datastore/etcd/lease.ts'
import { startEtcd } from '../../../support/etcd.ts'
import { startProxy } from '../../../support/proxy.ts'
import { until } from '../../../support/until.ts'
import { openEtcd, timesWritten } from '../../rig.ts'

const etcd = await startEtcd(t)
const keys = openEtcd(t, etcd.endpoint)
const client = new EtcdClient({ endpoints: [etcd.endpoint] })
t.teardown(() => client.close())
const lease = await Lease.open(client, 60, 30)

/** What the owner of a slot asks for when the answer to its commit was lost. */
function settleNow(slot: Slot, through = client): Promise<Settlement> {
  return settle({ client: through, slot, lease, isClosed: () => false, pause: () => Promise.resolve() })
}

/** A commit that adds nothing but its receipt. */
function commit(slot: Slot): Promise<TransactionOutcome> {
  return client.transact({ compare: [slot.compare()], success: [slot.write(lease.current())], failure: [slot.read()] })
}

async function openSlot(key: string): Promise<Slot> {
  const slot = new Slot(key)
  await slot.open(client, lease.current())
  if (slot.revision === 0n) throw new Error('The slot was not written.')
  return slot
}

t.test('a commit that was applied is settled as applied, at its revision', async (t) => {
  const slot = await openSlot('/slots/applied')
  const outcome = await commit(slot)
  t.match(outcome, { kind: 'answered', response: { succeeded: true } })
  const revision = outcome.kind === 'answered' ? BigInt(outcome.response.header.revision) : 0n
  t.strictSame(await settleNow(slot), { kind: 'applied', revision })
  t.equal(slot.revision, revision, 'the next commit goes on from there')
})

t.test('a commit that was not applied is fenced, and stays out when it comes late', async (t) => {
  const slot = await openSlot('/slots/fenced')
  const late = { compare: [slot.compare()], success: [slot.write(lease.current())], failure: [slot.read()] }
  t.strictSame(await settleNow(slot), { kind: 'fenced' })
  t.match(await client.transact(late), { kind: 'answered', response: { succeeded: false } })
  t.match(await commit(slot), { kind: 'answered', response: { succeeded: true } }, 'the slot can be used again')
})

t.test('a fence whose own answer was lost is found again', async (t) => {
  const slot = await openSlot('/slots/twice')
  const before = slot.revision
  t.strictSame(await settleNow(slot), { kind: 'fenced' })
  const { revision } = slot
  slot.revision = before
  t.strictSame(await settleNow(slot), { kind: 'fenced' })
  t.equal(slot.revision, revision)
  t.equal(await timesWritten(keys, slot.key), 2, 'opened and fenced, once each')
})

t.test('a slot that has vanished says nothing', async (t) => {
  const slot = await openSlot('/slots/vanished')
  await keys.delete().key(slot.key)
  t.strictSame(await settleNow(slot), { kind: 'unknown' })
  t.equal(slot.revision, 0n)
  await slot.open(client, lease.current())
  t.match(await commit(slot), { kind: 'answered', response: { succeeded: true } })
})

t.test('a slot that was put back to an earlier state is not taken for a receipt', async (t) => {
  const slot = await openSlot('/slots/put-back')
  await commit(slot)
  const { kvs } = await keys.kv.range({ key: Buffer.from(slot.key) })
  slot.take({ response_range: { kvs } } as unknown as Parameters<Slot['take']>[0])
  await commit(slot)
  // As a restored backup would hold it: the receipt of the commit before.
  await keys.put(slot.key).value('1')
  t.strictSame(await settleNow(slot), { kind: 'fenced' })
  t.match(await commit(slot), { kind: 'answered', response: { succeeded: true } }, 'the slot can be used again')
})

t.test('opening a slot that exists adopts it', async (t) => {
  const slot = await openSlot('/slots/adopted')
  const another = new Slot(slot.key)
  await another.open(client, lease.current())
  t.equal(another.revision, slot.revision)
  t.equal(await timesWritten(keys, slot.key), 1)
})

t.test('a lease that has gone is replaced before the fence is written', async (t) => {
  const slot = await openSlot('/slots/leaseless')
  // Of this slot's revision the commit knows; that its lease will be gone is found out by the fence.
  await keys.put(slot.key).value('kept')
  slot.take(undefined)
  await slot.open(client, lease.current())
  const gone = lease.current()
  await client.revokeLease(gone)
  t.match(await commit(slot), { kind: 'refused' }, 'etcd applies nothing that names a lease it does not know')
  t.strictSame(await settleNow(slot), { kind: 'fenced' })
  t.not(lease.current(), gone)
})

t.test('settling goes on until etcd answers', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  const through = new EtcdClient({ endpoints: [proxy.endpoint] })
  t.teardown(() => through.close())
  const slot = await openSlot('/slots/away')
  await commit(slot)
  proxy.newcomers = 'refuse'
  let pauses = 0
  const pause = async (): Promise<void> => {
    if (++pauses === 3) proxy.newcomers = 'pass'
    // The client itself waits between its attempts to connect.
    const attempts = proxy.accepted
    await until('another attempt', () => proxy.accepted > attempts || undefined, 5_000)
  }
  t.match(await settle({ client: through, slot, lease, isClosed: () => false, pause }), { kind: 'applied' })
  t.ok(pauses >= 3)
})

t.test('settling ends when the server gives up', async (t) => {
  const proxy = await startProxy(t, etcd.endpoint)
  proxy.newcomers = 'refuse'
  const through = new EtcdClient({ endpoints: [proxy.endpoint] })
  t.teardown(() => through.close())
  const slot = await openSlot('/slots/given-up')
  let isClosed = false
  const pause = async (): Promise<void> => {
    isClosed = true
  }
  t.strictSame(await settle({ client: through, slot, lease, isClosed: () => isClosed, pause }), { kind: 'unknown' })
})
