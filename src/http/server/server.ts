import type { IncomingHttpHeaders } from 'node:http'
import { Server as NetServer } from 'node:net'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import fastify, { LogController } from 'fastify'
import type { BlockIndex, Now } from '../../model/index.ts'
import { apiVersion, resourceKinds } from '../../resources/index.ts'
import { ipamRoutes, type Store } from '../ipam/index.ts'
import { openapiOptions, kubernetesOpenapiRoutes, openapiRoutes } from '../openapi/index.ts'
import { discoveryRoutes, endpointsOfNodes, resourceRoutes } from '../resources/index.ts'
import { schemas } from '../schemas/index.ts'
import { answerJson, readBodies, refusal, refuseForNow } from '../wire/index.ts'
import { limitCalls } from './admission.ts'
import { answerClientError, answerUnreadablePath, handleErrors } from './error-handling.ts'
import { operationRoutes } from './health.ts'
import { refuseBySchema } from './schema-causes.ts'
import { buildValidator } from './validator.ts'

/** Everything that the server takes from outside: it reads no clock, no environment and no randomness of its own. */
export interface ServerDependencies {
  readonly store: Store
  /** The index of blocks that is kept beside the store. */
  readonly blocks: BlockIndex
  readonly now: () => Now
  /** A new unique name, for requests, owners and objects that did not bring one. */
  readonly newUid: () => string
  /** The version of ippoold. */
  readonly version: string
  /** Bytes that a request's body may have. */
  readonly bodyLimitBytes: number
  /** Milliseconds after which an operation that is not done yet is given up. */
  readonly deadlineMs: number
  /** Calls that may be under way at once; any more are turned away. */
  readonly callsMax: number
  /** How often watches tell how far they have come; a minute unless given. */
  readonly bookmarkIntervalMs?: number
  readonly logger: NonNullable<FastifyServerOptions['logger']>
}

/** A request must have arrived by then: what trickles in for longer ties up a connection. */
const requestTimeoutMs = 60_000

/** Longer than any name in a path, percent-encoded. */
const pathSegmentLengthMax = 2_048

/** Watches that may be open at once: they wait most of the time, and are no calls. */
const watchesMax = 10_000

const bookmarkIntervalMs = 60_000

/** The share of its deadline that an operation may spend waiting for the event loop. Beyond it, more work only makes all wait. */
const eventLoopShareMax = 0.5

/**
 * The HTTP server, listening to nothing yet: `inject` tests it, `listen` serves it, and `close` refuses new requests with 503,
 * answers those in flight, and resolves. The store is the caller's, and to be closed after it.
 */
export function buildServer(dependencies: ServerDependencies): FastifyInstance {
  const { store, blocks, now, newUid, version, deadlineMs } = dependencies
  const requestId = (headers: IncomingHttpHeaders): string => requestIdOf(headers['x-request-id']) ?? newUid()
  const app = fastify({
    logger: dependencies.logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: dependencies.bodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    http: { requireHostHeader: false },
    routerOptions: { maxParamLength: pathSegmentLengthMax },
    // The error of a closing server is to be a Status too; see `refuseWhenStopping`.
    return503OnClosing: false,
    genReqId: ({ headers }) => requestId(headers),
    // Answers hold nothing beyond their schema, and most are texts already: compiling a serializer for each would only delay the start.
    schemaController: {
      compilersFactory: { buildValidator, buildSerializer: () => () => (answer: unknown) => JSON.stringify(answer) },
    },
    schemaErrorFormatter: refuseBySchema,
    frameworkErrors: answerUnreadablePath,
    clientErrorHandler: answerClientError,
  })
  traceRequests(app)
  handleErrors(app)
  readBodies(app)
  const onStopping = refuseWhenStopping(app)
  takeOddRequests(app)
  for (const schema of schemas) app.addSchema(schema)
  void app.register(swagger, openapiOptions(version))
  void app.register(swaggerUi, { routePrefix: '/docs', staticCSP: docsPolicy, theme: { title: 'ippoold' } })
  void app.register(underPressure, {
    maxEventLoopDelay: deadlineMs * eventLoopShareMax,
    pressureHandler: refuseUnderPressure,
  })
  void app.register(operationRoutes, { store, version })
  const kinds = resourceKinds(blocks)
  void app.register(discoveryRoutes, { kinds })
  void app.register(kubernetesOpenapiRoutes, { kinds })
  void app.register(openapiRoutes)
  void app.register((api, _options, done) => {
    limitCalls(api, {
      callsMax: dependencies.callsMax,
      pending: () => store.pending,
      prefixes: ['/ipam/v1/', `/apis/${apiVersion}/`],
      requestId,
    })
    answerJson(api)
    void api.register(ipamRoutes, { prefix: '/ipam/v1', store, blocks, now, newUid, deadlineMs })
    const watches = {
      store,
      onStopping,
      watchesMax,
      bookmarkIntervalMs: dependencies.bookmarkIntervalMs ?? bookmarkIntervalMs,
    }
    void api.register(resourceRoutes, {
      prefix: `/apis/${apiVersion}`,
      store,
      kinds,
      now,
      newUid,
      deadlineMs,
      dependents: { nodes: endpointsOfNodes(store, blocks) },
      watches,
    })
    done()
  })
  return app
}

