import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import type { Test } from 'tap'

/** A key that an issuer signs with. */
export interface SigningKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly publicJwk: JWK
}

/** An OpenID Connect provider with as much as an API server needs of it: it describes itself, and shows its keys. */
export interface TestIssuer {
  readonly url: string
  /** The CA certificate to verify it with, in PEM. */
  readonly authority: string
  /** How many requests it has answered, or begun to. */
  requests(): number
  /** The headers of these requests. */
  readonly headers: readonly IncomingHttpHeaders[]
  /** The keys that it shows. */
  keys: readonly SigningKey[]
  /** How it answers: at once, not at all, with an error, or with whatever is given instead of its keys. */
  behaviour: 'good' | 'silent' | 'failing' | { readonly keys: unknown } | { readonly description: object }
  /** How it answers at its token endpoint to a form; unless given, it has no such endpoint. */
  redeem?: (form: URLSearchParams) => Redeemed | Promise<Redeemed>
  /** The page at its authorization endpoint, in HTML; unless given, it has none. */
  authorize?: (query: URLSearchParams) => string
  /** Signs a token of this issuer with the first of its keys, unless another is given. */
  sign(claims: TestClaims, options?: SignOptions): Promise<string>
  close(): Promise<void>
}

/** What a token endpoint answers. */
export interface Redeemed {
  readonly status: number
  readonly body: unknown
}

/** Claims of a token, right or wrong; one that is undefined is left out. */
export type TestClaims = Readonly<Record<string, unknown>>

/** How to sign a token. */
export interface SignOptions {
  readonly key?: SigningKey
  /** False leaves the name of the key out of the header. */
  readonly namesKey?: boolean
}

const file = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`certificates/${name}`, import.meta.url)), 'utf8')

/** A new key. */
export async function newKey(kid: string, alg = 'ES256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

/** Starts an issuer that ends with the test; its address is `https://localhost` with some port. */
export async function startIssuer(t: Test): Promise<TestIssuer> {
  const headers: IncomingHttpHeaders[] = []
  const server = createServer({ cert: file('server.pem'), key: file('server.key') }, (request, response) => {
    headers.push(request.headers)
    serve(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `https://localhost:${(server.address() as AddressInfo).port}`
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  t.teardown(close)
  const issuer: TestIssuer = {
    url,
    authority: file('authority.pem'),
    requests: () => headers.length,
    headers,
    keys: [await newKey('first')],
    behaviour: 'good',
    sign: async (claims, { key: given, namesKey = true } = {}) => {
      const key = given ?? issuer.keys[0]
      if (key === undefined) throw new Error('the issuer has no key')
      const header = { alg: key.alg, ...(namesKey && { kid: key.kid }) }
      const now = Math.floor(Date.now() / 1_000)
      const defaults = { iss: url, aud: 'ippoold', sub: 'alice', iat: now, exp: now + 600 }
      const present = Object.entries({ ...defaults, ...claims }).filter(
        ([, claim]: readonly [string, unknown]) => claim !== undefined,
      )
      return new SignJWT(Object.fromEntries(present)).setProtectedHeader(header).sign(key.privateKey)
    },
    close,
  }

  function serve(request: IncomingMessage, response: ServerResponse): void {
    const { url: path = '' } = request
    const { behaviour, keys, redeem, authorize } = issuer
    if (redeem !== undefined && request.method === 'POST') {
      void text(request).then(async (form) => {
        const { status, body } = await redeem(new URLSearchParams(form))
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      })
      return
    }
    if (authorize !== undefined && path.startsWith('/authorize?')) {
      response.setHeader('content-type', 'text/html').end(authorize(new URL(path, url).searchParams))
      return
    }
    const endpoints = redeem && { authorization_endpoint: `${url}/authorize`, token_endpoint: `${url}/token` }
    if (behaviour === 'silent') return
    if (behaviour === 'failing') {
      response.writeHead(503).end()
      return
    }
    const described =
      typeof behaviour === 'object' && 'description' in behaviour
        ? behaviour.description
        : { issuer: url, jwks_uri: `${url}/keys`, ...endpoints }
    const shown =
      typeof behaviour === 'object' && 'keys' in behaviour
        ? behaviour.keys
        : { keys: keys.map(({ publicJwk }) => publicJwk) }
    const isDescription = path === '/.well-known/openid-configuration'
    response.setHeader('content-type', 'application/json').end(JSON.stringify(isDescription ? described : shown))
  }

  return issuer
}
