import { annexKey } from '../model/index.ts'
import { answerOnly, type Plan, remove, type Step, stepLimits, type View } from '../plan/index.ts'
import type { ServedKind, StoredObject } from './kind.ts'

/** The most annexes that one step looks at: each takes two keys, its own and that of its object. */
const annexesAtOnce = stepLimits.keys / 2

/**
 * One step of removing those of the annexes called `names` whose objects are gone: a client that deletes an object without knowing of the
 * annex leaves it behind. The position is the place in `names`. Answers how many were removed. An annex that cannot be read stays, and so
 * does that of an object that cannot be read.
 */
export function planRemoveOrphans<Value extends StoredObject>(
  view: View,
  { plural, storage: { annexing } }: ServedKind<Value>,
  names: readonly string[],
  position: string,
): Plan<Step<number>> {
  if (annexing === undefined) return answerOnly({ answer: 0, next: undefined })
  const start = Number(position)
  const end = start + annexesAtOnce
  const keys = names
    .slice(start, end)
    .filter((name) => view.get(annexing.objectKey(name)).kind === 'absent')
    .map((name) => annexKey(plural, name))
    .filter((key) => view.get(key).kind === 'value')
  const next = end < names.length ? String(end) : undefined
  return { answer: { answer: keys.length, next }, writes: keys.map(remove) }
}
