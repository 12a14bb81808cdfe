import { annexKey } from '../model/index.ts'
import { answerOnly, type Plan, remove, type View } from '../plan/index.ts'
import type { ServedKind, StoredObject } from './kind.ts'

/** How many annexes are removed in one transaction, which compares two keys for each. */
export const orphansAtOnceMax = 50

/**
 * Removes those of the annexes called `names` whose objects are gone: whoever deletes an object and knows of no annex leaves it behind.
 * Gives how many. One that cannot be read is left alone, as is that of an object that cannot be read.
 */
export function planRemoveOrphans<Value extends StoredObject>(
  view: View,
  { plural, storage: { annexing } }: ServedKind<Value>,
  names: readonly string[],
): Plan<number> {
  if (annexing === undefined) return answerOnly(0)
  const keys = names
    .filter((name) => view.get(annexing.objectKey(name)).kind === 'absent')
    .map((name) => annexKey(plural, name))
    .filter((key) => view.get(key).kind === 'value')
  return { answer: keys.length, writes: keys.map(remove) }
}
