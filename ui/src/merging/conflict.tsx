import type { JSX } from 'preact'
import { Difference, printYaml } from '../yaml/index.ts'
import { clashes, mergeThreeWay } from './merge.ts'

interface ConflictProps {
  /** The object as it was when the changes began, as it is with them, and as somebody else made it meanwhile. */
  readonly base: object
  readonly mine: unknown
  readonly theirs: object
  readonly onTakeTheirs: () => void
  readonly onMerge: (merged: unknown) => void
}

/** Somebody else has changed the object meanwhile: shows what, and offers to go on from there. */
export function Conflict({ base, mine, theirs, onTakeTheirs, onMerge }: ConflictProps): JSX.Element {
  const both = clashes(base, mine, theirs)
  return (
    <div class="note warn conflict" role="alert">
      <p>
        <strong>Somebody else has changed this meanwhile.</strong> This is what they changed:
      </p>
      <Difference before={printYaml(base)} after={printYaml(theirs)} label="What somebody else changed" />
      {both.length > 0 && (
        <p>
          Both of you changed <span class="mono">{both.join(', ')}</span>.
        </p>
      )}
      <div class="buttons">
        <button type="button" class="button main" onClick={() => onMerge(mergeThreeWay(base, mine, theirs))}>
          Keep my changes, on top of theirs
        </button>
        <button type="button" class="button" onClick={onTakeTheirs}>
          Discard my changes
        </button>
      </div>
    </div>
  )
}
