import { serverUrl, signInByCode, signInProblem, signOut } from '../api/index.ts'
import { isFields } from '../fields.ts'

/** An identity provider of OpenID Connect, as the server tells of it. */
export interface IdentityProvider {
  readonly issuer: string
  readonly clientId: string
  readonly authorizationEndpoint: string
  readonly scopes: string
}

/** What is remembered while the browser is at the provider. */
interface Journey {
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
  readonly view: string
}

const key = 'ippoold-sign-in'
const redirectUri = location.href.replace(/[?#].*$/, '')

/** Asks the server where people sign in, beside with a token; null if nowhere. */
export async function readProvider(): Promise<IdentityProvider | null> {
  try {
    const response = await fetch(`${serverUrl}/ui/config.json`)
    const config: unknown = await response.json()
    const signIn = isFields(config) && isFields(config['signIn']) ? config['signIn'] : {}
    return providerIn(signIn['oidc'])
  } catch {
    return null
  }
}

/** Goes to the provider. It sends the browser back with a code, which {@link finishOidc} trades for a token (RFC 7636). */
export async function beginOidc(provider: IdentityProvider): Promise<void> {
  if (!isSecureContext) {
    // Browsers offer what PKCE needs only where nobody can have changed the page on its way.
    signInProblem.value = 'Signing in at the provider needs https.'
    return
  }
  const journey: Journey = {
    state: randomText(),
    nonce: randomText(),
    codeVerifier: randomText(),
    view: location.hash,
  }
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(journey.codeVerifier))
  sessionStorage.setItem(key, JSON.stringify(journey))
  const url = new URL(provider.authorizationEndpoint)
  const query = {
    response_type: 'code',
    client_id: provider.clientId,
    redirect_uri: redirectUri,
    scope: provider.scopes,
    state: journey.state,
    nonce: journey.nonce,
    code_challenge: base64Url(new Uint8Array(digest)),
    code_challenge_method: 'S256',
  }
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  location.assign(url.href)
}

/** Signs in with the code in the address of the page, if the browser comes from the provider. */
export async function finishOidc(): Promise<void> {
  const answer = new URLSearchParams(location.search)
  if (!answer.has('state')) return
  const journey = readJourney()
  sessionStorage.removeItem(key)
  history.replaceState(null, '', `${redirectUri}${journey?.view ?? ''}`)
  const problem = await signInFrom(answer, journey)
  if (problem !== undefined) signOut(problem)
}

/** Returns why the sign-in failed. */
async function signInFrom(answer: URLSearchParams, journey: Journey | undefined): Promise<string | undefined> {
  // Whoever sends a link with a code of their own would sign others in as themselves.
  if (journey === undefined || journey.state !== answer.get('state'))
    return 'The sign-in was begun in another tab, or a while ago. Begin again.'
  const code = answer.get('code')
  if (code === null)
    return `The provider refused: ${answer.get('error_description') ?? answer.get('error') ?? 'no reason given'}.`
  return signInByCode({ code, codeVerifier: journey.codeVerifier, redirectUri }, journey.nonce)
}

function providerIn(value: unknown): IdentityProvider | null {
  if (!isFields(value)) return null
  const { issuer, clientId, authorizationEndpoint, scopes } = value
  return typeof issuer === 'string' &&
    typeof clientId === 'string' &&
    typeof authorizationEndpoint === 'string' &&
    typeof scopes === 'string'
    ? { issuer, clientId, authorizationEndpoint, scopes }
    : null
}

function readJourney(): Journey | undefined {
  const stored: unknown = JSON.parse(sessionStorage.getItem(key) ?? 'null')
  if (!isFields(stored)) return undefined
  const { state, nonce, codeVerifier, view } = stored
  return typeof state === 'string' &&
    typeof nonce === 'string' &&
    typeof codeVerifier === 'string' &&
    typeof view === 'string'
    ? { state, nonce, codeVerifier, view }
    : undefined
}

function randomText(): string {
  return base64Url(crypto.getRandomValues(new Uint8Array(32)))
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
