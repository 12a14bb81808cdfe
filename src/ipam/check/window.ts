import { compareBytewise } from '../../model/index.ts'

/** The most entries of a window before it is narrowed. A handle and its count take some 200 bytes. */
export const windowSizeMax = 400_000

/** The number of keys that are sampled to find the middle one. */
const sampleSize = 1_001

/**
 * Holds the expected entries of a range of keys, for a merge with a side that comes in another order. The range begins at `from`; its
 * end moves down whenever there are more entries than fit into memory. Keys beyond the end are left for the next window.
 */
export class Window<Value> {
  readonly #from: string
  readonly #sizeMax: number
  readonly #expected = new Map<string, Value>()
  #end: string | undefined

  constructor(from: string, sizeMax = windowSizeMax) {
    this.#from = from
    this.#sizeMax = sizeMax
  }

  /** The first key of the next window; undefined if this window covers all the rest. */
  get end(): string | undefined {
    return this.#end
  }

  /** The number of expected entries. */
  get size(): number {
    return this.#expected.size
  }

  /** True if the key belongs to this window. */
  covers(key: string): boolean {
    return compareBytewise(key, this.#from) >= 0 && !this.isBehind(key)
  }

  /** True if the key belongs to a later window. */
  isBehind(key: string): boolean {
    return this.#end !== undefined && compareBytewise(key, this.#end) >= 0
  }

  /** Sets the entry expected under `key` to what `merge` makes of the one before. Ignores keys outside of the window. */
  expect(key: string, merge: (before: Value | undefined) => Value): void {
    if (!this.covers(key)) return
    const before = this.#expected.get(key)
    // A substring in V8 refers to the whole string, so the key would keep the text of its block in memory. This copies it.
    this.#expected.set(before === undefined ? ` ${key}`.slice(1) : key, merge(before))
    if (this.#expected.size > this.#sizeMax) this.#narrow()
  }

  /** The entry expected under `key`; undefined if there is none. */
  get(key: string): Value | undefined {
    return this.#expected.get(key)
  }

  /** Removes and returns the entry expected under `key`; undefined if there is none. */
  take(key: string): Value | undefined {
    const value = this.#expected.get(key)
    this.#expected.delete(key)
    return value
  }

  /** The entries that were not taken, in no order. */
  rest(): Iterable<readonly [key: string, value: Value]> {
    return this.#expected
  }

  #narrow(): void {
    const step = Math.max(1, Math.floor(this.#expected.size / sampleSize))
    const sample = [...this.#expected.keys()].filter((_, index) => index % step === 0).sort(compareBytewise)
    this.#end = sample[Math.floor(sample.length / 2)]
    for (const key of this.#expected.keys()) if (this.isBehind(key)) this.#expected.delete(key)
  }
}
