import {
  anonymous,
  authenticatedGroup,
  type Caller,
  type Credentials,
  type Gatekeeper,
  type Identification,
} from '../access/index.ts'
import type { AccessTokenIndex, IndexedToken } from './access-token-index.ts'
import { readAuthorization } from './bearer.ts'
import type { JsonWebTokens } from './json-web-tokens.ts'
import { formOf, hashOf, type SecretTable } from './secrets.ts'
import type { Throttle } from './throttle.ts'
import { known, refused, unavailable, type Verdict } from './verdict.ts'

/** The ways to identify a caller. One that is not switched on is undefined. */
export interface Authenticators {
  /** The users of the token file. */
  readonly tokenFile: () => SecretTable<Caller> | undefined
  readonly jsonWebTokens: () => JsonWebTokens | undefined
  readonly accessTokens: AccessTokens | undefined
  readonly isAnonymousAllowed: () => boolean
  readonly throttle: Throttle
  /** A clock in milliseconds since the epoch. */
  readonly now: () => number
}

/** The AccessTokens that are accepted. */
interface AccessTokens {
  readonly index: Pick<AccessTokenIndex, 'find' | 'onEnd'>
  /** False while the server starts and has not loaded all of them yet. */
  readonly isComplete: () => boolean
  readonly noteUse: (token: IndexedToken) => void
}

/** How long to wait for the keys of an issuer that cannot be reached. */
const unavailableSeconds = 5

/**
 * Makes the part of a gatekeeper that identifies callers. As in kube-apiserver, a client certificate takes precedence over a token, and a
 * token is tried with one way of authentication after the other. A wrong credential is refused, even where callers without one are let in.
 */
export function identifyBy(authenticators: Authenticators): Gatekeeper['identify'] {
  return ({ authorization, certificate, address }) => {
    const ofCertificate = certificate && callerOf(certificate)
    if (ofCertificate !== undefined) return answer(ofCertificate)
    const given = readAuthorization(authorization)
    switch (given.kind) {
      case 'none':
        if (certificate !== undefined) {
          return answer(refused('The client certificate must have one common name, which is the user.'))
        }
        if (authenticators.isAnonymousAllowed()) return { ok: true, caller: anonymous }
        return { ok: false, reason: 'missing', problem: 'A credential is needed: a token, or a client certificate.' }
      case 'unreadable':
        return { ok: false, reason: 'wrong', problem: given.problem }
      case 'bearer':
        return identifyToken(given.token, address, authenticators)
    }
  }
}

/** The user of a client certificate, which TLS has verified: its common name, with its organizations as groups. */
function callerOf({ commonNames, organizations }: NonNullable<Credentials['certificate']>): Verdict | undefined {
  const [user] = commonNames
  if (user === undefined || user === '' || commonNames.length > 1) return undefined
  return known({ user, groups: organizations })
}

/**
 * Identifies the user of a token. Secrets of AccessTokens and tokens that were verified before cannot be guessed: they are looked up first,
 * at no other cost. Other tokens are slowed down for an address that tries too many.
 */
function identifyToken(
  token: string,
  address: string,
  authenticators: Authenticators,
): Identification | Promise<Identification> {
  const { throttle, jsonWebTokens, tokenFile, accessTokens } = authenticators
  const hash = hashOf(token)
  const recalled = jsonWebTokens()?.recall(hash)
  if (recalled !== undefined) return answer(known(recalled))
  const ofSecret = accessTokens && lookUpSecret(hash, accessTokens, authenticators.now())
  if (ofSecret?.kind === 'known') return answer(ofSecret)

  const retryAfterSeconds = throttle.waitSeconds(address, hash)
  if (retryAfterSeconds > 0) {
    const problem = 'Too many wrong credentials came from this address; wait before you try another.'
    return { ok: false, reason: 'throttled', problem, retryAfterSeconds }
  }
  const settle = (verdict: Verdict): Identification => {
    if (verdict.kind === 'known') throttle.accepted(address, hash)
    if (verdict.kind === 'refused') throttle.failed(address)
    return answer(verdict)
  }
  const ofFile = tokenFile()?.get(hash)
  if (ofFile !== undefined) return settle(known(ofFile))
  if (ofSecret !== undefined) return settle(ofSecret)
  const form = formOf(token)
  if (form === 'secret' && accessTokens?.isComplete() === false) {
    return answer(unavailable('The server is starting, and does not know all access tokens yet.'))
  }
  if (form === 'damaged') return settle(refused('The token is damaged: a part of it is missing or mistyped.'))
  const unknown = refused('The token is not known.')
  const tokens = jsonWebTokens()
  return tokens === undefined
    ? settle(unknown)
    : tokens.verify(token, hash).then((verdict) => settle(verdict ?? unknown))
}

/** Looks up the secret of an AccessToken; undefined if there is none with this hash. */
function lookUpSecret(hash: string, { index, noteUse }: AccessTokens, nowMs: number): Verdict | undefined {
  const token = index.find(hash)
  if (token === undefined) return undefined
  if (token.expiresAt !== undefined && token.expiresAt <= BigInt(nowMs) * 1_000_000n) {
    return refused('The token has expired.')
  }
  noteUse(token)
  const caller = { user: token.user, groups: token.groups, credentialId: `AccessToken=${token.name}` }
  return known(caller, (callback) => index.onEnd(token, nowMs, callback))
}

function answer(verdict: Verdict): Identification {
  switch (verdict.kind) {
    case 'known':
      return {
        ok: true,
        caller: authenticated(verdict.caller),
        ...(verdict.onEnd !== undefined && { onEnd: verdict.onEnd }),
      }
    case 'refused':
      return { ok: false, reason: 'wrong', problem: verdict.problem }
    case 'unavailable':
      return { ok: false, reason: 'unavailable', problem: verdict.problem, retryAfterSeconds: unavailableSeconds }
  }
}

/** The caller as a member of the group of all that have a valid credential. */
function authenticated(caller: Caller): Caller {
  return caller.groups.includes(authenticatedGroup)
    ? caller
    : { ...caller, groups: [...caller.groups, authenticatedGroup] }
}
