import type { Key, Part } from './stored.ts'
import { put, type Write } from './view.ts'

/** Where a final value is written among the others: handles and affinities follow the blocks unless their lead is final. */
const finalPlace: Readonly<Record<Part, number>> = { block: 2, handle: 3, affinity: 4, pool: 5, record: 6 }

/** Where a lead is written. A block is claimed by its affinity before a handle counts addresses in it. */
const leadPlace: Readonly<Record<Part, number>> = { affinity: 0, handle: 1, block: 1, pool: 1, record: 1 }

/**
 * The writes of a plan as writes of single objects, for a store that has no transactions: whoever stops after any of them leaves a state
 * that the next plans accept and mend. Affinities and handles lead as their families say, blocks are the commit, then come the final
 * handles and affinities, pools and records. In each of these, what is deleted comes after what is stored, and all are in key order, so
 * that two servers that write the same keys meet at the first.
 *
 * `before` gives the value that the plan found under a key; undefined when there was none.
 */
export function inOrder(writes: readonly Write[], before: (key: Key<unknown>) => unknown): readonly Write[] {
  return writes
    .flatMap((write) => staged(write, before(write.key)))
    .sort((left, right) => left.place - right.place || compareWrites(left.write, right.write))
    .map(({ write }) => write)
}

interface Placed {
  readonly place: number
  readonly write: Write
}

function staged(write: Write, before: unknown): readonly Placed[] {
  const { family } = write.key
  const after = write.kind === 'put' ? write.value : undefined
  const lead = family.lead?.(before, after)
  const final = { place: finalPlace[family.part], write }
  if (lead === undefined) return [final]
  const place = leadPlace[family.part]
  return lead === after ? [{ place, write }] : [{ place, write: put(write.key, lead) }, final]
}

function compareWrites(left: Write, right: Write): number {
  if (left.kind !== right.kind) return left.kind === 'put' ? -1 : 1
  return left.key.text < right.key.text ? -1 : 1
}
