import { contains, type Range } from '../formats/index.ts'

/** A range, and what it is the range of. */
export interface Ranged<Value> {
  readonly range: Range
  readonly value: Value
}

/** Ranges that do not overlap, such as those of pools, in the order of their addresses. */
export class Ranges<Value> {
  readonly #sorted: readonly Ranged<Value>[]

  constructor(entries: Iterable<Ranged<Value>>) {
    this.#sorted = [...entries].sort((one, other) => compareRanges(one.range, other.range))
  }

  /** The range that contains all of this one. */
  around(range: Range): Ranged<Value> | undefined {
    const found = this.#sorted[this.#after(range) - 1]
    return found !== undefined && contains(found.range, range) ? found : undefined
  }

  /** The first range that lies inside of this one. */
  inside(range: Range): Ranged<Value> | undefined {
    const before = this.#sorted[this.#after(range) - 1]
    if (before !== undefined && contains(range, before.range)) return before
    const found = this.#sorted[this.#after(range)]
    return found !== undefined && contains(range, found.range) ? found : undefined
  }

  /** The place of the first range that begins behind the beginning of this one. */
  #after({ family, first }: Range): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      const range = this.#sorted[middle]?.range
      const isBefore =
        range !== undefined && (range.family < family || (range.family === family && range.first <= first))
      if (isBefore) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Orders ranges by their first addresses; of two that begin together, the larger one comes first. */
export function compareRanges(one: Range, other: Range): number {
  if (one.family !== other.family) return one.family - other.family
  if (one.first !== other.first) return one.first < other.first ? -1 : 1
  return one.prefixLength - other.prefixLength
}
