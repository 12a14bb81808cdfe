import type { ICompare } from 'etcd3'
import type { Revision } from '../../plan/index.ts'

/** The first key after every key that starts with `prefix`, as etcd's `range_end` wants it. Prefixes end in ASCII. */
export function prefixEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix)
  const last = end.length - 1
  end[last] = (end[last] ?? 0) + 1
  return end
}

/** True when `key` is still at `revision` (0: does not exist). */
export function compareKey(key: string, revision: Revision): ICompare {
  return { target: 'Mod', result: 'Equal', key: Buffer.from(key), mod_revision: String(revision) }
}

/** True when no key below `prefix` was changed (or: created) after `revision`. Deletions go unseen (docs/etcd.md section 1). */
export function comparePrefix(prefix: string, guard: 'changed' | 'created', revision: Revision): ICompare {
  const range = { key: Buffer.from(prefix), range_end: prefixEnd(prefix), result: 'Less' } as const
  const bound = String(revision + 1n)
  return guard === 'changed'
    ? { ...range, target: 'Mod', mod_revision: bound }
    : { ...range, target: 'Create', create_revision: bound }
}
