import { detailsOf, type Store } from '../datastore/index.ts'
import {
  accessTokenKey,
  accessTokenOf,
  formatTime,
  isJsonObject,
  type JsonObject,
  jsonObject,
  nanosecondsPerSecond,
} from '../model/index.ts'
import { answerOnly, type Plan, put, type View } from '../plan/index.ts'
import type { IndexedToken } from './access-token-index.ts'
import type { FileLogger } from './renewed-file.ts'

/** A use of an AccessToken. */
export interface TokenUse {
  readonly name: string
  readonly uid: string
  /** Nanoseconds since the epoch. */
  readonly at: bigint
}

/** The limits on storing last uses. */
export interface LastUseLimits {
  /** How long a stored use counts as the last one. */
  readonly freshSeconds: number
  /** The time between two attempts to store the noted uses. */
  readonly intervalMs: number
}

const lastUseLimits: LastUseLimits = { freshSeconds: 60, intervalMs: 5_000 }

/** Uses that one transaction stores: each is a compare and a write. */
const usesAtOnce = 50

/** The deadline of a transaction: a server that stops waits no longer for it. */
const deadlineMs = 2_000

/**
 * Stores when AccessTokens were last used, without delaying calls: a call only notes the use in memory. For each token at most one use a
 * minute is stored. If it cannot be stored, it is tried again later; if the server is killed before, it is lost.
 */
export class LastUses {
  readonly #now: () => bigint
  readonly #logger: FileLogger
  readonly #limits: LastUseLimits
  /** By name. */
  #noted = new Map<string, TokenUse>()
  #store: Pick<Store, 'submit'> | undefined
  #timer: NodeJS.Timeout | undefined
  #storing: Promise<void> = Promise.resolve()

  /** `now` is a clock in nanoseconds since the epoch. */
  constructor(now: () => bigint, logger: FileLogger, limits: LastUseLimits = lastUseLimits) {
    this.#now = now
    this.#logger = logger
    this.#limits = limits
  }

  start(store: Pick<Store, 'submit'>): void {
    this.#store = store
    this.#timer = setInterval(() => {
      this.#storing = this.#storing.then(() => this.#storeAll())
    }, this.#limits.intervalMs).unref()
  }

  /** Stores what has been noted, and ends. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#storing
    await this.#storeAll()
  }

  /** A token was used. */
  note({ name, uid, lastUsedAt }: IndexedToken): void {
    const at = this.#now()
    const isFresh =
      lastUsedAt !== undefined && at - lastUsedAt < BigInt(this.#limits.freshSeconds) * nanosecondsPerSecond
    if (!isFresh) this.#noted.set(name, { name, uid, at })
  }

  async #storeAll(): Promise<void> {
    const uses = [...this.#noted.values()]
    if (this.#store === undefined || uses.length === 0) return
    this.#noted = new Map()
    try {
      for (let start = 0; start < uses.length; start += usesAtOnce) {
        const some = uses.slice(start, start + usesAtOnce)
        await this.#store.submit((view) => planStoreUses(view, some), { deadlineMs })
      }
    } catch (err) {
      // Those that were stored are skipped the next time.
      this.#noted = new Map([...uses.map((use) => [use.name, use] as const), ...this.#noted])
      this.#logger.warn(detailsOf(err), 'the last uses of access tokens could not be stored')
    }
  }
}

/** Stores the uses, except of tokens that are gone or have been made anew, and those that are older than the stored one. */
export function planStoreUses(view: View, uses: readonly TokenUse[]): Plan<undefined> {
  const keys = uses.map(({ name }) => accessTokenKey(name))
  view.prefetch(keys)
  const writes = uses.flatMap(({ name, uid, at }) => {
    const key = accessTokenKey(name)
    const stored = view.get(key)
    if (stored.kind !== 'value' || stored.value.uid !== uid || (stored.value.lastUsedAt ?? 0n) >= at) return []
    const changed = accessTokenOf(withLastUse(stored.value.object, at))
    return changed.ok ? [put(key, changed.value)] : []
  })
  return writes.length === 0 ? answerOnly(undefined) : { answer: undefined, writes }
}

function withLastUse(object: JsonObject, nanoseconds: bigint): JsonObject {
  const { status } = object
  const members = isJsonObject(status) ? Object.entries(status) : []
  const changed = jsonObject([...members, ['lastUsedAt', formatTime({ nanoseconds })]])
  return jsonObject([...Object.entries(object), ['status', changed]])
}
