import { type Caller, unchecked } from './caller.ts'
import { type Rights, unlimited } from './rights.ts'

/** The parts of a request that can prove who sends it. */
export interface Credentials {
  /** The header `Authorization`. */
  readonly authorization: string | undefined
  /** The client certificate of the connection, if TLS has verified one: its common names and organizations. */
  readonly certificate:
    | { readonly commonNames: readonly string[]; readonly organizations: readonly string[] }
    | undefined
  /** The address that the request comes from. */
  readonly address: string
}

/** Calls `callback` when something ends, perhaps more than once. Calling the result unsubscribes. */
export type OnEnd = (callback: () => void) => () => void

/**
 * The caller of a request, or why it is unknown. `missing`: there is no credential. `wrong`: the credential is not valid. `throttled`: it
 * was not checked, because too many were wrong before. `unavailable`: it cannot be verified at the moment.
 */
export type Identification =
  | {
      readonly ok: true
      readonly caller: Caller
      /** Subscribes to the end of the credential; absent if the server does not learn of it. */
      readonly onEnd?: OnEnd
    }
  | { readonly ok: false; readonly reason: 'missing' | 'wrong'; readonly problem: string }
  | {
      readonly ok: false
      readonly reason: 'throttled' | 'unavailable'
      readonly problem: string
      readonly retryAfterSeconds: number
    }

/** The ways to be an admin of a server. */
export interface AdminWays {
  /** True if there may be admins who have no AccessToken: by a token file, a client certificate or an issuer. */
  hasOthers(): boolean
  /** The names of the AccessTokens of admins that have not expired. A hint. `now` is in nanoseconds since the epoch. */
  tokens(now: bigint): Iterable<string>
}

/** Identifies callers, and knows their rights. */
export interface Gatekeeper {
  /** Identifies the caller of a request. */
  identify(credentials: Credentials): Identification | Promise<Identification>
  /** Returns the rights of a caller at this moment. */
  rightsOf(caller: Caller): Rights
  /** Says why changes of policies may be missing, in which case every change is refused; undefined while they arrive. */
  problem?(): string | undefined
  /** The ways to be an admin; unless given, every caller is one. */
  readonly admins?: AdminWays
}

/** Allows everything to every caller: for a server that only trusted programs can reach. */
export const openGate: Gatekeeper = {
  identify: () => ({ ok: true, caller: unchecked }),
  rightsOf: () => unlimited,
}
