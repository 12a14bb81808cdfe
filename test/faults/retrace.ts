import type { RevisionOfKeys } from './history.ts'

/** How many of the changes of a key are told, and how much of each value. */
const changesTold = 4
const charactersTold = 300

/** What happened to the keys that were changed at `revision`, and to those with the same last part, up to then: a line for each change. */
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
