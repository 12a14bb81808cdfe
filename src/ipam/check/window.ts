import { compareBytewise } from '../../model/index.ts'

/** Entries that a window has before it is narrowed, at the least. A handle and its count take some 200 bytes. */
export const windowSizeMax = 400_000

/** How many keys are looked at to find the middle one. */
const sampleSize = 1_001

/**
 * What one side expects of the other, where both are in an order of their own and there may be too much to hold: the keys from `from`
 * up to an end that moves down whenever there are too many. What lies behind the end is for the next window.
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

  /** The first key that is for the next window; undefined when this one takes all the rest. */
  get end(): string | undefined {
    return this.#end
  }

  /** How many keys something is expected under. */
  get size(): number {
    return this.#expected.size
  }

  /** Whether the key is for this window. */
  covers(key: string): boolean {
    return compareBytewise(key, this.#from) >= 0 && !this.isBehind(key)
  }

  /** Whether the key is for a later window. */
  isBehind(key: string): boolean {
    return this.#end !== undefined && compareBytewise(key, this.#end) >= 0
  }

  /** Notes what is expected under `key`, given what is already, unless the key is outside of the window. */
  expect(key: string, merge: (before: Value | undefined) => Value): void {
    if (!this.covers(key)) return
    const before = this.#expected.get(key)
    // V8 lets a part of a text refer to the whole: a key would keep the block in memory in which it was found.
    this.#expected.set(before === undefined ? ` ${key}`.slice(1) : key, merge(before))
    if (this.#expected.size > this.#sizeMax) this.#narrow()
  }

  /** What is expected under `key`; undefined when nothing is. */
  get(key: string): Value | undefined {
    return this.#expected.get(key)
  }

  /** Takes out what is expected under `key`; undefined when nothing is. */
  take(key: string): Value | undefined {
    const value = this.#expected.get(key)
    this.#expected.delete(key)
    return value
  }

  /** What has not been taken, in no order. */
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
