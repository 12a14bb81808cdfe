import { Server as NetServer } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { refuseForNow } from '../wire/index.ts'

/** Calls `callback` when the server begins to stop. Calling the result unsubscribes. */
export type OnStopping = (callback: () => void) => () => void

/**
 * Makes a closing server refuse new requests with 503 and close each connection with its next response. Call it before any route is
 * registered. Returns `onStopping(callback)` for long-lived responses, which must end when the server stops.
 */
export function refuseWhenStopping(app: FastifyInstance): OnStopping {
  let isStopping = false
  const callbacks = new Set<() => void>()
  app.addHook('preClose', async () => {
    isStopping = true
    for (const callback of callbacks) callback()
    if (app.server.listening) await closeConnections(app.server)
  })
  app.addHook('onRequest', (_request, _reply, done) =>
    isStopping ? done(refuseForNow('The server is stopping; nothing was changed.')) : done(),
  )
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (isStopping) void reply.header('connection', 'close')
    done(null, payload)
  })
  return (callback) => {
    callbacks.add(callback)
    return () => {
      callbacks.delete(callback)
    }
  }
}

/** How long idle connections stay open, so that a request which is being sent at that moment gets an answer. */
const idleTimeMs = 500

/**
 * Accepts no more connections, and resolves when all are closed: busy ones after their next response, idle ones after
 * {@link idleTimeMs}. The server's own `close` would close idle ones at once, even if a request is on its way.
 */
async function closeConnections(server: FastifyInstance['server']): Promise<void> {
  const closed = new Promise((resolve) => {
    NetServer.prototype.close.call(server, resolve)
  })
  const timer = setTimeout(() => {
    server.closeIdleConnections()
  }, idleTimeMs)
  await closed
  clearTimeout(timer)
}

/** Longer than the datastore needs to settle its operations after the stop was announced: no answer comes after this time. */
const responseTimeMs = 7_000

/**
 * Closes the server after the requests in flight were answered. A connection that was busy when the closing began stays open after
 * its response, for as long as its client likes; so connections are closed when they fall idle, and all of them after
 * {@link responseTimeMs}.
 */
export async function closeServer(app: FastifyInstance): Promise<void> {
  const timer = setInterval(() => {
    app.server.closeIdleConnections()
  }, 50)
  const deadline = setTimeout(() => {
    app.server.closeAllConnections()
  }, responseTimeMs)
  try {
    await app.close()
  } finally {
    clearInterval(timer)
    clearTimeout(deadline)
  }
}
