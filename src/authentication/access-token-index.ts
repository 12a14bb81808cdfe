import { adminGroup } from '../access/index.ts'
import { type AccessToken, accessTokenKey } from '../model/index.ts'
import type { Lookup, Observer } from '../plan/index.ts'
import { SecretTable } from './secrets.ts'

/** The parts of an AccessToken that are kept in memory. */
export type IndexedToken = Pick<AccessToken, 'name' | 'uid' | 'user' | 'groups' | 'expiresAt' | 'lastUsedAt'>

/** The longest delay of Node's timers: 24 days. Nothing waits longer for the end of a token. */
const timeoutMaxMs = 2 ** 31 - 1

/** All AccessTokens by the hashes of their secrets, kept beside the image of the datastore: a look-up costs the same with any number. */
export class AccessTokenIndex implements Observer<AccessToken> {
  readonly #byHash = new SecretTable<IndexedToken>()
  /** Those of admins, by key of the datastore. */
  readonly #admins = new Map<string, IndexedToken>()
  /** By key of the datastore. */
  readonly #hashes = new Map<string, string>()
  /** The callbacks for changes, by key of the datastore. */
  readonly #listeners = new Map<string, Set<() => void>>()

  changed(key: string, lookup: Lookup<AccessToken>): void {
    this.#takeOver(key, lookup)
    for (const listener of [...(this.#listeners.get(key) ?? [])]) listener()
  }

  /** An AccessToken that cannot be read, or that is being deleted, is not accepted. */
  #takeOver(key: string, lookup: Lookup<AccessToken>): void {
    const hash = this.#hashes.get(key)
    if (hash !== undefined) {
      this.#byHash.delete(hash)
      this.#hashes.delete(key)
      this.#admins.delete(key)
    }
    if (lookup.kind !== 'value' || lookup.value.isTerminating || lookup.value.hash === '') return
    const { name, uid, user, groups, expiresAt, lastUsedAt } = lookup.value
    const token = {
      name: copy(name),
      uid: copy(uid),
      user: copy(user),
      groups: groups.map(copy),
      expiresAt,
      lastUsedAt,
    }
    const copied = copy(lookup.value.hash)
    this.#byHash.set(copied, token)
    this.#hashes.set(key, copied)
    if (token.groups.includes(adminGroup)) this.#admins.set(key, token)
  }

  /** The names of the AccessTokens of admins that have not expired. `now` is in nanoseconds since the epoch. */
  *ofAdmins(now: bigint): Iterable<string> {
    for (const { name, expiresAt } of this.#admins.values()) if (expiresAt === undefined || expiresAt > now) yield name
  }

  /** Counts the AccessTokens that can be used, and those that have expired. `now` is in nanoseconds since the epoch. */
  count(now: bigint): { readonly valid: number; readonly expired: number } {
    let expired = 0
    for (const { expiresAt } of this.#byHash.values()) if (expiresAt !== undefined && expiresAt <= now) expired++
    return { valid: this.#hashes.size - expired, expired }
  }

  /** The AccessToken whose secret has this hash. */
  find(hash: string): IndexedToken | undefined {
    return this.#byHash.get(hash)
  }

  /**
   * Calls `callback` when the token is deleted, expires, or is made to expire at another time; at once if that has happened since it was
   * found. Calling the result unsubscribes. `nowMs` is in milliseconds since the epoch.
   */
  onEnd({ name, uid, expiresAt }: IndexedToken, nowMs: number, callback: () => void): () => void {
    const key = accessTokenKey(name).text
    const listen = (): void => {
      const hash = this.#hashes.get(key)
      const now = hash === undefined ? undefined : this.#byHash.get(hash)
      if (now?.uid !== uid || now.expiresAt !== expiresAt) callback()
    }
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners.add(listen))
    const leftMs = expiresAt === undefined ? undefined : Number(expiresAt / 1_000_000n) - nowMs
    const timer = leftMs === undefined ? undefined : setTimeout(callback, Math.min(leftMs, timeoutMaxMs)).unref()
    listen()
    return () => {
      clearTimeout(timer)
      listeners.delete(listen)
      if (listeners.size === 0) this.#listeners.delete(key)
    }
  }
}

/**
 * Copies a text that may be a part of the stored one, and would keep all of it in memory: with 100,000 tokens, this halves what they take.
 */
function copy(text: string): string {
  return Buffer.from(text).toString()
}
