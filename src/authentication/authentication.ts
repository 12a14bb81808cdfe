import { isDeepStrictEqual } from 'node:util'
import {
  adminGroup,
  type AdminWays,
  type Caller,
  type Gatekeeper,
  type SignIn,
  SignInRefused,
} from '../access/index.ts'
import type { Store } from '../datastore/index.ts'
import type { AccessToken } from '../model/index.ts'
import type { Observer } from '../plan/index.ts'
import { AccessTokenIndex } from './access-token-index.ts'
import { readConfiguration } from './configuration.ts'
import { identifyBy } from './gatekeeper.ts'
import { Issuer } from './issuer.ts'
import { JsonWebTokens } from './json-web-tokens.ts'
import { LastUses } from './last-uses.ts'
import { type FileLogger, RenewedFile } from './renewed-file.ts'
import type { SecretTable } from './secrets.ts'
import { Throttle } from './throttle.ts'
import { readTokenFile } from './token-file.ts'

/** The ways of authentication that are switched on. */
export interface AuthenticationSettings {
  readonly tokenFile: string | undefined
  readonly configurationFile: string | undefined
  readonly acceptsAccessTokens: boolean
  /** True if client certificates are verified, which is done where the server listens. */
  readonly acceptsCertificates: boolean
  /** Undefined: as the configuration file says, else not. */
  readonly allowsAnonymous: boolean | undefined
}

/** A file that a setting names cannot be used. The message says which, and why. */
export class UnusableFile extends Error {}

/** Identifies callers in all ways that are switched on. */
export class Authentication {
  readonly identify: Gatekeeper['identify']
  /** The ways to be an admin. Certificates and issuers may name any user and group, so each of them counts as a way. */
  readonly admins: AdminWays
  readonly #index = new AccessTokenIndex()
  readonly #uses: LastUses
  readonly #logger: FileLogger
  readonly #files: RenewedFile[] = []
  #users: SecretTable<Caller> | undefined
  #isAdminInFile = false
  #issuers: readonly Issuer[] = []
  #jsonWebTokens: JsonWebTokens | undefined
  #isAnonymousAllowed: boolean
  #isStarted = false

