import type { FastifyInstance, FastifyRequest } from 'fastify'
import { quoteUrl, type RefusalError, refusal } from '../wire/index.ts'

/**
 * Refuses requests that match no route: 404 for an unknown path, 405 with `Allow` for a known path without this method. Call it at
 * the root, before any route is registered: it records the routes from then on.
 */
export function refuseUnknownRoutes(app: FastifyInstance): void {
  const allowedMethods = recordMethods(app)
  app.setNotFoundHandler((request) => {
    throw refuseRoute(request, allowedMethods(request.url))
  })
  // Before the body is read: whatever it holds, the route does not exist.
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.is404) done(refuseRoute(request, allowedMethods(request.url)))
    else done()
  })
}

function refuseRoute({ method, url }: FastifyRequest, allowed: readonly string[]): RefusalError {
  const path = quoteUrl(url)
  // A known route may find nothing: the one for the files of /docs does.
  if (allowed.length === 0 || allowed.includes(method)) {
    return refusal('NotFound', `There is nothing at ${path}; /openapi.json lists every route`)
  }
  const methods = allowed.join(', ')
  const message = `${method} is not allowed on ${path}; allowed are ${methods}`
  return refusal('MethodNotAllowed', message, { headers: { allow: methods } })
}

/**
 * Records the routes that are registered below `app` from now on. The result returns the methods that have a route for the URL of
 * a request, in alphabetical order; none for an unknown path.
 */
export function recordMethods(app: FastifyInstance): (url: string) => readonly string[] {
  const routes = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }) => {
    const route = routes.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() }
    routes.set(url, route)
    for (const name of [method].flat()) route.methods.add(name)
  })
  return (url) => {
    const path = url.replace(/\?.*$/s, '')
    const methods = [...routes.values()]
      .filter(({ pattern }) => pattern.test(path))
      .flatMap((route) => [...route.methods])
    return [...new Set(methods)].sort()
  }
}

/** Matches the paths of a route: `:name` is one segment, `*` is everything. */
function patternOf(url: string): RegExp {
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:[A-Za-z_]\w*/g, '[^/]+')
    .replace(/\*/g, '.*')
  return new RegExp(`^${source}$`, 's')
}
