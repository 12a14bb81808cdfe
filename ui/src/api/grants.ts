import { isFields } from '../fields.ts'
import { keepSession, readSession, signIn, signOut } from './credentials.ts'
import { readClaims, renewalOf } from './identity-token.ts'
import { readProblem } from './problem.ts'
import { serverUrl } from './server-url.ts'

/** What the identity provider sent the browser back with. */
export interface CodeGrant {
  readonly code: string
  readonly codeVerifier: string
  readonly redirectUri: string
}

/** What came of a grant. */
type Redeemed =
  | { readonly ok: true; readonly idToken: string; readonly refreshToken: string | undefined }
  | { readonly ok: false; readonly isRefused: boolean; readonly message: string }

/** A renewal that failed for reasons that may pass is tried again after this time. */
const retryMs = 5_000

/** Trades a code for a token that was issued for `nonce`, and signs in with it. Returns why that failed. */
export async function signInByCode(grant: CodeGrant, nonce: string): Promise<string | undefined> {
  const redeemed = await redeem(grant)
  if (!redeemed.ok) return redeemed.message
  if (readClaims(redeemed.idToken)['nonce'] !== nonce)
    return 'The token of the identity provider was not issued for this sign-in. Begin again.'
  signInWith(redeemed.idToken, redeemed.refreshToken)
  return undefined
}

let renewal: Promise<void> | undefined

/** Gets the next token if it is time for that. Calls wait for it, so that none is sent with a token that has ended. */
export function renewWhenDue(): Promise<void> {
  const session = readSession()
  if (renewal === undefined && session !== undefined && Date.now() >= session.renewAtMs)
    renewal = renew(session.refreshToken).finally(() => {
      renewal = undefined
    })
  return renewal ?? Promise.resolve()
}

async function renew(refreshToken: string): Promise<void> {
  const redeemed = await redeem({ refreshToken })
  // Meanwhile, the person may have signed out.
  if (readSession()?.refreshToken !== refreshToken) return
  if (redeemed.ok) signInWith(redeemed.idToken, redeemed.refreshToken ?? refreshToken)
  else if (redeemed.isRefused) signOut('The identity provider has ended the sign-in. Sign in again.')
  else keepSession({ refreshToken, renewAtMs: Date.now() + retryMs })
}

function signInWith(idToken: string, refreshToken: string | undefined): void {
  signIn(idToken, refreshToken === undefined ? undefined : { refreshToken, renewAtMs: renewalOf(idToken, Date.now()) })
}

/** Sends no token along: the one that is there may have ended. */
async function redeem(grant: CodeGrant | { readonly refreshToken: string }): Promise<Redeemed> {
  try {
    const response = await fetch(`${serverUrl}/ui/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(grant),
    })
    const issued: unknown = await response.json()
    if (!response.ok || !isFields(issued) || typeof issued['idToken'] !== 'string')
      return { ok: false, isRefused: response.status === 401, message: readProblem(response.status, issued).message }
    const { idToken, refreshToken } = issued
    return { ok: true, idToken, refreshToken: typeof refreshToken === 'string' ? refreshToken : undefined }
  } catch {
    return { ok: false, isRefused: false, message: 'The server cannot be reached. Begin again.' }
  }
}
