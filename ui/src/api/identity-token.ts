import { type Fields, isFields } from '../fields.ts'

/** How much of a token's life passes before it is renewed. */
const renewedShare = 0.8

/**
 * The claims of a JSON Web Token; empty if it is none. Nothing is verified, which is for the server to do: the page reads only what
 * concerns itself.
 */
export function readClaims(token: string): Fields {
  const [, payload = ''] = token.split('.')
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (byte) => byte.charCodeAt(0))
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return isFields(claims) ? claims : {}
  } catch {
    return {}
  }
}

/**
 * The moment from which a token that was received at `receivedAtMs` should be renewed, in milliseconds since 1970. It follows from how long
 * the token lives by the provider's clock, so the clock of the browser may be wrong. A token without an end need not be renewed.
 */
export function renewalOf(token: string, receivedAtMs: number): number {
  const { iat: issuedAt, exp: end } = readClaims(token)
  if (typeof issuedAt !== 'number' || typeof end !== 'number') return Number.MAX_SAFE_INTEGER
  return receivedAtMs + Math.max(0, end - issuedAt) * 1_000 * renewedShare
}
