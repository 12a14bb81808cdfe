import { createHash, randomUUID } from 'node:crypto'
import type { Redeemed, TestIssuer } from '../../support/issuer.ts'

/** An identity provider at which `alice` can sign in, with a code that only the client that asked for it can trade (RFC 7636). */
export class Provider {
  /** What the page asked for, each time that it came. */
  readonly asked: Readonly<Record<string, string>>[] = []
  /** How long tokens live from now on. */
  lifetimeSeconds = 600
  /** How often a token was renewed. */
  renewals = 0
  /** False refuses each refresh token from now on. */
  renews = true
  /** Instead of the nonce of who asked. */
  nonce: string | undefined
  readonly #issuer: TestIssuer
  /** Each code that was not traded yet, with what it was given for. */
  readonly #codes = new Map<string, URLSearchParams>()
  /** The only refresh token that counts: each is good for one renewal. */
  #refreshToken = ''

  constructor(issuer: TestIssuer) {
    this.#issuer = issuer
    issuer.authorize = (query) => this.#showPage(query)
    issuer.redeem = (form) =>
      form.get('grant_type') === 'refresh_token' ? this.#redeemRefreshToken(form) : this.#redeemCode(form)
  }

  #showPage(query: URLSearchParams): string {
    this.asked.push(Object.fromEntries(query))
    const code = randomUUID()
    this.#codes.set(code, query)
    const state = query.get('state') ?? ''
    const link = (answer: Readonly<Record<string, string>>, words: string): string => {
      const url = new URL(query.get('redirect_uri') ?? '')
      url.search = new URLSearchParams({ ...answer, state }).toString()
      return `<a href="${url.href.replaceAll('&', '&amp;')}">${words}</a>`
    }
    const refused = { error: 'access_denied', error_description: 'alice has no business there' }
    return `<!doctype html><title>The provider</title>${link({ code }, 'I am alice')} ${link(refused, 'Go away')}`
  }

  async #redeemCode(form: URLSearchParams): Promise<Redeemed> {
    const code = form.get('code') ?? ''
    const query = this.#codes.get(code)
    this.#codes.delete(code)
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const isRight =
      query?.get('code_challenge') === challenge &&
      query.get('redirect_uri') === form.get('redirect_uri') &&
      query.get('client_id') === form.get('client_id')
    return isRight ? this.#issue({ nonce: this.nonce ?? query.get('nonce') }) : refusal
  }

  async #redeemRefreshToken(form: URLSearchParams): Promise<Redeemed> {
    if (!this.renews || form.get('refresh_token') !== this.#refreshToken) return refusal
    this.renewals += 1
    return this.#issue({})
  }

  async #issue(claims: object): Promise<Redeemed> {
    this.#refreshToken = randomUUID()
    const exp = Math.floor(Date.now() / 1_000) + this.lifetimeSeconds
    const token = await this.#issuer.sign({ ...claims, exp })
    return { status: 200, body: { id_token: token, refresh_token: this.#refreshToken } }
  }
}

const refusal: Redeemed = { status: 400, body: { error: 'invalid_grant' } }
