/** Finds the candidate that a misspelt name probably means: the nearest one, if it is near enough. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const [best] = candidates
    .map((candidate) => ({ candidate, distance: distanceOf(name, candidate) }))
    .toSorted((one, other) => one.distance - other.distance)
  return best !== undefined && best.distance <= Math.max(2, name.length / 4) ? best.candidate : undefined
}

/** The number of letters to insert, delete or replace to make one text of the other (Levenshtein). */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let line = 0; line < one.length; line++) {
    const next = [line + 1]
    for (let column = 0; column < other.length; column++) {
      const [left = 0, above = 0, diagonal = 0] = [next[column], row[column + 1], row[column]]
      next.push(Math.min(left + 1, above + 1, diagonal + (one[line] === other[column] ? 0 : 1)))
    }
    row = next
  }
  return row[other.length] ?? 0
}
