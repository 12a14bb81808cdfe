import type { IRangeRequest, IRangeResponse } from 'etcd3'
import t from 'tap'
import { EtcdClient } from '../../../src/datastore/etcd/client.ts'
import { loadFamily, refreshFamily } from '../../../src/datastore/etcd/snapshot.ts'
import { HeldFamily } from '../../../src/datastore/image/index.ts'
import { snapshotPageSize } from '../../../src/datastore/etcd/limits.ts'
import { startEtcd } from '../../support/etcd.ts'
import { numbersBelow, openEtcd, revisionOf } from '../rig.ts'

const etcd = await startEtcd(t)
const keys = openEtcd(t, etcd.endpoint)

/** A client that lets something happen after each read was answered, and before its caller hears of it. */
class InterruptedClient extends EtcdClient {
  asked = 0
  reads = 0
  meanwhile: () => void | Promise<void> = () => undefined

  override async range(request: IRangeRequest): Promise<IRangeResponse> {
    this.asked++
    const response = await super.range(request)
    this.reads++
    await this.meanwhile()
    return response
  }
}

const client = new InterruptedClient({ endpoints: [etcd.endpoint] })
t.teardown(() => client.close())
t.beforeEach(() => {
  client.reads = 0
  client.meanwhile = () => undefined
})

/** A family in memory that is up to date with etcd, where it has `names`, each with the value 1. */
async function hold(prefix: string, ...names: readonly string[]): Promise<HeldFamily> {
  for (const name of names) await keys.put(`${prefix}${name}`).value('1')
  const held = new HeldFamily(numbersBelow(prefix, 'values'), undefined, () => undefined)
  await loadFamily(client, held)
  client.reads = 0
  return held
}

/** What is held, and what etcd has. */
function heldIn(held: HeldFamily): Record<string, unknown> {
  return Object.fromEntries(
    held.listing(held.family.prefix).map((entry) => [entry.key, entry.kind === 'value' ? entry.value : entry.kind]),
  )
}

async function storedIn(held: HeldFamily): Promise<Record<string, unknown>> {
  return keys.getAll().prefix(held.family.prefix).numbers()
}

t.test('a family is loaded page by page, whatever changes and is compacted in between', async (t) => {
  const prefix = '/loaded/'
  const names = Array.from({ length: snapshotPageSize * 2 + 10 }, (_, n) => String(n).padStart(5, '0'))
  for (let n = 0; n < names.length; n += 100) {
    const some = names.slice(n, n + 100)
    const puts = some.map((name) => ({ request_put: { key: Buffer.from(prefix + name), value: Buffer.from('1') } }))
    await keys.kv.txn({ success: puts })
  }
  const held = new HeldFamily(numbersBelow(prefix, 'values'), undefined, () => undefined)
  const before = await revisionOf(keys)
  client.meanwhile = async () => {
    await keys.put(`${prefix}00000`).value('2')
    await keys.put(`${prefix}02000`).value('2')
    await keys.delete().key(`${prefix}02001`)
    await keys.kv.compact({ revision: String(await revisionOf(keys)), physical: true })
  }
  await loadFamily(client, held)
  t.equal(client.reads, 3)
  t.equal(held.completeRevision, BigInt(before), 'from here on the watch has to tell')
  t.equal(held.size, names.length - 1)
  t.match(heldIn(held), { '/loaded/00000': 1, '/loaded/02000': 2, '/loaded/02002': 1 })
})

t.test('etcd is asked for the next page before one is applied', async (t) => {
  const prefix = '/paged/'
  const names = Array.from({ length: snapshotPageSize + 1 }, (_, n) => String(n).padStart(5, '0'))
  for (let n = 0; n < names.length; n += 100) {
    const puts = names
      .slice(n, n + 100)
      .map((name) => ({ request_put: { key: Buffer.from(prefix + name), value: Buffer.from('1') } }))
    await keys.kv.txn({ success: puts })
  }
  const askedBy = new Map<string, number>()
  const observer = { changed: (key: string) => void askedBy.set(key, client.asked) }
  const before = client.asked
  await loadFamily(client, new HeldFamily(numbersBelow(prefix, 'values'), observer, () => undefined))
  t.equal(askedBy.get(`${prefix}00000`), before + 2)
  t.equal(client.asked, before + 2, 'and not for one after the last')
})

t.test('loading again drops what has gone meanwhile', async (t) => {
  const held = await hold('/reloaded/', 'a', 'b')
  await keys.delete().key('/reloaded/a')
  await keys.put('/reloaded/c').value('3')
  await loadFamily(client, held)
  t.strictSame(heldIn(held), { '/reloaded/b': 1, '/reloaded/c': 3 })
})

t.test('a refresh brings what was created, changed and deleted', async (t) => {
  const held = await hold('/refreshed/', 'a', 'b', 'c')
  await refreshFamily(client, held)
  t.equal(client.reads, 1, 'one read when nothing was deleted')
  await keys.put('/refreshed/d').value('2')
  await keys.put('/refreshed/a').value('2')
  await refreshFamily(client, held)
  t.equal(client.reads, 2)
  await keys.delete().key('/refreshed/b')
  await refreshFamily(client, held)
  t.equal(client.reads, 4, 'and another one for the names when something was')
  t.strictSame(heldIn(held), await storedIn(held))
  t.equal(held.completeRevision, BigInt(await revisionOf(keys)))
  await keys.delete().key('/refreshed/c')
  await keys.put('/refreshed/e').value('2')
  await refreshFamily(client, held)
  t.strictSame(heldIn(held), await storedIn(held))
})

t.test('a deletion by this server during a refresh does not hide one by another server', async (t) => {
  const held = await hold('/hidden/', 'ours', 'theirs', 'kept')
  await keys.delete().key('/hidden/theirs')
  await keys.put('/hidden/new').value('2')
  client.meanwhile = async () => {
    client.meanwhile = () => undefined
    await keys.delete().key('/hidden/ours')
    held.storeAbsent('/hidden/ours', BigInt(await revisionOf(keys)))
  }
  await refreshFamily(client, held)
  t.strictSame(heldIn(held), await storedIn(held))
})

t.test('what this server creates during a refresh stays', async (t) => {
  const held = await hold('/created/', 'a', 'b')
  await keys.delete().key('/created/b')
  client.meanwhile = async () => {
    if (client.reads !== 2) return
    await keys.put('/created/ours').value('7')
    held.storeCommitted('/created/ours', 7, BigInt(await revisionOf(keys)), 1)
  }
  await refreshFamily(client, held)
  t.strictSame(heldIn(held), { '/created/a': 1, '/created/ours': 7 })
})
