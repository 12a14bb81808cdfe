import type { AccessToken } from '../model/index.ts'
import type { Lookup, Observer } from '../plan/index.ts'
import { SecretTable } from './secrets.ts'

/** What is kept in memory of an AccessToken. */
export type IndexedToken = Pick<AccessToken, 'name' | 'uid' | 'user' | 'groups' | 'expiresAt' | 'lastUsedAt'>

/** All AccessTokens by the hashes of their secrets, kept beside the image of the datastore: a look-up costs the same with any number. */
export class AccessTokenIndex implements Observer<AccessToken> {
  readonly #byHash = new SecretTable<IndexedToken>()
  /** By key of the datastore. */
  readonly #hashes = new Map<string, string>()

  /** An AccessToken that cannot be read, or that is being deleted, lets nobody in. */
  changed(key: string, lookup: Lookup<AccessToken>): void {
    const hash = this.#hashes.get(key)
    if (hash !== undefined) {
      this.#byHash.delete(hash)
      this.#hashes.delete(key)
    }
    if (lookup.kind !== 'value' || lookup.value.isTerminating || lookup.value.hash === '') return
    const { value } = lookup
    const { name, uid, user, groups, expiresAt, lastUsedAt } = value
    this.#byHash.set(value.hash, { name, uid, user, groups, expiresAt, lastUsedAt })
    this.#hashes.set(key, value.hash)
  }

  /** The AccessToken whose secret has this hash. */
  find(hash: string): IndexedToken | undefined {
    return this.#byHash.get(hash)
  }

  /** The names of those that expired before a time, in nanoseconds since the epoch. */
  expiredBefore(nanoseconds: bigint): readonly string[] {
    return this.#byHash
      .values()
      .filter(({ expiresAt }) => expiresAt !== undefined && expiresAt < nanoseconds)
      .map(({ name }) => name)
  }
}
