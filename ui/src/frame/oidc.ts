import { send, serverUrl, signIn } from '../api/index.ts'
import { isFields } from '../fields.ts'

/** An issuer of OpenID Connect, as the server tells of it. */
export interface OidcIssuer {
  readonly issuer: string
  readonly clientId: string
  readonly authorizationEndpoint: string
  readonly scopes: readonly string[]
}

/** How one can sign in. */
export interface SignInWays {
  readonly acceptsTokens: boolean
  readonly oidc: OidcIssuer | null
}

/** What is remembered while the browser is at the issuer. */
interface Journey {
  readonly state: string
  readonly codeVerifier: string
  readonly view: string
}

const key = 'ippoold-sign-in'
const redirectUri = location.href.replace(/[?#].*$/, '')

/** Asks the server how one can sign in. A server that does not say takes tokens. */
export async function readSignIn(): Promise<SignInWays> {
  try {
    const response = await fetch(`${serverUrl}/ui/config.json`)
    const config: unknown = await response.json()
    const signInFields = isFields(config) && isFields(config['signIn']) ? config['signIn'] : {}
    return { acceptsTokens: signInFields['acceptsTokens'] !== false, oidc: readIssuer(signInFields['oidc']) }
  } catch {
    return { acceptsTokens: true, oidc: null }
  }
}

/** Goes to the issuer. It sends the browser back with a code, which {@link finishOidc} trades for a token (RFC 7636). */
export async function beginOidc(issuer: OidcIssuer): Promise<void> {
  const codeVerifier = randomText()
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(codeVerifier))
  const journey: Journey = { state: randomText(), codeVerifier, view: location.hash }
  sessionStorage.setItem(key, JSON.stringify(journey))
  const url = new URL(issuer.authorizationEndpoint)
  const query = {
    response_type: 'code',
    client_id: issuer.clientId,
    redirect_uri: redirectUri,
    scope: issuer.scopes.join(' '),
    state: journey.state,
    code_challenge: base64Url(new Uint8Array(digest)),
    code_challenge_method: 'S256',
  }
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  location.assign(url.href)
}

/** Trades the code in the address of the page for a token, if the browser comes from the issuer. Returns why that failed. */
export async function finishOidc(): Promise<string | undefined> {
  const answer = new URLSearchParams(location.search)
  const [code, state] = [answer.get('code'), answer.get('state')]
  if (state === null) return undefined
  const journey = readJourney()
  sessionStorage.removeItem(key)
  history.replaceState(null, '', `${redirectUri}${journey?.view ?? ''}`)
  if (journey?.state !== state) return 'The sign-in was begun in another tab, or a while ago. Begin again.'
  if (code === null)
    return `The issuer refused: ${answer.get('error_description') ?? answer.get('error') ?? 'no reason given'}.`
  const body = JSON.stringify({ code, codeVerifier: journey.codeVerifier, redirectUri })
  const request = new Request(`${serverUrl}/ui/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  const issued: unknown = await (await send(request)).json()
  if (!isFields(issued) || typeof issued['idToken'] !== 'string')
    return isFields(issued) && typeof issued['message'] === 'string' ? issued['message'] : 'The issuer gave no token.'
  signIn(issued['idToken'])
  return undefined
}

function readIssuer(value: unknown): OidcIssuer | null {
  if (!isFields(value)) return null
  const { issuer, clientId, authorizationEndpoint, scopes } = value
  if (typeof issuer !== 'string' || typeof clientId !== 'string' || typeof authorizationEndpoint !== 'string')
    return null
  const listed = Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === 'string') : ['openid']
  return { issuer, clientId, authorizationEndpoint, scopes: listed }
}

function readJourney(): Journey | undefined {
  const stored: unknown = JSON.parse(sessionStorage.getItem(key) ?? 'null')
  if (!isFields(stored)) return undefined
  const { state, codeVerifier, view } = stored
  if (typeof state !== 'string' || typeof codeVerifier !== 'string' || typeof view !== 'string') return undefined
  return { state, codeVerifier, view }
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
