import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import type { Family, Key, Listed, Revision } from '../plan/index.ts'
import type { Page } from './store.ts'
import type { ServedStore } from './upcoming-store.ts'

/** Entries per page: few where values are large, because decoding a page holds up everything else. */
const pageSize = { values: 1_000, digests: 50, recent: 1_000 } as const

/** While others have plans under way, a scan rests for this many times the time that reading and using its last page took. */
const restFactor = 4

/** The most that a scan rests in all: an embedded etcd keeps history for two minutes, and the scan has to end before. */
const restMaxMs = 40_000

/** Which entries of a family to read. */
interface ScanOptions {
  /** Only those with keys after this one. */
  readonly after?: string | undefined
  /**
   * Some of the keys, in order, with about a page of entries between them. etcd counts all entries of the range that it reads a page of:
   * without cuts, pages of a million entries take 50 times as long.
   */
  readonly cuts?: readonly string[] | undefined
}

/** The members of a store that a scan uses. */
type ScannedStore = Pick<ServedStore, 'page' | 'pending'>

/**
 * Reads everything at one revision, page by page, so that a walk through millions of keys holds few of them at a time. While a page is
 * used, the next one is read. A scan gives way to plans: while there are any, it reads the next page only after a rest, because decoding a
 * page keeps others from the event loop, too. The methods throw what {@link ServedStore.page} throws: `RevisionCompacted` when
 * the walk takes longer than the store keeps history.
 */
export class Scan {
  readonly revision: Revision
  readonly #store: ScannedStore
  #restLeftMs = restMaxMs

  private constructor(store: ScannedStore, revision: Revision) {
    this.#store = store
    this.revision = revision
  }

  /** Begins at the current revision, which it learns by reading one key of `family`. */
  static async begin(store: ScannedStore, family: Family<unknown>): Promise<Scan> {
    const { revision } = await store.page(family, { limit: 1 })
    return new Scan(store, revision)
  }

  /** The entries of a family, in key order. */
  async *entries<Value>(
    family: Family<Value>,
    { after, cuts = [] }: ScanOptions = {},
  ): AsyncGenerator<readonly Listed<Value>[], void> {
    let cut =
      after === undefined ? 0 : cuts.filter((key) => Buffer.compare(Buffer.from(key), Buffer.from(after)) <= 0).length
    let begunMs = performance.now()
    let next: Promise<Page<Value>> | undefined = this.#read(family, after, cuts[cut])
    while (next !== undefined) {
      const { entries, remaining }: Page<Value> = await next
      const end: string | undefined = remaining > 0 ? entries.at(-1)?.key : cuts[cut++]
      const readNext = (): Promise<Page<Value>> | undefined => {
        return end === undefined ? undefined : this.#read(family, end, cuts[cut])
      }
      const mustRest = this.#store.pending > 0 && this.#restLeftMs > 0
      next = mustRest ? undefined : readNext()
      if (entries.length > 0) yield entries
      const usedMs = performance.now() - begunMs
      // Calls that arrived meanwhile are pending only after a turn of the event loop.
      await turn()
      if (mustRest || this.#store.pending > 0) await this.#rest(usedMs)
      begunMs = performance.now()
      if (mustRest) next = readNext()
    }
  }

  /** The entry of `key`; undefined when there is none. */
  async entry<Value>(key: Key<Value>): Promise<Listed<Value> | undefined> {
    const { entries } = await this.#store.page(key.family, { keys: [key.text], revision: this.revision })
    return entries[0]
  }

  async #rest(usedMs: number): Promise<void> {
    if (this.#restLeftMs <= 0) return
    const restMs = usedMs * restFactor
    this.#restLeftMs -= restMs
    await sleep(restMs)
  }

  #read<Value>(family: Family<Value>, after: string | undefined, to: string | undefined): Promise<Page<Value>> {
    const page = this.#store.page(family, {
      limit: pageSize[family.held],
      revision: this.revision,
      ...(after === undefined ? {} : { after }),
      ...(to === undefined ? {} : { to }),
    })
    // Nobody awaits it if the walk ends before.
    page.catch(() => undefined)
    return page
  }
}
