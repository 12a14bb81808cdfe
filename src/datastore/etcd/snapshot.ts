import { setImmediate } from 'node:timers/promises'
import type { IKeyValue, IRangeResponse } from 'etcd3'
import type { Revision } from '../../plan/index.ts'
import type { EtcdClient } from './client.ts'
import { prefixEnd } from './keys.ts'
import { snapshotPageSize } from './limits.ts'
import type { HeldFamily, StoredValue } from '../image/index.ts'

/** A key-value pair of etcd's as the image takes it. `asOf` is the revision of the answer that brought it. */
export function storedValue(pair: IKeyValue, asOf: Revision): StoredValue {
  return { revision: BigInt(pair.mod_revision), text: pair.value.toString(), asOf }
}

/**
 * Reads a whole family into memory, in pages. It is complete up to the revision of the first page. Later pages may be newer: they need no
 * history, so a compaction in between does no harm.
 */
export async function loadFamily(client: EtcdClient, held: HeldFamily): Promise<void> {
  const { prefix } = held.family
  const end = prefixEnd(prefix)
  const pageFrom = (key: Buffer): Promise<IRangeResponse> =>
    client.range({ key, range_end: end, limit: snapshotPageSize })
  let page = await pageFrom(Buffer.from(prefix))
  const first = BigInt(page.header.revision)
  const seen = new Set<string>()
  for (;;) {
    const last = page.kvs.at(-1)
    // etcd reads the next page while this one is applied. The request leaves once the event loop gets its turn.
    const next = page.more && last !== undefined ? pageFrom(Buffer.concat([last.key, Buffer.from([0])])) : undefined
    // If it fails before it is awaited, that is no unhandled rejection.
    next?.catch(() => undefined)
    await setImmediate()
    const asOf = BigInt(page.header.revision)
    for (const pair of page.kvs) {
      const key = pair.key.toString()
      seen.add(key)
      held.load(key, storedValue(pair, asOf))
    }
    if (next === undefined) break
    page = await next
  }
  dropOthers(held, seen, first)
  held.completeUpTo(first)
}

/**
 * Brings a family in memory up to a revision that is not older than the call, by a linearizable read of the changes since the last time;
 * and of all keys when their number does not agree, because deletions leave no trace.
 */
export async function refreshFamily(client: EtcdClient, held: HeldFamily): Promise<void> {
  const range = { key: Buffer.from(held.family.prefix), range_end: prefixEnd(held.family.prefix) }
  const { keySetChanges } = held
  const changed = await client.range({ ...range, min_mod_revision: String(held.completeRevision + 1n) })
  const asOf = BigInt(changed.header.revision)
  // A key that came or went meanwhile, by the watch or by a commit, could cancel out one whose deletion was not seen.
  const isCountComparable = held.keySetChanges === keySetChanges
  for (const pair of changed.kvs) held.store(pair.key.toString(), storedValue(pair, asOf))
  if (!isCountComparable || BigInt(changed.count) !== BigInt(held.size)) {
    const names = await client.range({ ...range, keys_only: true })
    dropOthers(held, new Set(names.kvs.map((pair) => pair.key.toString())), BigInt(names.header.revision))
  }
  held.completeUpTo(asOf)
}

function dropOthers(held: HeldFamily, existing: ReadonlySet<string>, revision: Revision): void {
  for (const key of [...held.keys()]) {
    if (!existing.has(key)) held.storeAbsent(key, revision)
  }
}
