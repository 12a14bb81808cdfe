import type { Key, Part } from './stored.ts'
import { put, type Write } from './view.ts'

/** The place of a final value in the order: handles and affinities follow the blocks unless their lead is final. */
const finalPlace: Readonly<Record<Part, number>> = { block: 2, handle: 3, affinity: 4, pool: 5, record: 6 }

/** The place of a lead in the order: an affinity claims a block before that is created, or a handle counts addresses in it. */
const leadPlace: Readonly<Record<Part, number>> = { affinity: 0, handle: 1, block: 1, pool: 1, record: 1 }

/**
 * Returns the writes of a plan as writes of single objects, for a store that has no transactions. A server that stops after any of them
 * leaves a state that the next plans accept and mend. First come the leads of affinities, new blocks, handles and records, then the
 * blocks, which are the commit, then the final handles and affinities, pools and records. Each of these stores before it deletes, in key
 * order, so that two servers that write the same keys meet at the first.
 *
 * `before` gives the value that the plan found under a key; undefined when there was none.
 */
export function inOrder(writes: readonly Write[], before: (key: Key<unknown>) => unknown): readonly Write[] {
  const { leads, commits, finals } = inStages(writes, before)
  return [...leads, ...commits, ...finals]
}

/** The writes of a plan by what they are for; each list is in the order of {@link inOrder}. */
export interface Stages {
  /** What must be there before the blocks say so. */
  readonly leads: readonly Write[]
  /** Blocks: each write makes the assignments and releases in it true. */
  readonly commits: readonly Write[]
  /** What follows from the blocks. */
  readonly finals: readonly Write[]
}

/** As {@link inOrder}, for a store that does something between the stages. */
export function inStages(writes: readonly Write[], before: (key: Key<unknown>) => unknown): Stages {
  const placed = writes
    .flatMap((write) => staged(write, before(write.key)))
    .sort((left, right) => left.place - right.place || compareWrites(left.write, right.write))
  const { block } = finalPlace
  const those = (belongs: (place: number) => boolean): readonly Write[] => {
    return placed.filter(({ place }) => belongs(place)).map(({ write }) => write)
  }
  return {
    leads: those((place) => place < block),
    commits: those((place) => place === block),
    finals: those((place) => place > block),
  }
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
  const deletions = Number(left.kind === 'delete') - Number(right.kind === 'delete')
  return deletions || (left.key.text < right.key.text ? -1 : 1)
}
