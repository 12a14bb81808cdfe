import type { IKeyValue } from 'etcd3'
import type { EtcdClient } from './client.ts'
import type { HeldFamily, StoredValue } from './held-family.ts'
import { prefixEnd } from './keys.ts'
import { snapshotPageSize } from './limits.ts'

/** A key-value pair of etcd's, with what the image wants of it. */
export function storedValue(pair: IKeyValue): StoredValue {
  return { revision: BigInt(pair.mod_revision), text: pair.value.toString() }
}

/** Reads all of a family, in pages of one revision, into memory. */
export async function loadFamily(client: EtcdClient, held: HeldFamily): Promise<void> {
  const { prefix } = held.family
  const end = prefixEnd(prefix)
  let start = Buffer.from(prefix)
  let revision: string | undefined
  const seen = new Set<string>()
  for (;;) {
    const page = await client.range({
      key: start,
      range_end: end,
      limit: snapshotPageSize,
      ...(revision === undefined ? {} : { revision }),
    })
    revision ??= page.header.revision
    for (const pair of page.kvs) {
      const key = pair.key.toString()
      seen.add(key)
      held.store(key, storedValue(pair))
    }
    const last = page.kvs.at(-1)
    if (!page.more || last === undefined) break
    start = Buffer.concat([last.key, Buffer.from([0])])
  }
  dropOthers(held, seen, BigInt(revision))
}

/**
 * Brings a family in memory up to a revision that is not older than the call, by a linearizable read: what has changed since
 * the last time, and, when the number of keys then differs (deletions leave no trace), the names of all keys.
 */
export async function refreshFamily(client: EtcdClient, held: HeldFamily): Promise<void> {
  const range = { key: Buffer.from(held.family.prefix), range_end: prefixEnd(held.family.prefix) }
  const changed = await client.range({ ...range, min_mod_revision: String(held.completeRevision + 1n) })
  for (const pair of changed.kvs) held.store(pair.key.toString(), storedValue(pair))
  if (BigInt(changed.count) === BigInt(held.size)) {
    held.completeUpTo(BigInt(changed.header.revision))
    return
  }
  const names = await client.range({ ...range, keys_only: true })
  const existing = new Set(names.kvs.map((pair) => pair.key.toString()))
  const revision = BigInt(names.header.revision)
  for (const pair of names.kvs) {
    // Created or changed between the two reads: the next refresh would bring it, but this one promises completeness.
    if (BigInt(pair.mod_revision) > BigInt(changed.header.revision)) {
      const single = await client.range({ key: pair.key })
      for (const value of single.kvs) held.store(value.key.toString(), storedValue(value))
    }
  }
  dropOthers(held, existing, revision)
}

function dropOthers(held: HeldFamily, existing: ReadonlySet<string>, revision: bigint): void {
  for (const key of [...held.keys()]) {
    if (!existing.has(key)) held.storeAbsent(key, revision)
  }
  held.completeUpTo(revision)
}
