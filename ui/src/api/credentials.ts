import { signal } from '@preact/signals'

const key = 'ippoold-token'

/** The token that is sent with each call; undefined if none is needed, or none is there yet. It ends with the browser's tab. */
export const token = signal<string | undefined>(sessionStorage.getItem(key) ?? undefined)

/** True once the server has refused a call because it does not know the caller. */
export const isSignInNeeded = signal(false)

/** Sends this token from now on. */
export function signIn(secret: string): void {
  sessionStorage.setItem(key, secret)
  token.value = secret
  isSignInNeeded.value = false
}

/** Forgets the token. */
export function signOut(): void {
  sessionStorage.removeItem(key)
  token.value = undefined
  isSignInNeeded.value = true
}
