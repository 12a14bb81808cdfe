import t from 'tap'
import { type Change, DatastoreUnavailable, type Page, type PageOptions } from '../../../src/datastore/index.ts'
import { WatchedKind } from '../../../src/http/resources/watched-kind.ts'
import { annexKey, BlockIndex, pools } from '../../../src/model/index.ts'
import type { Decodable } from '../../../src/plan/index.ts'
import { ippoolKind } from '../../../src/resources/index.ts'
import { FakeStore } from '../fake-store.ts'

/** A store that counts the reads of annexes. */
class CountingStore extends FakeStore {
  reads = 0

  override page<Value>(family: Decodable<Value>, options?: PageOptions): Promise<Page<Value>> {
    this.reads++
    return super.page(family, options)
  }
}

function watchedPools() {
  const store = new CountingStore()
  store.view.putText(annexKey('ippools', 'p').text, '{"uid":"u","generation":7,"spec":{},"metadata":{}}')
  return { store, watched: new WatchedKind(store, ippoolKind(new BlockIndex())) }
}

/** A change of a pool by somebody who knows of no annex, so that it has to be read from etcd. */
function change(revision: bigint): Change {
  const metadata = { name: 'p', uid: 'u', labels: { at: String(revision) } }
  const text = JSON.stringify({ kind: 'IPPool', metadata, spec: { cidr: '10.0.0.0/24' } })
  return { key: `${pools.prefix}p`, revision, text, before: undefined }
}

t.test('a change is read once for all who keep up, and once more for who is far behind', async (t) => {
  const { store, watched } = watchedPools()
  const changes = Array.from({ length: 1_001 }, (_, number) => change(100n + BigInt(number)))
  const [first, last] = [changes.slice(0, 1), changes.slice(-1)]
  const read = await watched.read(changes)
  t.equal(store.reads, 1_001)
  t.match(read[0]?.after?.object, { metadata: { generation: 8, labels: { at: '100' } } })
  t.equal((await watched.read(last))[0], read.at(-1))
  t.equal(store.reads, 1_001)
  t.strictSame((await watched.read(first))[0]?.after, read[0]?.after)
  t.equal(store.reads, 1_002)
})

t.test('what could not be read while etcd was away is read when it is back', async (t) => {
  const { store, watched } = watchedPools()
  const changes = [change(100n)]
  store.fault = new DatastoreUnavailable('ServiceUnavailable', 'away')
  await t.rejects(watched.read(changes), DatastoreUnavailable)
  store.fault = undefined
  t.match((await watched.read(changes))[0]?.after?.object, { metadata: { generation: 8 } })
})
