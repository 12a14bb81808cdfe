import { request } from 'node:https'
import { createLocalJWKSet, type JSONWebKeySet, type LocalJWKSet } from 'jose'
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
      if (typeof keysUrl !== 'string' || URL.parse(keysUrl)?.protocol !== 'https:') {
        throw new Error(`${discoveryUrl} names no https URL as jwks_uri`)
      }
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

  /** Gets a JSON object. Redirections are not followed: they could lead to another host. */
  #get(url: string): Promise<Readonly<Record<string, unknown>>> {
    const { certificateAuthority: ca } = this.configuration
    const signal = AbortSignal.timeout(this.#limits.timeoutMs)
    return new Promise((resolve, reject) => {
      const fail = (problem: string): void => reject(new Error(`${url} ${problem}`))
      const sent = request(url, { ca, signal, headers: { accept: 'application/json' } }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
          if (text.length > answerBytesMax) sent.destroy(new Error('sends too much'))
        })
        response.on('end', () => {
          if (response.statusCode !== 200) fail(`answers ${String(response.statusCode)}`)
          else {
            try {
              const json: unknown = JSON.parse(text)
              if (isObject(json)) resolve(json)
              else fail('answers no JSON object')
            } catch {
              fail('answers no JSON')
            }
          }
        })
        response.on('error', (error) => fail(`breaks off: ${error.message}`))
      })
      sent.on('error', (error) => {
        fail(signal.aborted ? `did not answer in ${this.#limits.timeoutMs} ms` : `cannot be reached: ${error.message}`)
      })
      sent.end()
    })
  }
}

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function isKeySet(json: unknown): json is JSONWebKeySet {
  return isObject(json) && Array.isArray(json['keys']) && json['keys'].every(isObject)
}
