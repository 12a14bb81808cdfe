import type { Caller } from '../access/index.ts'
import { isReserved } from './reserved.ts'

/** The mapping from the claims of an issuer's tokens to a user. */
export interface ClaimMappings {
  readonly username: ClaimMapping
  readonly groups: ClaimMapping | undefined
  readonly uidClaim: string | undefined
  /** Claims that a token must have, with their values. */
  readonly required: readonly { readonly claim: string; readonly value: string }[]
}

/** A claim, and the prefix for its value. */
export interface ClaimMapping {
  readonly claim: string
  readonly prefix: string
}

/** The claims of a token whose signature, issuer, audience and times have been verified. */
export type Claims = Readonly<Record<string, unknown>>

/** The user that a token is for; or why the token is not accepted. */
export type UserOfClaims =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly problem: string }

/**
 * Finds the user that a token is for. An issuer must not make anybody a user or member of a group that has a meaning here (`system:…`,
 * `ippoold:…`), unless the configured prefix itself says so: such a user is refused, and such groups are left out.
 */
export function userOf(claims: Claims, { username, groups, uidClaim, required }: ClaimMappings): UserOfClaims {
  for (const { claim, value } of required) {
    if (claims[claim] !== value) return refuse(`The claim ${claim} of the token does not have the required value.`)
  }
  const name = claims[username.claim]
  if (typeof name !== 'string' || name === '') return refuse(`The token has no claim ${username.claim} with a text.`)
  // As in Kubernetes: a provider may accept any address as a claim before it has verified that.
  if (username.claim === 'email' && (claims['email_verified'] ?? true) !== true) {
    return refuse('The e-mail address in the token is not verified.')
  }
  const user = `${username.prefix}${name}`
  if (isForged(user, username)) return refuse('The token is for a user whose name is reserved.')
  const named = groups === undefined ? [] : textsIn(claims[groups.claim])
  if (named === undefined)
    return refuse(`The claim ${groups?.claim ?? ''} of the token must be a text or a list of texts.`)
  const uid = uidClaim === undefined ? undefined : claims[uidClaim]
  if (uid !== undefined && typeof uid !== 'string')
    return refuse(`The claim ${uidClaim ?? ''} of the token must be a text.`)
  const members = named.map((group) => `${groups?.prefix ?? ''}${group}`)
  return { ok: true, caller: { user, uid, groups: members.filter((group) => !isForged(group, groups ?? username)) } }
}

function isForged(name: string, { prefix }: ClaimMapping): boolean {
  return isReserved(name) && !isReserved(prefix)
}

function textsIn(claim: unknown): readonly string[] | undefined {
  const list: readonly unknown[] = Array.isArray(claim) ? claim : claim === undefined || claim === null ? [] : [claim]
  return list.every((entry) => typeof entry === 'string') ? list.filter((entry) => entry !== '') : undefined
}

function refuse(problem: string): UserOfClaims {
  return { ok: false, problem }
}
