import type { FastifyInstance, FastifyRequest } from 'fastify'
import { acceptedTypes, covers } from './accept.ts'
import { parseJsonBody, parseYamlBody } from './body-text.ts'
import { type RefusalError, refusal } from './errors.ts'

/** The media types of a body that stands for itself, as the OpenAPI document names them. */
export const objectTypes = ['application/json', 'application/yaml'] as const
/** The media types of a body that says how to change an object: RFC 7396, RFC 6902, and Kubernetes' server-side apply. */
export const patchTypes = [
  'application/merge-patch+json',
  'application/json-patch+json',
  'application/apply-patch+yaml',
] as const

const jsonTypes = ['application/json', patchTypes[0], patchTypes[1]]
const yamlTypes = ['application/yaml', 'text/yaml', 'application/x-yaml', 'text/x-yaml']

/**
 * Makes every route below `app` read bodies: JSON and YAML, and for PATCH the two kinds of patch. Any other media type or
 * content encoding is refused with 415, before the body is read; a body without a media type is read as YAML, of which JSON is a
 * subset. An empty body is none.
 */
export function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>(jsonTypes, { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, parseJsonBody(body)),
  )
  // `*` stands for all others: what announces a type of its own has been refused before.
  app.addContentTypeParser<Buffer>([...yamlTypes, patchTypes[2], '*'], { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, parseYamlBody(body)),
  )
  app.addHook('onRequest', (request, _reply, done) => done(refusalOfBody(request)))
}

function refusalOfBody({ method, headers, routeOptions }: FastifyRequest): RefusalError | undefined {
  if (method === 'GET' || method === 'HEAD' || routeOptions.config.readsNoBody === true) return undefined
  const { 'content-type': type, 'content-encoding': encoding } = headers
  if (encoding !== undefined && encoding !== 'identity') {
    return refusal('UnsupportedMediaType', `the content encoding ${encoding} is not understood; send the body as it is`)
  }
  const accepted: readonly string[] = method === 'PATCH' ? patchTypes : [...objectTypes, ...yamlTypes]
  if (type === undefined || accepted.includes(mediaTypeOf(type))) return undefined
  const types = (method === 'PATCH' ? patchTypes : objectTypes).join(', ')
  return refusal(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${types}`,
  )
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a route answers to those who ask for it, besides JSON. */
    alsoAnswers?: readonly string[]
    /** Whether a route takes a body of any media type, because it does not look at it. */
    readsNoBody?: boolean
  }
}

/** Makes every route below `app` refuse, with 406, a request whose `Accept` excludes JSON and what else the route can give. */
export function answerJson(app: FastifyInstance): void {
  app.addHook('onRequest', ({ headers, routeOptions }, _reply, done) => {
    const types = ['application/json', ...(routeOptions.config.alsoAnswers ?? [])]
    if (acceptedTypes(headers.accept).some((range) => types.some((type) => covers(range, type)))) done()
    else done(refusal('NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`))
  })
}

/** The media type that a header names, without its parameters. */
export function mediaTypeOf(header = ''): string {
  return header.replace(/;.*$/s, '').trim().toLowerCase()
}
