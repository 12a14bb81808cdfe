import { Readable, pipeline } from 'node:stream'
import { createGzip, gzip } from 'node:zlib'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { acceptedTypes, mediaTypeOf } from '../wire/index.ts'

/** Smaller answers fit into a few packets, and are sent faster as they are. */
const sizeMin = 4 * 1024

/** The files of pages. They are the only streams that are compressed: a watch or a report must send each line at once. */
const fileTypes: ReadonlySet<string> = new Set([
  ...['text/html', 'text/css', 'text/javascript', 'application/javascript', 'image/svg+xml'],
])

/**
 * Compresses large answers to reads with gzip for clients that accept it. Answers to changes are sent as they are: assigning an address
 * does not pay for this. Call it at the root, before any route is registered.
 */
export function compressAnswers(app: FastifyInstance): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    if (request.method !== 'GET' || reply.statusCode !== 200 || !isWorthwhile(payload, reply)) {
      done(null, payload)
      return
    }
    void reply.header('vary', [reply.getHeader('vary') ?? [], 'accept-encoding'].flat().join(', '))
    if (!acceptsGzip(request.headers['accept-encoding'])) {
      done(null, payload)
      return
    }
    void reply.header('content-encoding', 'gzip').removeHeader('content-length')
    if (payload instanceof Readable) {
      // A fault of the file destroys the response, which is all that can be done.
      done(
        null,
        pipeline(payload, createGzip(), () => undefined),
      )
    } else {
      gzip(payload, done)
    }
  })
}

function isWorthwhile(payload: unknown, reply: FastifyReply): payload is Readable | string | Buffer {
  if (reply.hasHeader('content-encoding')) return false
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload.length >= sizeMin
  return payload instanceof Readable && fileTypes.has(mediaTypeOf(String(reply.getHeader('content-type'))))
}

/** The header has the form of `Accept`. Without it, nothing is accepted but the answer as it is. */
function acceptsGzip(header: string | string[] | undefined = ''): boolean {
  return acceptedTypes(String(header)).some(({ type }) => type === 'gzip' || type === '*')
}
