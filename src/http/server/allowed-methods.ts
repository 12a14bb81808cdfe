import type { FastifyInstance } from 'fastify'

/**
 * Keeps a record of the routes registered below `app` from here on, and gives the function that answers, for the URL of a
 * request, the methods that would have found a route, in alphabetical order; none when the path is unknown altogether.
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

/** The paths that a route's URL stands for: `:name` is one segment, `*` is everything. */
function patternOf(url: string): RegExp {
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:[A-Za-z_]\w*/g, '[^/]+')
    .replace(/\*/g, '.*')
  return new RegExp(`^${source}$`, 's')
}
