import type { Decodable, Family, Key, Listed, Lookup, Plan, Revision, View } from '../plan/index.ts'
import type { Follower } from './changes.ts'
import { starting } from './faults.ts'
import type { Health, Member, Outcome, Page, PageOptions, Store, StoreFigures, SubmitOptions } from './store.ts'

/** The part of a store that the server uses for its clients. */
export type ServedStore = Pick<
  Store,
  'submit' | 'page' | 'peek' | 'peekAll' | 'follow' | 'health' | 'members' | 'pending' | 'waitedMs'
>

/** The same, and what metrics tell of it. */
export type OpenedStore = ServedStore & Pick<Store, 'figures'>

/** Stands in for a store that is not open yet: refuses everything and is not ready. Once the store is open, passes everything on to it. */
export class UpcomingStore implements OpenedStore {
  #store: OpenedStore | undefined

  /** Passes everything on to `store` from now on. */
  open(store: OpenedStore): void {
    this.#store = store
  }

  submit<Answer>(plan: (view: View) => Plan<Answer>, options?: SubmitOptions): Promise<Outcome<Answer>> {
    return this.#store?.submit(plan, options) ?? Promise.reject(starting())
  }

  page<Value>(family: Decodable<Value>, options?: PageOptions): Promise<Page<Value>> {
    return this.#store?.page(family, options) ?? Promise.reject(starting())
  }

  follow(families: readonly Decodable<unknown>[], after: Revision): Promise<Follower> {
    return this.#store?.follow(families, after) ?? Promise.reject(starting())
  }

  peek<Value>(key: Key<Value>): Lookup<Value> | undefined {
    return this.#store?.peek(key)
  }

  peekAll<Value>(family: Family<Value>, prefix: string): readonly Listed<Value>[] {
    return this.#store?.peekAll(family, prefix) ?? []
  }

  get pending(): number {
    return this.#store?.pending ?? 0
  }

  get waitedMs(): number {
    return this.#store?.waitedMs ?? 0
  }

  figures(): StoreFigures {
    return this.#store?.figures() ?? { queue: { waiting: 0, inFlight: 0 }, families: [], journals: [], members: [] }
  }

  health(): Health {
    const check = { name: 'datastore', ok: false, message: 'is not open yet' }
    return this.#store?.health() ?? { ready: false, checks: [check] }
  }

  members(): Promise<readonly Member[]> {
    return this.#store?.members() ?? Promise.reject(starting())
  }
}