  private constructor(settings: AuthenticationSettings, logger: FileLogger) {
    const { acceptsAccessTokens, acceptsCertificates, allowsAnonymous } = settings
    this.#logger = logger
    this.#uses = new LastUses(() => BigInt(Date.now()) * 1_000_000n, logger)
    this.#isAnonymousAllowed = allowsAnonymous ?? false
    this.admins = {
      hasOthers: () => acceptsCertificates || this.#isAdminInFile || this.#issuers.length > 0,
      tokens: (now) => this.#index.ofAdmins(now),
    }
    this.identify = identifyBy({
      tokenFile: () => this.#users,
      jsonWebTokens: () => this.#jsonWebTokens,
      accessTokens: acceptsAccessTokens
        ? { index: this.#index, isComplete: () => this.#isStarted, noteUse: (token) => this.#uses.note(token) }
        : undefined,
      isAnonymousAllowed: () => this.#isAnonymousAllowed,
      throttle: new Throttle(() => performance.now()),
      now: Date.now,
    })
  }

  /** Reads the files, and follows their changes. Throws {@link UnusableFile}. */
  static async open(settings: AuthenticationSettings, logger: FileLogger): Promise<Authentication> {
    const authentication = new Authentication(settings, logger)
    const { tokenFile, configurationFile, allowsAnonymous } = settings
    try {
      if (tokenFile !== undefined)
        await authentication.#follow('IPPOOLD_TOKEN_FILE', tokenFile, (text) =>
          authentication.#takeUsers(tokenFile, text),
        )
      if (configurationFile !== undefined) {
        await authentication.#follow('IPPOOLD_AUTH_CONFIG_FILE', configurationFile, (text) =>
          authentication.#takeConfiguration(text, allowsAnonymous),
        )
      }
    } catch (error) {
      await authentication.close()
      throw error
    }
    return authentication
  }

  /** Hears of every change of an AccessToken in the datastore. */
  get accessTokens(): Observer<AccessToken> {
    return this.#index
  }

  /**
   * Returns how people sign in to the page: at the issuer that has the client among its audiences, as its configuration says at the moment;
   * without one, with a token.
   */
  signIn(clientId: string | undefined, scopes: string): SignIn {
    const find = (): Issuer | undefined =>
      this.#issuers.find(({ configuration }) => configuration.audiences.some((audience) => audience === clientId))
    return {
      ways: () => {
        const issuer = find()
        const endpoint = issuer?.endpoints?.authorization
        const provider =
          clientId !== undefined && issuer !== undefined && endpoint !== undefined
            ? { issuer: issuer.configuration.url, clientId, authorizationEndpoint: endpoint, scopes }
            : undefined
        return { isNeeded: true, allowsAnonymous: this.#isAnonymousAllowed, provider }
      },
      redeem: async (grant) => {
        const issuer = find()
        if (issuer === undefined || clientId === undefined) {
          throw new SignInRefused('This server has no identity provider to sign in at; use a token.')
        }
        return issuer.redeem(grant, clientId)
      },
    }
  }

  /** Counts the AccessTokens that can be used, and those that have expired. `now` is in nanoseconds since the epoch. */
  countAccessTokens(now: bigint): ReturnType<AccessTokenIndex['count']> {
    return this.#index.count(now)
  }

  /** To be called once all AccessTokens have been observed. Begins to store when they are used. */
  start(store: Pick<Store, 'submit'>): void {
    this.#isStarted = true
    this.#uses.start(store)
  }

  /** Ends, while the store is still open. */
  async close(): Promise<void> {
    await Promise.all([this.#uses.stop(), ...this.#files.map((file) => file.close())])
  }

  async #follow(variable: string, path: string, take: (text: string) => void): Promise<void> {
    try {
      this.#files.push(await RenewedFile.open(path, take, this.#logger))
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause)
      throw new UnusableFile(`${variable}: ${path} cannot be used (${problem})`, { cause })
    }
  }

  #takeUsers(file: string, text: string): void {
    const reading = readTokenFile(text)
    if (!reading.ok) throw new Error(reading.problem)
    this.#users = reading.users
    this.#isAdminInFile = [...reading.users.values()].some(({ groups }) => groups.includes(adminGroup))
    for (const warning of reading.warnings)
      this.#logger.warn({ file, problem: warning }, 'a record of the token file is odd')
    this.#logger.info({ file, users: reading.users.size }, 'read the token file')
  }

  #takeConfiguration(text: string, allowsAnonymous: boolean | undefined): void {
    const reading = readConfiguration(text)
    if (!reading.ok) throw new Error(reading.problems.join('; '))
    const { issuers, isAnonymousAllowed } = reading.configuration
    if (isAnonymousAllowed !== undefined && allowsAnonymous !== undefined) {
      throw new Error('anonymous: is set by IPPOOLD_ANONYMOUS too; give one of them')
    }
    // An issuer whose configuration is unchanged keeps its keys: to fetch them again could fail now.
    const opened = issuers.map(
      (issuer) =>
        this.#issuers.find(({ configuration }) => isDeepStrictEqual(configuration, issuer)) ??
        new Issuer(issuer, this.#logger),
    )
    // Fetched in advance: the first caller need not wait.
    for (const issuer of opened) issuer.peekKeys()
    this.#issuers = opened
    this.#logger.info({ issuers: issuers.map(({ url }) => url) }, 'read the configuration of authentication')
    this.#jsonWebTokens = new JsonWebTokens(opened, Date.now)
    this.#isAnonymousAllowed = allowsAnonymous ?? isAnonymousAllowed ?? false
  }
}
