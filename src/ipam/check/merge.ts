import type { Family, Listed } from '../../plan/index.ts'
import type { Finding } from './finding.ts'
import type { CheckSource } from './terms.ts'
import { Window } from './window.ts'

/** Compares stored entries with expected ones. */
export interface Comparison<Value, Expected> {
  /** In key order. */
  readonly families: readonly Family<Value>[]
  /** See {@link EntriesOptions.cuts}. */
  readonly cuts?: () => readonly string[]
  /** Called for each stored entry; `expected` is undefined if none is expected under its key. */
  compare(entry: Listed<Value>, expected: Expected | undefined): readonly Finding[]
  /** Called for each expected entry that is not stored. */
  missing(key: string, expected: Expected): readonly Finding[]
}

/** Merges stored entries with expected ones, in key order; in windows of as many as fit into memory. */
export class Merge<Value, Expected> {
  readonly #comparison: Comparison<Value, Expected>
  readonly #windowSize: number
  #window: Window<Expected>
  /** The last key that was compared. */
  #after = ''
  #isDone = false

  constructor(comparison: Comparison<Value, Expected>, windowSize: number) {
    this.#comparison = comparison
    this.#windowSize = windowSize
    this.#window = new Window('', windowSize)
  }

  /** True once everything was compared. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** See {@link Window.expect}. */
  expect(key: string, merge: (before: Expected | undefined) => Expected): void {
    if (!this.#isDone) this.#window.expect(key, merge)
  }

  /** Compares the entries of the window and opens the next one, for which everything has to be expected again. */
  async *merge(source: CheckSource): AsyncGenerator<Finding, void> {
    if (this.#isDone) return
    for (const family of this.#comparison.families) yield* this.#compare(source, family)
    for (const [key, expected] of this.#window.rest()) yield* this.#comparison.missing(key, expected)
    const { end } = this.#window
    this.#isDone = end === undefined
    this.#window = new Window(end ?? '', this.#windowSize)
  }

  async *#compare(source: CheckSource, family: Family<Value>): AsyncGenerator<Finding, void> {
    // All keys of another family come before, or all come after.
    const { cuts } = this.#comparison
    const isBegun = this.#after.startsWith(family.prefix)
    if (!isBegun && this.#after > family.prefix) return
    for await (const page of source.entries(family, { cuts: cuts?.(), ...(isBegun && { after: this.#after }) })) {
      for (const entry of page) {
        if (this.#window.isBehind(entry.key)) return
        this.#after = entry.key
        yield* this.#comparison.compare(entry, this.#window.take(entry.key))
      }
    }
  }
}
