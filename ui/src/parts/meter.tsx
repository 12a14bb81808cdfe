import type { JSX } from 'preact'
import { type Count, printCount, printShare, shareOf } from '../text/index.ts'

/** The counts of a pool, of a block or of a range. */
export interface Counts {
  readonly capacity: Count
  readonly inUse: Count
  readonly cooling: Count
  readonly reserved: Count
  readonly available: Count
}

/** How much is in use, cooling and reserved, as a bar. What is too little to be seen is at least a pixel wide. */
export function Meter({ counts }: { counts: Counts }): JSX.Element {
  const parts = [
    ['in-use', counts.inUse],
    ['cooling', counts.cooling],
    ['reserved', counts.reserved],
  ] as const
  return (
    <span class="meter" aria-hidden="true">
      {parts.map(([name, count]) =>
        BigInt(count) === 0n ? null : (
          <i class={name} style={{ width: `max(2px, ${shareOf(count, counts.capacity) * 100}%)` }} />
        ),
      )}
    </span>
  )
}

/** The share in use, in words. */
export function UseShare({ counts }: { counts: Counts }): JSX.Element {
  return <span class="number">{printShare(shareOf(counts.inUse, counts.capacity))}</span>
}

const states = [
  ['in-use', 'In use', 'inUse'],
  ['cooling', 'Cooling', 'cooling'],
  ['reserved', 'Reserved', 'reserved'],
  ['free', 'Free', 'available'],
] as const

/** The counts with their colours and words: the legend of every map, and its figures. */
export function CountFacts({ counts }: { counts: Counts }): JSX.Element {
  return (
    <dl class="facts figures">
      {states.map(([state, word, field]) => (
        <div key={state}>
          <dt>
            <span class={`swatch ${state}`} aria-hidden="true" />
            {word}
          </dt>
          <dd>{printCount(counts[field])}</dd>
        </div>
      ))}
      <div>
        <dt>Capacity</dt>
        <dd>{printCount(counts.capacity)}</dd>
      </div>
    </dl>
  )
}
