import type { ICompare, IRequestOp } from 'etcd3'
import type { Key } from '../../../plan/index.ts'
import { PlannedBatch } from '../../planning/index.ts'
import { announcementKey, compareAnnouncement, compareKey, comparePrefix } from '../keys.ts'

/**
 * Operations that are committed as one transaction: `If` all reads still have their revision, `Then` the writes, `Else` the current
 * values of the keys read.
 */
export class Batch extends PlannedBatch {
  readonly #encodedBytes = new Map<string, number>()

  /** The compares of the transaction, without that of its slot. */
  compares(): ICompare[] {
    const keys = [...this.reads].map(({ key, revision }) => compareKey(key.text, revision))
    const prefixes = [...this.guards].map(({ family, prefix, guard, revision }) => {
      return guard === 'current' ? compareAnnouncement(family, revision) : comparePrefix(prefix, guard, revision)
    })
    return [...keys, ...prefixes]
  }

  /** The writes, encoded, and the announcements of the families that they change. Expiring keys are attached to `expiringLease`. */
  changes(expiringLease: string): IRequestOp[] {
    const writes = [...this.writes.values()].map((write): IRequestOp => {
      const key = Buffer.from(write.key.text)
      if (write.kind === 'delete') return { request_delete_range: { key } }
      const value = Buffer.from(write.encode())
      this.#encodedBytes.set(write.key.text, value.length)
      return { request_put: write.isExpiring ? { key, value, lease: expiringLease } : { key, value } }
    })
    const announcements = [...this.announced].map((family): IRequestOp => {
      return { request_put: { key: announcementKey(family), value: Buffer.alloc(0) } }
    })
    return [...writes, ...announcements]
  }

  /** The length of a value that {@link changes} has encoded. */
  encodedBytes(key: Key<unknown>): number {
    return this.#encodedBytes.get(key.text) ?? 0
  }

  /** A read of every key that is compared. */
  rereads(): IRequestOp[] {
    return [...this.reads].map(({ key }) => ({ request_range: { key: Buffer.from(key.text) } }))
  }
}

/** Bytes of the keys and values that are written. */
export function sizeOf(changes: readonly IRequestOp[]): number {
  return changes.reduce((sum, { request_put: put }) => sum + (put?.key?.length ?? 0) + (put?.value?.length ?? 0), 0)
}
