import { signal } from '@preact/signals'
import { isFields } from '../fields.ts'

const tokenKey = 'ippoold-token'
const sessionKey = 'ippoold-session'

/** What an identity provider gave, beside the token. */
export interface Session {
  /** Gets the next token. */
  readonly refreshToken: string
  /** From this moment on, in milliseconds since 1970, the next token should be got. */
  readonly renewAtMs: number
}

/** The token that is sent with each call; undefined if none is needed, or none is there yet. It ends with the browser's tab. */
export const token = signal<string | undefined>(sessionStorage.getItem(tokenKey) ?? undefined)

/** True once the server has refused a call because it does not know the caller. */
export const isSignInNeeded = signal(false)

/** Why one must sign in again, or could not; undefined if there is nothing to say. */
export const signInProblem = signal<string | undefined>(undefined)

/** Sends this token from now on. `session` is given if it can be renewed. */
export function signIn(secret: string, session?: Session): void {
  sessionStorage.setItem(tokenKey, secret)
  keepSession(session)
  token.value = secret
  signInProblem.value = undefined
  isSignInNeeded.value = false
}

/** Forgets the token, and what renews it. `problem` says why, if the person did not ask for it. */
export function signOut(problem?: string): void {
  sessionStorage.removeItem(tokenKey)
  keepSession(undefined)
  token.value = undefined
  signInProblem.value = problem
  isSignInNeeded.value = true
}

/** Remembers how to renew the token; undefined forgets it. */
export function keepSession(session: Session | undefined): void {
  if (session === undefined) sessionStorage.removeItem(sessionKey)
  else sessionStorage.setItem(sessionKey, JSON.stringify(session))
}

/** How to renew the token; undefined if it cannot be renewed. */
export function readSession(): Session | undefined {
  const stored: unknown = JSON.parse(sessionStorage.getItem(sessionKey) ?? 'null')
  if (!isFields(stored)) return undefined
  const { refreshToken, renewAtMs } = stored
  return typeof refreshToken === 'string' && typeof renewAtMs === 'number' ? { refreshToken, renewAtMs } : undefined
}
