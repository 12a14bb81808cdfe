import { request } from 'node:https'
import { createLocalJWKSet, type JSONWebKeySet, type LocalJWKSet } from 'jose'
import { type SignInGrant, SignInRefused, type SignInTokens } from '../access/index.ts'
import type { IssuerConfiguration } from './configuration.ts'
import type { FileLogger } from './renewed-file.ts'

/** The limits on fetching the keys of an issuer. */
export interface IssuerLimits {
  /** Milliseconds after which an answer of the issuer is given up. */
  readonly timeoutMs: number
  /** Older keys are fetched again, and stay in use meanwhile. */
  readonly keysFreshMs: number
  /** The least time between two attempts, whatever tokens ask for. */
  readonly attemptIntervalMs: number
}

const issuerLimits: IssuerLimits = { timeoutMs: 5_000, keysFreshMs: 300_000, attemptIntervalMs: 5_000 }

/** Much more than any set of keys takes. */
const answerBytesMax = 1_048_576

/** The keys with which an issuer signs. */
export interface IssuerKeys {
  readonly find: LocalJWKSet
  /** Grows when the keys change: tokens that were verified with earlier ones must be verified again. */
  readonly generation: number
}

/** The https URLs of an OpenID provider at which people sign in. */
export interface IssuerEndpoints {
  readonly authorization: string
  readonly token: string
}

/**
 * The keys of one issuer: found by discovery, kept in memory, and fetched again from time to time, or when a token names an unknown key.
 * While the issuer cannot be reached, known keys stay in use, so that valid tokens are accepted.
 */
export class Issuer {
  readonly configuration: IssuerConfiguration
  readonly #logger: FileLogger
  readonly #limits: IssuerLimits
  #keys: IssuerKeys | undefined
  #text = ''
  #endpoints: IssuerEndpoints | undefined
  #fetchedAt = -Infinity
  #attemptedAt = -Infinity
  #attempt: Promise<void> | undefined
  #problem: string | undefined

  constructor(configuration: IssuerConfiguration, logger: FileLogger, limits: IssuerLimits = issuerLimits) {
    this.configuration = configuration
    this.#logger = logger
    this.#limits = limits
  }

  /** True if the last attempt to fetch the keys succeeded. */
  get isReached(): boolean {
    return this.#keys !== undefined && this.#problem === undefined
  }

  /** The endpoints for signing in; undefined if the issuer describes none, or was not reached yet. */
  get endpoints(): IssuerEndpoints | undefined {
    void this.peekKeys()
    return this.#endpoints
  }

  /**
   * Asks the issuer for the tokens of a client without a secret. Throws {@link SignInRefused} if it refuses the grant, and an error if it
   * cannot be asked.
   */
  async redeem(grant: SignInGrant, clientId: string): Promise<SignInTokens> {
    const endpoint = this.endpoints?.token
    if (endpoint === undefined) throw new Error(`${this.configuration.url} has named no token endpoint yet`)
    const { status, json } = await this.#send(endpoint, formOf(grant, clientId))
    const { id_token: idToken, refresh_token: refreshToken, error_description: description, error } = json
    if (status === 200 && typeof idToken === 'string') {
      return { idToken, refreshToken: typeof refreshToken === 'string' ? refreshToken : undefined }
    }
    if (status >= 500) throw new Error(`${endpoint} answers ${status}`)
    const reason = [description, error].find((one) => typeof one === 'string') ?? 'it gives no ID token'
    throw new SignInRefused(`The identity provider refuses to sign you in: ${reason}`)
  }

  /** Returns the keys without waiting; undefined if they were never fetched. Starts to fetch old ones again. */
  peekKeys(): IssuerKeys | undefined {
    if (performance.now() - this.#fetchedAt > this.#limits.keysFreshMs) void this.#fetchSoon()
    return this.#keys
  }

  /** Returns the keys after an attempt to fetch them, unless there was one a moment ago; undefined if none were ever fetched. */
  async fetchKeys(): Promise<IssuerKeys | undefined> {
    await this.#fetchSoon()
    return this.#keys
  }

  /** Fetches the keys, unless that is under way or was done a moment ago. Never throws. */
  #fetchSoon(): Promise<void> {
    if (this.#attempt !== undefined) return this.#attempt
    const now = performance.now()
    if (now - this.#attemptedAt < this.#limits.attemptIntervalMs) return Promise.resolve()
    this.#attemptedAt = now
    this.#attempt = this.#fetch().finally(() => {
      this.#attempt = undefined
    })
    return this.#attempt
  }

