import type { Server } from 'node:http'
import {
  constants,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2'
import type { Socket } from 'node:net'
import { refusal } from '../wire/index.ts'

/** Requests that a connection may have in flight at once; Go's servers allow as many. */
const streamsMax = 250

/** As Node limits the headers of HTTP/1.1. */
const headersMaxBytes = 16 * 1024

/** How long a connection without a request stays open; Fastify's limit for HTTP/1.1. */
const idleTimeMs = 72_000

/** How long to wait until the end of an answer has been sent, before looking again. */
const endSentCheckMs = 5

/** The largest id of a stream of a client: no request is excluded yet. */
const lastStreamIdMax = 2 ** 31 - 1

/**
 * The connections of a server that speak HTTP/2. Their requests become events of the server for HTTP/1.1, so that both are served by the
 * same code. Node.js itself limits resets, pings, settings and malformed frames, and the memory of a connection.
 */
export class Http2Connections {
  readonly #server = createServer({
    settings: { maxConcurrentStreams: streamsMax, maxHeaderListSize: headersMaxBytes },
  })
  /** The open connections, each with the number of its requests in flight. */
  readonly #sessions = new Map<ServerHttp2Session, number>()

  constructor(http: Server) {
    for (const event of ['request', 'checkExpectation'] as const) {
      this.#server.on(event, (request: Http2ServerRequest, response: Http2ServerResponse) => {
        if (!request.stream.endAfterHeaders) expectBody(request, http.requestTimeout)
        http.emit(event, request, response)
      })
    }
    this.#server.on('session', (session) => {
      this.#add(session)
    })
  }

  /** Serves a connection over which the client wants to speak HTTP/2. */
  serve(socket: Socket): void {
    this.#server.emit('connection', socket)
  }

  /** Tells all clients to send no more requests; those that are on their way are still served. */
  announceStop(): void {
    for (const session of this.#sessions.keys()) {
      // A destroyed one is closed soon.
      if (!session.destroyed) session.goaway(constants.NGHTTP2_NO_ERROR, lastStreamIdMax)
    }
  }

  /** Closes each connection after the requests that have arrived are answered, at once if there are none. */
  closeIdle(): void {
    for (const session of this.#sessions.keys()) session.close()
  }

  /** Closes all connections at once. */
  closeAll(): void {
    for (const session of this.#sessions.keys()) session.destroy()
  }

  #add(session: ServerHttp2Session): void {
    this.#sessions.set(session, 0)
    const count = (change: 1 | -1): void => {
      const before = this.#sessions.get(session)
      if (before !== undefined) this.#sessions.set(session, before + change)
    }
    session.on('stream', (stream) => {
      count(1)
      stream.once('close', () => {
        count(-1)
      })
    })
    session.once('close', () => this.#sessions.delete(session))
    // A watch may be silent for longer.
    session.setTimeout(idleTimeMs, () => {
      if (this.#sessions.get(session) === 0) session.close()
    })
  }
}

/**
 * Announces a body as HTTP/1.1 would, if its length is not announced. Refuses a request that does not arrive whole in time, and ends one
 * that was answered before it had arrived.
 */
function expectBody(request: Http2ServerRequest, requestTimeoutMs: number): void {
  const { headers, stream } = request
  if (headers['content-length'] === undefined) headers['transfer-encoding'] = 'chunked'
  const end = (): void => {
    if (request.readableEnded || stream.destroyed) return
    // A reset would overtake the end of the answer, and clients in Go would take the answer for cut off.
    if (stream.writableFinished && stream.state.localClose !== 1) setTimeout(end, endSentCheckMs).unref()
    else stream.close(constants.NGHTTP2_NO_ERROR)
  }
  const timer = setTimeout(() => {
    if (request.listenerCount('error') === 0) end()
    else request.emit('error', refusal('RequestTimeout', 'No whole request arrived in time.'))
  }, requestTimeoutMs)
  const arrived = (): void => {
    clearTimeout(timer)
  }
  request.once('end', arrived)
  stream.once('close', arrived).once('finish', end)
}
