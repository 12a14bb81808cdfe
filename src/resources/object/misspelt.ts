/** The most characters that a misspelt name has too many, too few, or wrong. */
const mistakesMax = 2

/** True if `name` looks like a misspelt `right`: nearly the same letters, in any case. */
export function isMisspelt(name: string, right: string): boolean {
  return name !== right && mistakes(name.toLowerCase(), right.toLowerCase()) <= mistakesMax
}

/** The number of characters to add, remove or replace, so that one text becomes the other; more than {@link mistakesMax} means many. */
function mistakes(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > mistakesMax) return mistakesMax + 1
  let row = Array.from({ length: other.length + 1 }, (_, column) => column)
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1]
    for (const [column, wanted] of [...other].entries()) {
      const [above = 0, left = 0, diagonal = 0] = [row[column + 1], next[column], row[column]]
      next.push(Math.min(above + 1, left + 1, diagonal + (letter === wanted ? 0 : 1)))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
