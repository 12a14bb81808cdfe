import { useEffect, useState } from 'preact/hooks'
import { isFields } from '../fields.ts'
import { isSame } from '../merging/index.ts'

/** Names, each with a value: labels, for example. */
export type Entries = Readonly<Record<string, string>>

/** Versions of the entries that differ, and how to go on. */
export interface EntriesConflict {
  readonly base: Entries
  readonly mine: Entries
  readonly theirs: Entries
  readonly onTakeTheirs: () => void
  readonly onMerge: (merged: unknown) => void
}

interface BaseOptions<Stored> {
  /** The object as it is now; it may change while it is edited. Undefined while it is created. */
  readonly stored: Stored | undefined
  readonly entriesOf: (stored: Stored) => Entries
  /** The entries as they are edited. */
  readonly mine: Entries
  readonly onMine: (entries: Entries) => void
}

/**
 * The version of an object that a change is based on. It follows what is stored as long as that changes nothing that is edited. Otherwise
 * there is a conflict, which the person decides.
 */
export function useBase<Stored extends { readonly metadata: { readonly resourceVersion?: string } }>({
  stored,
  entriesOf,
  mine,
  onMine,
}: BaseOptions<Stored>): { readonly base: Stored | undefined; readonly conflict: EntriesConflict | undefined } {
  const [base, setBase] = useState(stored)
  const before = base === undefined ? {} : entriesOf(base)
  const isOld = stored !== undefined && stored.metadata.resourceVersion !== base?.metadata.resourceVersion
  const theirs = stored === undefined ? before : entriesOf(stored)
  const isUntouched = isSame(mine, before)
  const isConflict = isOld && !isUntouched && !isSame(theirs, before) && !isSame(theirs, mine)
  useEffect(() => {
    if (!isOld || isConflict) return
    setBase(stored)
    if (isUntouched) onMine(theirs)
  }, [stored])
  const goOn = (entries: Entries): void => {
    setBase(stored)
    onMine(entries)
  }
  const conflict: EntriesConflict = {
    base: before,
    mine,
    theirs,
    onTakeTheirs: () => goOn(theirs),
    onMerge: (merged) => goOn(entriesIn(merged)),
  }
  return { base, conflict: isConflict ? conflict : undefined }
}

function entriesIn(value: unknown): Entries {
  return isFields(value)
    ? Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, String(entry)] as const))
    : {}
}
