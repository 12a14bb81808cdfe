import type { ICompare } from 'etcd3'
import type { Family, Revision } from '../../plan/index.ts'

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

/** Below it are the keys that announce changes, one for each family. */
export const announcementsPrefix = '/ippoold/v1/announcements/'

/** The key that is written with each change of `family` by a server of ippoold. */
export function announcementKey({ prefix }: Pick<Family<unknown>, 'prefix'>): Buffer {
  return Buffer.from(`${announcementsPrefix}${prefix.split('/').at(-2) ?? ''}`)
}

/** Holds while no server of ippoold has changed `family` after `revision`, deletions included. */
export function compareAnnouncement(family: Pick<Family<unknown>, 'prefix'>, revision: Revision): ICompare {
  return { target: 'Mod', result: 'Less', key: announcementKey(family), mod_revision: String(revision + 1n) }
}