/** The pages under /docs load nothing from anywhere else; they do style themselves. */
const docsPolicy = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"

/** A request id of the caller's own, when it is fit for a log. */
function requestIdOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && /^[\w.:-]{1,128}$/.test(header) ? header : undefined
}

/** Tells every caller its request id, and the log one line about every request; never a body, a query or a credential. */
function traceRequests(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id)
    done()
  })
  app.addHook('onResponse', ({ log, method, routeOptions }, { statusCode, elapsedTime }, done) => {
    log.info(
      { method, route: routeOptions.url ?? null, status: statusCode, ms: Math.round(elapsedTime * 100) / 100 },
      'request',
    )
    done()
  })
}

/**
 * What a closing server does with those that are connected. To be called before any route is registered. Gives the function by which
 * an answer that goes on and on asks to be told when it has to end; what that gives takes the request back.
 */
function refuseWhenStopping(app: FastifyInstance): (end: () => void) => () => void {
  let isStopping = false
  const endless = new Set<() => void>()
  app.addHook('preClose', async () => {
    isStopping = true
    for (const end of endless) end()
    if (app.server.listening) await sayFarewell(app.server)
  })
  app.addHook('onRequest', (_request, _reply, done) =>
    isStopping ? done(refuseForNow('The server is stopping; nothing was changed.')) : done(),
  )
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (isStopping) void reply.header('connection', 'close')
    done(null, payload)
  })
  return (end) => {
    endless.add(end)
    return () => {
      endless.delete(end)
    }
  }
}

/** How long a connection that is not in use is kept open for, so that whoever sends over it just then gets an answer. */
const farewellMs = 500

/**
 * Takes no more connections, and resolves when all are closed: those in use with their next answer, the others after
 * {@link farewellMs}. The server's own `close` would cut at once what looks idle, whatever is on its way there.
 */
async function sayFarewell(server: FastifyInstance['server']): Promise<void> {
  const closed = new Promise((resolve) => {
    NetServer.prototype.close.call(server, resolve)
  })
  const timer = setTimeout(() => {
    server.closeIdleConnections()
  }, farewellMs)
  await closed
  clearTimeout(timer)
}

/** Node refuses a request without a host by itself, but not with a Status; and one that expects what Node does not know. */
function takeOddRequests(app: FastifyInstance): void {
  app.addHook('onRequest', ({ raw, headers }, _reply, done) => {
    const isHostMissing = raw.httpVersion === '1.1' && headers.host === undefined
    done(isHostMissing ? refusal('BadRequest', 'The request has no Host header.') : undefined)
  })
  // A server need not do what is expected of it (RFC 9110 section 10.1.1).
  app.server.on('checkExpectation', (request, response) => {
    app.server.emit('request', request, response)
  })
}

/** Refuses when the event loop is late. It was not measured at all in a second in which it never came around: that says nothing. */
function refuseUnderPressure(
  _request: FastifyRequest,
  _reply: FastifyReply,
  _type: string,
  delayMs: number | undefined,
): Promise<void> {
  if (delayMs === Number.POSITIVE_INFINITY) return Promise.resolve()
  return Promise.reject(refuseForNow('The server is overloaded; nothing was changed.'))
}
