import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { refuseForNow } from '../wire/index.ts'
import type { Listeners } from './listeners.ts'

/** Calls `callback` when the server begins to stop. Calling the result unsubscribes. */
export type OnStopping = (callback: () => void) => () => void

/**
 * Makes a closing server refuse new requests with 503 and close each connection with its next response. New requests hear so once it
 * listens no more: callers that are refused call again, and it would never be done with accepting. Call it before any route is
 * registered. Returns `onStopping(callback)` for long-lived responses, which must end when the server stops.
 */
export function refuseWhenStopping(app: FastifyInstance, listeners: Listeners): OnStopping {
  let isStopping = false
  let stopped = (): void => undefined
  const notListening = new Promise<void>((resolve) => {
    stopped = resolve
  })
  const callbacks = new Set<() => void>()
  app.addHook('preClose', async () => {
    isStopping = true
    for (const callback of callbacks) callback()
    if (app.server.listening) await closeConnections(app, listeners, stopped)
    else stopped()
  })
  app.addHook('onRequest', (_request, _reply, done) => {
    if (isStopping) void notListening.then(() => done(refuseForNow('The server is stopping; nothing was changed.')))
    else done()
  })
  app.addHook('onSend', ({ raw }, reply, payload, done) => {
    // HTTP/2 has a frame instead of this header, which Fastify sets too: see `Listeners`.
    if (raw.httpVersionMajor === 2) void reply.removeHeader('connection')
    else if (isStopping) void reply.header('connection', 'close')
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

/** How often connections that have become idle are looked for then. */
const idleIntervalMs = 50

/** Longer than the datastore needs to settle its operations after the stop was announced: no answer comes after this time. */
const responseTimeMs = 7_000

/**
 * Accepts no more connections, and resolves when all are closed: busy ones after their next response, idle ones after
 * {@link idleTimeMs}, and all of them after {@link responseTimeMs}. A response that had begun before leaves its connection open, so
 * idle ones are looked for again and again.
 */
async function closeConnections(app: FastifyInstance, listeners: Listeners, stopped: () => void): Promise<void> {
  const begin = performance.now()
  const timer = setInterval(() => {
    if (performance.now() - begin > idleTimeMs) void closeIdleConnections(app, listeners)
  }, idleIntervalMs)
  const deadline = setTimeout(() => {
    listeners.closeAllConnections(app)
  }, responseTimeMs)
  await listeners.close(app, stopped)
  clearInterval(timer)
  clearTimeout(deadline)
}

/** Closes idle connections after what has arrived was read: a connection whose request is still to be read looks idle. */
async function closeIdleConnections(app: FastifyInstance, listeners: Listeners): Promise<void> {
  await nextTurn()
  listeners.closeIdleConnections(app)
}
