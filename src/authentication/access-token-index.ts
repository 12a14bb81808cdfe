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
  }

  /** The AccessToken whose secret has this hash. */
  find(hash: string): IndexedToken | undefined {
    return this.#byHash.get(hash)
  }
}

/**
 * Copies a text that may be a part of the stored one, which would stay in memory for it: with 100,000 tokens, that halves what they take.
 */
function copy(text: string): string {
  return Buffer.from(text).toString()
}
