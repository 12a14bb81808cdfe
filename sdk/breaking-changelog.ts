/** The entries of `changes` that are missing, word for word, under "Breaking" in the unreleased part of the changelog. */
export function unlisted(changes: readonly string[], changelog: string): readonly string[] {
  const [, unreleased = ''] = /^## \[Unreleased\]\n(.*?)(?=^## |(?![^]))/ms.exec(changelog) ?? []
  const [, breaking = ''] = /^### Breaking\n(.*?)(?=^### |(?![^]))/ms.exec(unreleased) ?? []
  const listed = breaking.replaceAll(/\s+/g, ' ')
  return changes.filter((change) => !listed.includes(`\`${change}\``))
}
