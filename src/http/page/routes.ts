import fastifyStatic from '@fastify/static'
import type { FastifyPluginCallback, FastifyReply } from 'fastify'
import { openSignIn, type SignIn } from '../../access/index.ts'
import type { PageFiles } from './files.ts'
import { signInRoutes } from './sign-in.ts'

/** The page, and how people sign in to it. */
export interface PageSettings {
  readonly files: PageFiles
  /** Unless given, nobody needs to. */
  readonly signIn?: SignIn
}

/** The page loads nothing from elsewhere, runs only its own scripts, and nobody may embed it. */
const policy = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'", "connect-src 'self'"],
  ...["worker-src 'self'", "manifest-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ')

const pageHeaders = {
  'content-security-policy': policy,
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  // Of most files there is a compressed one beside it.
  vary: 'accept-encoding',
}

/** The names of files in this folder contain a hash of their content. */
const hashed = 'assets/'

const asked = 'no-cache'
const kept = 'public, max-age=31536000, immutable'

/**
 * The routes under `/ui/`: the files of the page, and its signing in. They hold no data, so everybody may read them: before somebody signs in,
 * the page has no credential. It decides itself what to show under a path that is no file.
 */
export const pageRoutes: FastifyPluginCallback<PageSettings & { readonly version: string }> = (
  app,
  { files: { folder, paths }, signIn = openSignIn, version },
  done,
) => {
  void app.register(fastifyStatic, { root: folder, serve: false, cacheControl: false, preCompressed: true })
  const send = (reply: FastifyReply, path: string): FastifyReply =>
    reply.headers({ ...pageHeaders, 'cache-control': path.startsWith(hashed) ? kept : asked }).sendFile(path)
  const open = { schema: { hide: true }, config: { access: 'everybody' } } as const
  app.get('/ui', open, (_request, reply) => reply.redirect('/ui/', 308))
  app.get<{ Params: { readonly '*': string } }>('/ui/*', open, ({ params }, reply) => {
    const path = params['*']
    if (paths.has(path)) return send(reply, path)
    // A missing script must not be answered with a page.
    if (path.startsWith(hashed)) {
      reply.callNotFound()
      return reply
    }
    return send(reply, 'index.html')
  })
  void app.register(signInRoutes, { signIn, version })
  done()
}
