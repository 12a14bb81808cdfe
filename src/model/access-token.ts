import type { Decoded, Key } from '../plan/index.ts'
import { type Json, type JsonObject, mismatch, noFields, readArray, readObject, readString } from './json/index.ts'
import { type ResourceFamily, resourceFamily, resourceKey, resourceOf } from './resource.ts'
import { parseTime } from './time.ts'

/** An AccessToken: a secret with which one may call the server as some user. The secret itself is not stored. */
export interface AccessToken {
  /** The complete stored object. */
  readonly object: JsonObject
  readonly name: string
  readonly uid: string
  readonly user: string
  readonly groups: readonly string[]
  /** Nanoseconds since the epoch; undefined if it does not expire. */
  readonly expiresAt: bigint | undefined
  /** The SHA-256 of the secret, in hex; empty if the object was not made by ippoold. */
  readonly hash: string
  /** Nanoseconds since the epoch, at most; undefined if it was not used. */
  readonly lastUsedAt: bigint | undefined
  /** True if it is being deleted, and stays only until its finalizers are removed. */
  readonly isTerminating: boolean
}

/** The access tokens. There may be very many of them, and the objects are seldom needed: an index keeps what is. */
export const accessTokens: ResourceFamily<AccessToken> = resourceFamily({
  name: 'accesstokens',
  plural: 'accesstokens',
  prefix: '/ippoold/v1/accesstokens/',
  held: 'digests',
  specFields: ['user', 'groups', 'expiresAt'],
  read: ({ object, name, metadata, spec }) => {
    const status = readObject(object['status'], 'status') ?? noFields
    return {
      object,
      name,
      uid: readString(metadata['uid'], 'metadata.uid') ?? '',
      user: readString(spec['user'], 'spec.user') ?? '',
      groups: (readArray(spec['groups'], 'spec.groups') ?? []).map(
        (group, index) => readString(group, `spec.groups[${index}]`) ?? '',
      ),
      expiresAt: readTime(spec['expiresAt'], 'spec.expiresAt'),
      hash: readString(status['tokenSHA256'], 'status.tokenSHA256') ?? '',
      lastUsedAt: readTime(status['lastUsedAt'], 'status.lastUsedAt'),
      isTerminating: (readString(metadata['deletionTimestamp'], 'metadata.deletionTimestamp') ?? '') !== '',
    }
  },
})

/** The access token that reading returns after `object` is stored; a problem if it cannot be read. */
export function accessTokenOf(object: JsonObject): Decoded<AccessToken> {
  return resourceOf(accessTokens, object)
}

/** The key of an access token. */
export function accessTokenKey(name: string): Key<AccessToken> {
  return resourceKey(accessTokens, name)
}

/** A time that cannot be read makes the whole object unreadable: without it, the token would be valid for longer. */
function readTime(json: Json | undefined, path: string): bigint | undefined {
  const text = readString(json, path)
  if (text === undefined) return undefined
  const time = parseTime(text)
  if (time === undefined) throw mismatch(path, 'a time', text)
  return time.nanoseconds
}
