import { type Caller, unchecked } from './caller.ts'
import { type Rights, unlimited } from './rights.ts'

/** What a request brings to prove who sends it. */
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
 * Who sends a request; or why nobody can tell. `missing`: there is no credential. `wrong`: it is not valid. `throttled`: too many were wrong, so
 * that this one is not looked at. `unavailable`: what is needed to verify it cannot be had at the moment.
 */
export type Identification =
  | {
      readonly ok: true
      readonly caller: Caller
      /** Tells of the end of the credential; absent if nobody hears of that. */
      readonly onEnd?: OnEnd
    }
  | { readonly ok: false; readonly reason: 'missing' | 'wrong'; readonly problem: string }
  | {
      readonly ok: false
      readonly reason: 'throttled' | 'unavailable'
      readonly problem: string
      readonly retryAfterSeconds: number
    }

/** What makes somebody an admin on a server. */
export interface AdminWays {
  /** True if there may be admins who have no AccessToken: by a token file, a client certificate or an issuer. */
  hasOthers(): boolean
  /** The names of the AccessTokens of admins that have not expired. A hint. `now` is in nanoseconds since the epoch. */
  tokens(now: bigint): Iterable<string>
}

/** Knows the users of the server, and what they may do. */
export interface Gatekeeper {
  /** Finds out who sends a request. */
  identify(credentials: Credentials): Identification | Promise<Identification>
  /** What a caller may do at this moment. */
  rightsOf(caller: Caller): Rights
  /** Why changes of policies may not have arrived, so that nobody is allowed to change anything; undefined while they arrive. */
  problem?(): string | undefined
  /** What makes admins; unless given, everybody is one. */
  readonly admins?: AdminWays
}

/** Lets everybody do everything: for a server that only trusted programs can reach. */
export const openGate: Gatekeeper = {
  identify: () => ({ ok: true, caller: unchecked }),
  rightsOf: () => unlimited,
}
