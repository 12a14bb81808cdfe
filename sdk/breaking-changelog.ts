/** Those of `changes` that the changelog does not have, word by word, under "Breaking" of what is not released yet. */
export function unlisted(changes: readonly string[], changelog: string): readonly string[] {
  const [, unreleased = ''] = /^## \[Unreleased\]\n(.*?)(?=^## |(?![^]))/ms.exec(changelog) ?? []
  const [, breaking = ''] = /^### Breaking\n(.*?)(?=^### |(?![^]))/ms.exec(unreleased) ?? []
  const listed = breaking.replaceAll(/\s+/g, ' ')
  return changes.filter((change) => !listed.includes(`\`${change}\``))
}
