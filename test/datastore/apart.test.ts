import t from 'tap'
import { type Family, put, type View } from '../../src/plan/index.ts'
import { startEtcd } from '../support/etcd.ts'
import { keyOf, numberAt, numbersBelow, openStore } from './rig.ts'

/** Plans of one contention group that must not share a transaction, such as the creations of pools. */

t.test('plans that are committed one after the other are each planned once', async (t) => {
  const etcd = await startEtcd(t)
  const singly: Family<number> = { ...numbersBelow('/singly/', 'values'), isChangedSingly: true }
  const { datastore } = await openStore(t, { endpoints: [etcd.endpoint], families: [singly] })
  const calls = 32
  let planned = 0
  const create = (name: string) => (view: View) => {
    view.waitWith('create')
    planned++
    const count = view.list(singly, 'changed').length
    numberAt(view, keyOf(singly, name))
    return { answer: count, writes: [put(keyOf(singly, name), 1)] }
  }
  const outcomes = await Promise.all(Array.from({ length: calls }, (_, call) => datastore.submit(create(String(call)))))
  t.strictSame(
    outcomes.map(({ answer }) => answer),
    Array.from({ length: calls }, (_, call) => call),
    'each knows of the one before',
  )
  t.equal(new Set(outcomes.map(({ revision }) => revision)).size, calls, 'each has a revision of its own')
  t.equal(planned, calls)
})
