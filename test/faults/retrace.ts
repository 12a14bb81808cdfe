import type { RevisionOfKeys } from './history.ts'

/** Changes printed of a key at most, and characters of each value. */
const changesTold = 4
const charactersTold = 300

/** The history, up to `revision`, of the keys changed in it and of those with the same last part: a line for each change. */
export function retrace(revisions: readonly RevisionOfKeys[], revision: bigint): readonly string[] {
  const names = new Set(
    revisions
      .filter((one) => one.revision === revision)
      .flatMap(({ changes }) => changes.map(({ key }) => nameOf(key))),
  )
  return [...names].flatMap((name) => {
    const lines = revisions
      .filter((one) => one.revision <= revision)
      .flatMap((one) =>
        one.changes
          .filter(({ key }) => nameOf(key) === name)
          .map(({ key, text }) => `  revision ${one.revision}: ${key} ${text?.slice(0, charactersTold) ?? 'deleted'}`),
      )
    return lines.slice(-changesTold)
  })
}

/** A block and the claims on it have the same. */
function nameOf(key: string): string {
  return key.split('/').at(-1) ?? key
}
