import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type BodyOptions, parseJsonBody, parseYamlBody } from './body-text.ts'
import { type RefusalError, refusal } from './errors.ts'
import { bodyLimits } from './limits.ts'

/** Media types of bodies other than patches, as the OpenAPI document names them. */
export const objectTypes = ['application/json', 'application/yaml'] as const
/** Media types of patches: RFC 7396, RFC 6902, and Kubernetes' server-side apply. */
export const patchTypes = [
  'application/merge-patch+json',
  'application/json-patch+json',
  'application/apply-patch+yaml',
] as const

const jsonTypes = ['application/json', patchTypes[0], patchTypes[1]]
const yamlTypes = ['application/yaml', 'text/yaml', 'application/x-yaml', 'text/x-yaml']

/**
 * Makes every route below `app` read bodies: JSON and YAML, and patches for PATCH. Any other media type or content encoding is refused
 * with 415 before the body is read, and so is a body without a media type, which any web page can make a browser send. Routes read an
 * empty body as none.
 */
export function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>(jsonTypes, { parseAs: 'buffer' }, (request, body, done) =>
    done(null, parseJsonBody(body, optionsOf(request))),
  )
  app.addContentTypeParser<Buffer>([...yamlTypes, patchTypes[2]], { parseAs: 'buffer' }, (request, body, done) =>
    done(null, parseYamlBody(body, optionsOf(request))),
  )
  app.addHook('onRequest', (request, _reply, done) => done(refusalOfBody(request)))
  app.addHook('preParsing', (_request, _reply, payload, done) => {
    limitPieces(payload)
    done()
  })
}

function optionsOf({ routeOptions }: FastifyRequest): BodyOptions {
  return { keepsDigits: routeOptions.config.keepsDigits === true }
}

/** Refuses a body in the midst of it that arrives in too many small pieces, such as chunks of one byte. */
function limitPieces(payload: Readable): void {
  let pieces = 0
  let bytes = 0
  const count = (piece: Buffer): void => {
    pieces += 1
    bytes += piece.length
    if (pieces <= bodyLimits.pieces + bytes / bodyLimits.bytesPerPiece) return
    payload.off('data', count)
    // Nobody reads it: the request is answered without it, or refused already.
    if (payload.listenerCount('error') === 0) return
    // Nothing more is read, and the refusal closes the connection.
    payload.pause()
    payload.emit('error', refusal('RequestEntityTooLarge', 'The body arrives in too many pieces; send larger ones'))
  }
  payload.on('data', count)
}

function refusalOfBody({ method, headers, routeOptions }: FastifyRequest): RefusalError | undefined {
  if (method === 'GET' || method === 'HEAD' || routeOptions.config.readsNoBody === true) return undefined
  const { 'content-type': type, 'content-encoding': encoding } = headers
  if (encoding !== undefined && encoding !== 'identity') {
    return refusal(
      'UnsupportedMediaType',
      `the content encoding ${encoding} is not supported; send the body without one`,
    )
  }
  const { alsoReads = [] } = routeOptions.config
  const accepted: readonly string[] = method === 'PATCH' ? patchTypes : [...objectTypes, ...yamlTypes, ...alsoReads]
  if (type === undefined ? !hasBody(method, headers) : accepted.includes(mediaTypeOf(type))) return undefined
  const types = (method === 'PATCH' ? patchTypes : objectTypes).join(', ')
  return refusal(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - ${type === undefined ? 'it has no Content-Type; ' : ''}accepted media types include: ${types}`,
  )
}

/** True if a request has a body, also an empty one. A client that announces an empty body with a DELETE has none to send. */
function hasBody(method: string, headers: IncomingHttpHeaders): boolean {
  const length = headers['content-length']
  return (
    headers['transfer-encoding'] !== undefined || (length !== undefined && !(method === 'DELETE' && length === '0'))
  )
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Media types that a route can respond with, besides JSON. */
    alsoAnswers?: readonly string[]
    /** Media types of bodies that a route can read, besides JSON and YAML. */
    alsoReads?: readonly string[]
    /** Set for a route whose numbers must keep their digits: it gets a JsonNumber for one that JavaScript would change. */
    keepsDigits?: boolean
    /** Set for a route that ignores its body, and accepts any media type. */
    readsNoBody?: boolean
    /** Set for a route that refuses a request without a body. */
    requiresBody?: boolean
  }
}

/** Makes every route below `app` refuse requests whose `Accept` excludes every media type that the route can respond with (406). */
export function answerJson(app: FastifyInstance): void {
  app.addHook('onRequest', ({ headers, routeOptions }, _reply, done) => {
    const types = ['application/json', ...(routeOptions.config.alsoAnswers ?? [])]
    if (acceptedTypes(headers.accept).some((range) => types.some((type) => covers(range, type)))) done()
    else done(refusal('NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`))
  })
}

/** Returns the media type in a header, without parameters. */
export function mediaTypeOf(header = ''): string {
  return header.replace(/;.*$/s, '').trim().toLowerCase()
}

/** One media range of an `Accept` header. */
export interface MediaRange {
  /** Lower-case, such as `application/json` or `*` + `/*`. */
  readonly type: string
  /** Its parameters except `q`; the names are lower-case. */
  readonly parameters: ReadonlyMap<string, string>
}

/**
 * Returns the media ranges of an `Accept` header by descending quality, and in the order given among equals; those with `q=0` are left out.
 * Without a header everything is accepted.
 * @see RFC 9110 section 12.5.1
 */
export function acceptedTypes(header: string | undefined): readonly MediaRange[] {
  const ranges = (header ?? '*/*').split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    const named = new Map(parameters.map(parameterOf))
    const quality = Number(named.get('q') ?? 1)
    named.delete('q')
    return { type: type.toLowerCase(), parameters: named, quality: Number.isNaN(quality) ? 1 : quality }
  })
  return ranges
    .filter(({ type, quality }) => type !== '' && quality > 0)
    .sort((one, other) => other.quality - one.quality)
    .map(({ type, parameters }) => ({ type, parameters }))
}

/** True if `type`, such as `application/json`, lies in the range. */
export function covers({ type: range }: MediaRange, type: string): boolean {
  return range === type || range === '*/*' || range === `${type.replace(/\/.*$/, '')}/*`
}

/** Returns the one of `types` that an `Accept` header prefers, the first of equals; undefined if it accepts none. */
export function preferredType(header: string | undefined, types: readonly string[]): string | undefined {
  return acceptedTypes(header).flatMap((range) => types.filter((type) => covers(range, type)))[0]
}

function parameterOf(text: string): readonly [name: string, value: string] {
  const [name = '', value = ''] = text.split('=', 2)
  return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1')]
}
