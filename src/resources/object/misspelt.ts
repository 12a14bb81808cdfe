/** The most characters that a misspelt name has too many, too few, or wrong. */
const mistakesMax = 2

/** True if `name` looks like a misspelt `right`: nearly the same letters, in any case. */
export function isMisspelt(name: string, right: string): boolean {
  if (name === right || Math.abs(name.length - right.length) > mistakesMax) return false
  return isAlike(name.toLowerCase(), right.toLowerCase(), mistakesMax)
}

/** True if one text becomes the other by adding, removing or replacing at most so many characters. */
function isAlike(one: string, other: string, mistakes: number): boolean {
  if (one === '' || other === '') return one.length + other.length <= mistakes
  const [restOfOne, restOfOther] = [one.slice(1), other.slice(1)]
  if (one[0] === other[0]) return isAlike(restOfOne, restOfOther, mistakes)
  if (mistakes === 0) return false
  return (
    isAlike(restOfOne, restOfOther, mistakes - 1) ||
    isAlike(restOfOne, other, mistakes - 1) ||
    isAlike(one, restOfOther, mistakes - 1)
  )
}
