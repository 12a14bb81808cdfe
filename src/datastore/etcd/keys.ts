import type { ICompare } from 'etcd3'
import type { Revision } from '../../plan/index.ts'

/** The keys from `start` up to, and not including, `end`. */
export interface KeyRange {
  readonly start: Buffer
  readonly end: Buffer
}

/** etcd's `range_end` for all keys that start with `prefix`. Its last byte can grow, because no byte of UTF-8 is 0xff. */
export function prefixEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix)
  const last = end.length - 1
  end[last] = (end[last] ?? 0) + 1
  return end
}

/** Holds while `key` is still at `revision` (0: does not exist). */
export function compareKey(key: string, revision: Revision): ICompare {
  return { target: 'Mod', result: 'Equal', key: Buffer.from(key), mod_revision: String(revision) }
}

/** Holds while no key below `prefix` was changed (or created) after `revision`. It does not see deletions (docs/etcd.md section 1). */
export function comparePrefix(prefix: string, guard: 'changed' | 'created', revision: Revision): ICompare {
  const range = { key: Buffer.from(prefix), range_end: prefixEnd(prefix), result: 'Less' } as const
  const bound = String(revision + 1n)
  return guard === 'changed'
    ? { ...range, target: 'Mod', mod_revision: bound }
    : { ...range, target: 'Create', create_revision: bound }
}
