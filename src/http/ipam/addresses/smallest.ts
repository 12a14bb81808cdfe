/** Keeps the smallest of any number of items, in memory for twice as many as it keeps. */
export class Smallest<Item> {
  readonly #max: number
  readonly #compare: (one: Item, other: Item) => number
  #items: Item[] = []
  /** The largest item that was kept at the last cut: a larger one is none of the smallest. */
  #bound: Item | undefined

  /** Keeps the `max` smallest by `compare`. */
  constructor(max: number, compare: (one: Item, other: Item) => number) {
    this.#max = max
    this.#compare = compare
  }

  add(item: Item): void {
    if (this.#bound !== undefined && this.#compare(item, this.#bound) >= 0) return
    this.#items.push(item)
    if (this.#items.length < this.#max * 2) return
    this.#items = [...this.sorted()]
    this.#bound = this.#items.at(-1)
  }

  /** The smallest items, ascending. */
  sorted(): readonly Item[] {
    return this.#items.toSorted(this.#compare).slice(0, this.#max)
  }
}
