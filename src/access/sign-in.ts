/** How people sign in to the page of the server. */
export interface SignIn {
  /** Tells the ways that are open at this moment. */
  ways(): SignInWays
  /** Gets tokens from the identity provider for what it gave the page. Throws {@link SignInRefused}, or an error if it cannot be asked. */
  redeem(grant: SignInGrant): Promise<SignInTokens>
}

/** The ways to sign in. */
export interface SignInWays {
  /** False if everybody may do everything, without any credential. */
  readonly isNeeded: boolean
  /** True if callers without a credential are let in: they may be allowed something. */
  readonly allowsAnonymous: boolean
  /** The identity provider to sign in at; undefined if there is none, or if it was not reached yet. */
  readonly provider: IdentityProvider | undefined
}

/** An identity provider of OpenID Connect. */
export interface IdentityProvider {
  readonly issuer: string
  readonly clientId: string
  /** The URL of its page. */
  readonly authorizationEndpoint: string
  /** The scopes to ask for, separated by spaces. */
  readonly scopes: string
}

/** The grant of the identity provider: a code, with the verifier that belongs to it (RFC 7636), or a refresh token. */
export type SignInGrant =
  | { readonly code: string; readonly codeVerifier: string; readonly redirectUri: string }
  | { readonly refreshToken: string }

/** The tokens after a sign-in. */
export interface SignInTokens {
  /** The credential for calls. */
  readonly idToken: string
  /** Gets the next tokens; undefined if the provider gives none. */
  readonly refreshToken: string | undefined
}

/** The identity provider refuses a grant. The message is for people. */
export class SignInRefused extends Error {}

/** Nobody needs to sign in. */
export const openSignIn: SignIn = {
  ways: () => ({ isNeeded: false, allowsAnonymous: true, provider: undefined }),
  redeem: () => Promise.reject(new SignInRefused('There is nothing to sign in to: this server needs no credential.')),
}
