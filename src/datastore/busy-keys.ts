/**
 * The keys that commits under way are writing. A plan that reads one of them would lose the race against this very server, so
 * it waits for the commit instead.
 */
export class BusyKeys {
  /** Key to whether the commit creates it. */
  readonly #keys = new Map<string, boolean>()

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  /** A key below `prefix` whose commit would break the guard on it, if there is one. */
  below(prefix: string, guard: 'changed' | 'created'): string | undefined {
    for (const [key, isCreated] of this.#keys) {
      if ((isCreated || guard === 'changed') && key.startsWith(prefix)) return key
    }
    return undefined
  }

  add(key: string, isCreated: boolean): void {
    this.#keys.set(key, isCreated)
  }

  delete(key: string): void {
    this.#keys.delete(key)
  }
}
