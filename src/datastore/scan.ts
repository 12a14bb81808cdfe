import type { Family, Key, Listed, Revision } from '../plan/index.ts'
import type { Store } from './store.ts'

/**
 * Entries per page. Few where values are large; many where there are many entries, because etcd counts all remaining entries for each
 * page.
 */
const pageSize = { values: 1_000, digests: 50, recent: 10_000 } as const

/**
 * Reads everything at one revision, page by page, so that a walk through millions of keys holds few of them at a time. The methods throw
 * what {@link ServedStore.page} throws: `RevisionCompacted` when the walk takes longer than the store keeps history.
 */
export class Scan {
  readonly revision: Revision
  readonly #store: Pick<Store, 'page'>

  private constructor(store: Pick<Store, 'page'>, revision: Revision) {
    this.#store = store
    this.revision = revision
  }

  /** Begins at the current revision, which it learns by reading one key of `family`. */
  static async begin(store: Pick<Store, 'page'>, family: Family<unknown>): Promise<Scan> {
    const { revision } = await store.page(family, { limit: 1 })
    return new Scan(store, revision)
  }

  /** The entries of a family after the key `after`, in key order. */
  async *entries<Value>(family: Family<Value>, after?: string): AsyncGenerator<readonly Listed<Value>[], void> {
    const limit = pageSize[family.held]
    for (let last = after; ; ) {
      const page = await this.#store.page(family, {
        limit,
        revision: this.revision,
        ...(last === undefined ? {} : { after: last }),
      })
      if (page.entries.length > 0) yield page.entries
      last = page.entries.at(-1)?.key
      if (page.remaining <= 0 || last === undefined) return
    }
  }

  /** The entry of `key`; undefined when there is none. */
  async entry<Value>(key: Key<Value>): Promise<Listed<Value> | undefined> {
    const { entries } = await this.#store.page(key.family, { keys: [key.text], revision: this.revision })
    return entries[0]
  }
}
