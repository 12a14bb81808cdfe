import type { Family, Key, Listed, Revision } from '../plan/index.ts'
import { type Datastore, scanPageSize } from './etcd/index.ts'

/**
 * Reads everything as it was at one revision, page by page, so that a walk through millions of keys holds few of them at a time. The
 * methods throw what {@link Datastore.page} throws; `RevisionCompacted` when the walk has taken longer than etcd keeps history.
 */
export class Scan {
  readonly revision: Revision
  readonly #store: Pick<Datastore, 'page'>

  private constructor(store: Pick<Datastore, 'page'>, revision: Revision) {
    this.#store = store
    this.revision = revision
  }

  /** Begins at the present revision, which a read of one key of `family` tells. */
  static async begin(store: Pick<Datastore, 'page'>, family: Family<unknown>): Promise<Scan> {
    const { revision } = await store.page(family, { limit: 1 })
    return new Scan(store, revision)
  }

  /** The entries of a family after the key `after`, in the order of their keys. */
  async *entries<Value>(family: Family<Value>, after?: string): AsyncGenerator<readonly Listed<Value>[], void> {
    const limit = scanPageSize[family.held]
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

  /** What is stored under `key`; undefined when there is nothing. */
  async entry<Value>(key: Key<Value>): Promise<Listed<Value> | undefined> {
    // Of the keys that begin with it, the key itself comes first.
    const only = { ...key.family, prefix: key.text }
    const { entries } = await this.#store.page(only, { limit: 1, revision: this.revision })
    return entries.find((entry) => entry.key === key.text)
  }
}
