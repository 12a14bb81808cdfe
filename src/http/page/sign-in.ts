import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { type SignIn, SignInRefused } from '../../access/index.ts'
import { closed } from '../schemas/index.ts'
import { answerJson, refusal, refuseFields } from '../wire/index.ts'

/** Dependencies of the routes for signing in. */
export interface SignInOptions {
  readonly signIn: SignIn
  readonly version: string
}

/** Longer than what any provider gives. */
const grantLengthMax = 8_192

const text = Type.String({ minLength: 1, maxLength: grantLengthMax })

const GrantBody = Type.Object(
  {
    code: Type.Optional(text),
    codeVerifier: Type.Optional(text),
    redirectUri: Type.Optional(text),
    refreshToken: Type.Optional(text),
  },
  closed,
)

/** Calls to the identity provider at once: callers without a credential may cause no more. */
const redeemedAtOnce = 16

/**
 * `GET /ui/config.json` tells the page how to sign in. `POST /ui/token` gets tokens from the identity provider on behalf of the page, which
 * so sends no request to another origin.
 */
export const signInRoutes: FastifyPluginCallbackTypebox<SignInOptions> = (app, { signIn, version }, done) => {
  answerJson(app)
  const open = { schema: { hide: true }, config: { access: 'everybody' } } as const
  app.get('/ui/config.json', open, () => {
    const { isNeeded, allowsAnonymous, provider } = signIn.ways()
    return { version, signIn: { isNeeded, allowsAnonymous, oidc: provider ?? null } }
  })

  let redeemed = 0
  app.post(
    '/ui/token',
    {
      bodyLimit: 4 * grantLengthMax,
      config: { access: 'everybody', requiresBody: true },
      schema: { hide: true, body: GrantBody },
    },
    async ({ body, host }) => {
      if (redeemed >= redeemedAtOnce) {
        throw refusal('TooManyRequests', 'Too many people sign in at once.', { retryAfterSeconds: 1 })
      }
      const grant = readGrant(body, host)
      redeemed++
      try {
        const { idToken, refreshToken = null } = await signIn.redeem(grant)
        return { idToken, refreshToken }
      } catch (cause) {
        if (cause instanceof SignInRefused) throw refusal('Unauthorized', cause.message, { cause })
        const message = 'The identity provider cannot be asked at the moment; try again.'
        throw refusal('ServiceUnavailable', message, { cause, retryAfterSeconds: 5 })
      } finally {
        redeemed--
      }
    },
  )
  done()
}

/** Reads a grant. The page to which the provider has sent the browser back must be that of this server. */
function readGrant(
  { code, codeVerifier, redirectUri, refreshToken }: typeof GrantBody.static,
  host: string,
): Parameters<SignIn['redeem']>[0] {
  if (refreshToken !== undefined) return { refreshToken }
  if (code === undefined || codeVerifier === undefined || redirectUri === undefined) {
    const message = 'is missing; send code, codeVerifier and redirectUri, or refreshToken'
    throw refuseFields('BadRequest', [{ field: 'body', reason: 'FieldValueRequired', message }])
  }
  const url = URL.parse(redirectUri)
  // The port may be the default one, which either of them may leave out.
  const isHere = url !== null && URL.parse(`${url.protocol}//${host}`)?.host === url.host
  if (!isHere || !url.pathname.startsWith('/ui/')) {
    const message = `must be a URL of this server's page, such as https://${host}/ui/`
    throw refuseFields('BadRequest', [{ field: 'redirectUri', reason: 'FieldValueInvalid', message }])
  }
  return { code, codeVerifier, redirectUri }
}
