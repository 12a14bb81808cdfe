import { firstAtOrAfter } from '../../plan/index.ts'

/** A set of keys that can be walked in order from any prefix. Keys are compared as UTF-16, which is bytewise order for ASCII. */
export class SortedKeys {
  readonly #keys: string[] = []

  add(key: string): void {
    const position = this.#firstAtOrAfter(key)
    if (this.#keys[position] !== key) this.#keys.splice(position, 0, key)
  }

  delete(key: string): void {
    const position = this.#firstAtOrAfter(key)
    if (this.#keys[position] === key) this.#keys.splice(position, 1)
  }

  /** The keys that start with `prefix`, in order. The set must not be changed while walking. */
  *startingWith(prefix: string): Iterable<string> {
    for (let position = this.#firstAtOrAfter(prefix); position < this.#keys.length; position++) {
      const key = this.#keys[position]
      if (key === undefined || !key.startsWith(prefix)) return
      yield key
    }
  }

  #firstAtOrAfter(key: string): number {
    return firstAtOrAfter(this.#keys, key, itself)
  }
}

function itself(key: string): string {
  return key
}
