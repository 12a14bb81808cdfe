import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { statusOf } from '../schemas/index.ts'
import { reasons, type RefusalError, refusal } from '../wire/index.ts'
import { safeHeaders } from './headers.ts'

/** The last responses of a connection. */
interface LastResponses {
  readonly latest: ServerResponse
  /** The one before. */
  readonly previous: ServerResponse | undefined
}

/**
 * Answers what is not HTTP, or took too long to arrive, with a `Status`, and closes the connection. There is no request and no reply,
 * only a socket and an error. Requests that arrived whole over the same connection are answered first: they may have made changes.
 */
export function answerConnectionErrors(app: FastifyInstance): void {
  const responses = new WeakMap<Duplex, LastResponses>()
  const failed = new WeakSet<Duplex>()
  // When the routes are there, so that no other listener comes before this one.
  app.addHook('onReady', (done) => {
    app.server.prependListener('request', ({ socket, httpVersionMajor }: IncomingMessage, latest: ServerResponse) => {
      // HTTP/2 has errors of its own, and a stand-in of the socket for each request.
      if (httpVersionMajor === 1) responses.set(socket, { latest, previous: responses.get(socket)?.latest })
    })
    done()
  })
  // Fastify has put a listener of its own there.
  app.server.removeAllListeners('clientError').on('clientError', (error: Error, socket: Duplex) => {
    // Whatever follows is not HTTP either.
    if (failed.has(socket)) return
    failed.add(socket)
    const code = 'code' in error ? error.code : undefined
    const pending = lastOfWholeRequest(responses.get(socket))
    if (code === 'ECONNRESET') socket.destroy()
    else if (pending === undefined || pending.closed) refuseConnection(code, socket)
    else pending.once('close', () => refuseConnection(code, socket))
  })
}

/** The response to the last request that arrived whole. Only the latest one can be incomplete: it is the one that is wrong then. */
function lastOfWholeRequest(last: LastResponses | undefined): ServerResponse | undefined {
  return last?.latest.req.complete === true ? last.latest : last?.previous
}

/** Answers a connection that speaks HTTP where TLS is spoken. */
export function refusePlainHttp(socket: Duplex): void {
  sendRefusal(socket, refusal('BadRequest', 'This is an HTTP request to an HTTPS server; write https:// in the URL.'))
}

function refuseConnection(code: unknown, socket: Duplex): void {
  if (socket.writable) sendRefusal(socket, refusalOfConnection(code))
  else socket.destroy()
}

/** Sends a whole response, and closes the connection. */
function sendRefusal(socket: Duplex, refused: RefusalError): void {
  const body = JSON.stringify(statusOf(refused))
  const { code: status } = reasons[refused.refusal.reason]
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    ...Object.entries(safeHeaders).map(([name, value]) => `${name}: ${value}`),
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

function refusalOfConnection(code: unknown): RefusalError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return refusal('RequestEntityTooLarge', 'The headers of the request are too long.')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refusal('RequestTimeout', 'No whole request arrived in time.')
    default:
      return refusal('BadRequest', 'This is not an HTTP request.')
  }
}