  async #fetch(): Promise<void> {
    const { url, discoveryUrl } = this.configuration
    try {
      const description = await this.#get(discoveryUrl)
      if (description['issuer'] !== url) throw new Error(`${discoveryUrl} describes another issuer`)
      const { jwks_uri: keysUrl } = description
      if (!isHttps(keysUrl)) {
        throw new Error(`${discoveryUrl} names no https URL as jwks_uri`)
      }
      this.#endpoints = endpointsIn(description)
      const keys = await this.#get(keysUrl)
      if (!isKeySet(keys)) throw new Error(`${keysUrl} gives no set of keys`)
      this.#takeOver(keys)
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      if (problem !== this.#problem) {
        this.#logger.warn({ issuer: url, problem }, 'the keys of an issuer cannot be fetched; known keys stay in use')
      }
      this.#problem = problem
    }
  }

  #takeOver(keys: JSONWebKeySet): void {
    const text = JSON.stringify(keys)
    this.#fetchedAt = performance.now()
    this.#problem = undefined
    if (text === this.#text) return
    const find = createLocalJWKSet(keys)
    this.#keys = { find, generation: (this.#keys?.generation ?? 0) + 1 }
    this.#text = text
    this.#logger.info({ issuer: this.configuration.url, keys: keys.keys.length }, 'fetched the keys of an issuer')
  }

  async #get(url: string): Promise<JsonObject> {
    const { status, json } = await this.#send(url)
    if (status !== 200) throw new Error(`${url} answers ${status}`)
    return json
  }

  /** Gets or, with a form, posts; returns the JSON object of the answer. Redirections are not followed: they could lead to another host. */
  #send(url: string, form?: URLSearchParams): Promise<{ readonly status: number; readonly json: JsonObject }> {
    const { certificateAuthority: ca } = this.configuration
    const signal = AbortSignal.timeout(this.#limits.timeoutMs)
    return new Promise((resolve, reject) => {
      const fail = (problem: string): void => reject(new Error(`${url} ${problem}`))
      const headers = {
        accept: 'application/json',
        ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
      }
      const sent = request(url, { ca, signal, headers, method: form === undefined ? 'GET' : 'POST' }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
          if (text.length > answerBytesMax) sent.destroy(new Error('sends too much'))
        })
        response.on('end', () => {
          const { statusCode: status = 0 } = response
          try {
            const json: unknown = JSON.parse(text)
            if (isObject(json)) resolve({ status, json })
            else fail('answers no JSON object')
          } catch {
            fail(status === 200 ? 'answers no JSON' : `answers ${status}`)
          }
        })
        response.on('error', (error) => fail(`breaks off: ${error.message}`))
      })
      sent.on('error', (error) => {
        fail(signal.aborted ? `did not answer in ${this.#limits.timeoutMs} ms` : `cannot be reached: ${error.message}`)
      })
      sent.end(form?.toString())
    })
  }
}

type JsonObject = Readonly<Record<string, unknown>>

/** @see OpenID Connect Discovery 1.0 section 3 */
function endpointsIn({
  authorization_endpoint: authorization,
  token_endpoint: token,
}: JsonObject): IssuerEndpoints | undefined {
  return isHttps(authorization) && isHttps(token) ? { authorization, token } : undefined
}

function isHttps(url: unknown): url is string {
  return typeof url === 'string' && URL.parse(url)?.protocol === 'https:'
}

/** @see RFC 6749 sections 4.1.3 and 6, RFC 7636 section 4.5 */
function formOf(grant: SignInGrant, clientId: string): URLSearchParams {
  const given =
    'refreshToken' in grant
      ? { grant_type: 'refresh_token', refresh_token: grant.refreshToken }
      : {
          grant_type: 'authorization_code',
          code: grant.code,
          code_verifier: grant.codeVerifier,
          redirect_uri: grant.redirectUri,
        }
  return new URLSearchParams({ ...given, client_id: clientId })
}

function isObject(json: unknown): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function isKeySet(json: unknown): json is JSONWebKeySet {
  return isObject(json) && Array.isArray(json['keys']) && json['keys'].every(isObject)
}
