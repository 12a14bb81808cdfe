import { decodeJwt, errors, type JWTPayload, jwtVerify, type JWTVerifyGetKey, type JWTVerifyOptions } from 'jose'
import type { Caller } from '../access/index.ts'
import { userOf } from './claims.ts'
import type { Issuer, IssuerKeys } from './issuer.ts'
import { SecretTable } from './secrets.ts'
import { known, refused, unavailable, type Verdict } from './verdict.ts'

/** The algorithms with a public key. With a shared key, everybody who can verify a token could also sign one. */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]

/** How far the clock of an issuer may be off. */
const clockSkewSeconds = 30

/** Verified tokens that are remembered. */
const verifiedMax = 10_000

/** A token that was verified. */
interface Verified {
  readonly caller: Caller
  /** The end of its validity, in seconds since the epoch. */
  readonly until: number
  readonly issuer: Issuer
  /** The keys that it was verified with. */
  readonly generation: number
}

/**
 * Verifies JSON Web Tokens of several issuers, which do not depend on each other. A verified token is remembered until it expires or the
 * keys of its issuer change, so its signature is checked only once.
 */
export class JsonWebTokens {
  readonly #issuers: ReadonlyMap<string, Issuer>
  readonly #verified = new SecretTable<Verified>()
  readonly #now: () => number

  /** `now` is a clock in milliseconds since the epoch. */
  constructor(issuers: readonly Issuer[], now: () => number) {
    this.#issuers = new Map(issuers.map((issuer) => [issuer.configuration.url, issuer]))
    this.#now = now
  }

  /** Returns the user of a token that was verified before, by its hash; undefined if it has to be verified. */
  recall(hash: string): Caller | undefined {
    const verified = this.#verified.get(hash)
    if (verified === undefined) return undefined
    const isValid =
      verified.until > this.#now() / 1_000 && verified.issuer.peekKeys()?.generation === verified.generation
    if (isValid) return verified.caller
    this.#verified.delete(hash)
    return undefined
  }

  /** Finds the user of a token. `hash` is its hash. Undefined if it is no JSON Web Token. */
  async verify(token: string, hash: string): Promise<Verdict | undefined> {
    const issuerUrl = issuerOf(token)
    if (issuerUrl === undefined) return undefined
    const issuer = this.#issuers.get(issuerUrl)
    if (issuer === undefined) return refused('The token is of an issuer that is not trusted here.')
    const old = issuer.peekKeys()
    const verdict = old === undefined ? undefined : await this.#verifyWith(issuer, old, token, hash)
    if (verdict !== undefined) return verdict
    // The keys of the issuer may have been rotated.
    const keys = await issuer.fetchKeys()
    const again = keys === undefined ? undefined : await this.#verifyWith(issuer, keys, token, hash)
    if (again !== undefined) return again
    return issuer.isReached
      ? refused('The token is signed with a key that its issuer does not name.')
      : unavailable('The keys of the issuer of the token cannot be fetched at the moment.')
  }

  /** Undefined if the token is signed with none of the keys. */
  async #verifyWith(issuer: Issuer, keys: IssuerKeys, token: string, hash: string): Promise<Verdict | undefined> {
    const { url, audiences, mappings } = issuer.configuration
    const options: JWTVerifyOptions = {
      algorithms,
      issuer: url,
      audience: [...audiences],
      clockTolerance: clockSkewSeconds,
      currentDate: new Date(this.#now()),
      requiredClaims: ['exp'],
    }
    try {
      const claims = await claimsOf(token, keys.find, options)
      const now = this.#now() / 1_000
      if (claims.iat !== undefined && claims.iat > now + clockSkewSeconds) return refused('The token is not valid yet.')
      const user = userOf(claims, mappings)
      if (!user.ok) return refused(user.problem)
      const caller = claims.jti === undefined ? user.caller : { ...user.caller, credentialId: `JTI=${claims.jti}` }
      const until = (claims.exp ?? 0) + clockSkewSeconds
      if (this.#verified.size >= verifiedMax) this.#verified.deleteOldest()
      this.#verified.set(hash, { caller, until, issuer, generation: keys.generation })
      return known(caller)
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return undefined
      return refused(problemOf(error))
    }
  }
}

/** Returns the claims of a token, verified with the key that it names, or with one that fits if it names none. */
async function claimsOf(token: string, find: JWTVerifyGetKey, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, find, options)).payload
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload
      } catch (other) {
        if (!(other instanceof errors.JWSSignatureVerificationFailed)) throw other
      }
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}

/** The issuer that a token names, before anything is verified; undefined if it is no JSON Web Token. */
function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss ?? ''
  } catch {
    return undefined
  }
}

/** Says what is wrong with a token, for its owner. Repeats no part of it. */
function problemOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired.'
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'nbf' && error.reason === 'check_failed') return 'The token is not valid yet.'
    if (error.claim === 'aud') return 'The token is for another audience.'
    return `The claim ${error.claim} of the token is missing or not valid.`
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'The signature of the token is wrong.'
  if (error instanceof errors.JOSEAlgNotAllowed) return 'The token is signed with an algorithm that is not allowed.'
  return 'The token cannot be read.'
}
