import type { IncomingHttpHeaders } from 'node:http'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import fastify, { LogController } from 'fastify'
import { type Gatekeeper, openGate } from '../../access/index.ts'
import type { AuditTrail } from '../../audit/index.ts'
import { type Probe, silentProbe } from '../../datastore/index.ts'
import type { PoolTrends } from '../../ipam/index.ts'
import type { BlockIndex, ChargeIndex, Now } from '../../model/index.ts'
import { groupsOf, resourceKinds } from '../../resources/index.ts'
import { ipamRoutes, type ServedStore } from '../ipam/index.ts'
import { docsOptions, openapiOptions, kubernetesOpenapiRoutes, openapiRoutes } from '../openapi/index.ts'
import { pageRoutes, type PageSettings } from '../page/index.ts'
import { discoveryRoutes, endpointsOfNodes, resourceRoutes } from '../resources/index.ts'
import { accessReviewRoutes, selfSubjectReviewRoutes } from '../reviews/index.ts'
import { resourceSchemas, schemas, type VersionResponse } from '../schemas/index.ts'
import { Shares } from '../shares.ts'
import { answerJson, readBodies } from '../wire/index.ts'
import { checkAccess, checkAccessAgain } from './access.ts'
import { CallAudit } from './audit.ts'
import { type Admission, admitCalls, limitEventLoopDelay } from './admission.ts'
import { limitCallers } from './caller-limits.ts'
import { type CallerSettings, refuseForeignCallers } from './callers.ts'
import { compressAnswers } from './compression.ts'
import { answerConnectionErrors } from './connection-errors.ts'
import { answerUnreadablePath, handleErrors } from './error-handling.ts'
import { safeHeaders } from './headers.ts'
import { healthRoutes } from './health.ts'
import { Listeners } from './listeners.ts'
import { type MetricsSource, metricsRoute } from './metrics.ts'
import { logRequests } from './request-log.ts'
import { startPage } from './start-page.ts'
import { refuseWhenStopping } from './stopping.ts'
import { type RequestTracer, traceAfterGate, traceRequests } from './tracing.ts'
import { refuseAsKubernetes, refuseBySchema, validatorCompiler } from './validation.ts'

/** Everything that the server takes from outside: it reads no clock, no environment and no random numbers itself. */
export interface ServerDependencies {
  readonly store: ServedStore
  /** The index of blocks that is kept beside the store. */
  readonly blocks: BlockIndex
  /** Knows which blocks have charges; unless given, only upkeep gives charges back. */
  readonly charges?: ChargeIndex
  /** How full pools were; unless given, nobody looked. */
  readonly trends?: PoolTrends
  readonly now: () => Now
  /** Returns a new unique name, for requests, handles and objects that did not bring one. */
  readonly newUid: () => string
  /** Returns a new secret and its hash, for an access token that is created. */
  readonly newSecret: () => { readonly text: string; readonly hash: string }
  /** The version of ippoold. */
  readonly version: string
  /** The protections that the server lacks, although other machines can reach it; none unless given. */
  readonly missingProtections?: VersionResponse['missingProtections']
  /** Largest body of a request, in bytes. */
  readonly bodyLimitBytes: number
  /** Milliseconds after which an operation that is not done fails. */
  readonly deadlineMs: number
  /** Calls that may be in flight at once; more are refused. */
  readonly callsMax: number
  /** The sockets to listen on; by default the one that Fastify's `listen` opens. */
  readonly listeners?: Listeners
  /** How often watches report their progress; default: a minute. */
  readonly bookmarkIntervalMs?: number
  /** The hosts and origins by which the server may be called; by default those of this machine. */
  readonly callers?: CallerSettings
  /** Identifies callers, and knows their rights; unless given, everybody may do everything. */
  readonly gatekeeper?: Gatekeeper
  /** The calls to record, and the place for their events; none unless given. */
  readonly audit?: AuditTrail
  /** Traces requests; nothing does unless given. */
  readonly traces?: RequestTracer
  /** The page for people, to which `/` leads browsers; none unless given. */
  readonly page?: PageSettings
  /** Writes what `GET /metrics` answers. */
  readonly metrics: MetricsSource
  readonly logger: NonNullable<FastifyServerOptions['logger']>
  /** Hears of every request that was answered; nothing does unless given. */
  readonly probe?: Probe
}

/** A request must have arrived by then: a slow sender occupies a connection. */
const requestTimeoutMs = 60_000

/** Longer than any name in a path, percent-encoded. */
const pathSegmentLengthMax = 2_048

/**
 * Watches that may be open at once, before each caller has only a share of them. They wait most of the time, so they do not count as calls
 * in flight.
 */
const watchesMax = 10_000

const bookmarkIntervalMs = 60_000

const localCallers: CallerSettings = { hosts: { listening: 'localhost', allowed: [] }, allowedOrigins: [] }

/**
 * Builds the HTTP server, not listening yet: `inject` tests it, {@link Listeners} serve it. `close` refuses new requests with 503, answers
 * those in flight, and resolves. Close the store after it.
 */
export function buildServer(dependencies: ServerDependencies): FastifyInstance {
  const { store, version, deadlineMs } = dependencies
  const requestId = (headers: IncomingHttpHeaders): string => validRequestId(headers) ?? dependencies.newUid()
  const audit = dependencies.audit && new CallAudit(dependencies.audit, dependencies.now)
  const app = fastify({
    logger: dependencies.logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: dependencies.bodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    // Node would refuse a request without a host itself, without a Status; see `refuseForeignCallers`.
    http: { requireHostHeader: false },
    routerOptions: { maxParamLength: pathSegmentLengthMax },
    // Fastify's own 503 is not a Status; see `refuseWhenStopping`.
    return503OnClosing: false,
    genReqId: ({ headers }) => requestId(headers),
    // Responses hold nothing beyond their schema, and most are texts already: compiling a serializer for each would only delay the start.
    schemaController: {
      compilersFactory: { buildSerializer: () => () => (answer: unknown) => JSON.stringify(answer) },
    },
    schemaErrorFormatter: refuseAsKubernetes,
    frameworkErrors: (error, request, reply) => {
      answerUnreadablePath(error, request, reply)
      audit?.recordUnreadable(request, reply)
    },
  })
  const kinds = resourceKinds(dependencies.blocks, dependencies.gatekeeper?.admins)
  app.setValidatorCompiler(validatorCompiler([...schemas, ...resourceSchemas(kinds)]))
  const probe = dependencies.probe ?? silentProbe
  audit?.receiveCalls(app)
  if (dependencies.traces !== undefined) traceRequests(app, dependencies.traces)
  sendHeaders(app)
  logRequests(app, probe)
  refuseForeignCallers(app, dependencies.callers ?? localCallers)
  handleErrors(app, probe)
  checkAccess(app, dependencies.gatekeeper ?? openGate, probe)
  audit?.recordCalls(app)
  answerConnectionErrors(app)
  readBodies(app)
  const onStopping = refuseWhenStopping(app, dependencies.listeners ?? new Listeners())
  ignoreExpectations(app)
  compressAnswers(app)
  for (const schema of schemas) app.addSchema(schema)
  void app.register(swagger, openapiOptions(version))
  void app.register(swaggerUi, { ...docsOptions(kinds), uiHooks: { onRequest: sendJsonForYaml } })
  makeDocumentInAdvance(app)
  limitEventLoopDelay(app, deadlineMs)
  void app.register(healthRoutes, { store, version, missingProtections: dependencies.missingProtections ?? [] })
  void app.register(metricsRoute, { metrics: dependencies.metrics })
  const { page } = dependencies
  void app.register(startPage, { store, kinds, version, hasPage: page !== undefined })
  if (page !== undefined) void app.register(pageRoutes, { ...page, version })
  const refused = (calls: number): void => {
    audit?.missRefusedEarly(calls)
    probe.requestsRefusedEarly({ requests: calls })
  }
  addApi(app, kinds, { ...dependencies, probe }, { requestId, onStopping, refused })
  return app
}

/** How long after the start the OpenAPI document is made. Before, the first requests are served. */
const documentDelayMs = 1_000

/** Makes the OpenAPI document soon after the start: it holds up other requests for a moment, and no caller should cause that. */
function makeDocumentInAdvance(app: FastifyInstance): void {
  let timer: NodeJS.Timeout | undefined
  app.addHook('onReady', (done) => {
    timer = setTimeout(() => app.swagger(), documentDelayMs).unref()
    done()
  })
  app.addHook('preClose', (done) => {
    clearTimeout(timer)
    done()
  })
}

/** Adds the routes of the API: discovery and OpenAPI without a limit, `/ipam/v1` and the resources with one. */
function addApi(
  app: FastifyInstance,
  kinds: ReturnType<typeof resourceKinds>,
  dependencies: ServerDependencies & { readonly probe: Probe },
  { onStopping, ...limited }: Pick<Admission, 'requestId' | 'onStopping' | 'refused'>,
): void {
  const { store, blocks, charges, trends, now, newUid, newSecret, deadlineMs, callsMax, probe } = dependencies
  void app.register(discoveryRoutes, { kinds })
  void app.register(selfSubjectReviewRoutes)
  const { gatekeeper = openGate } = dependencies
  void app.register(accessReviewRoutes, { gatekeeper, kinds, store })
  void app.register(kubernetesOpenapiRoutes, { kinds })
  void app.register(openapiRoutes)
  void app.register((api, _options, done) => {
    const prefixes = ['/ipam/v1/', ...groupsOf(kinds).map(({ apiVersion }) => `/apis/${apiVersion}/`)]
    admitCalls(api, { ...limited, callsMax, deadlineMs, store, prefixes, onStopping, probe })
    if (dependencies.traces !== undefined) traceAfterGate(api)
    limitCallers(api, probe)
    answerJson(api)
    checkAccessAgain(api, gatekeeper, probe)
    void api.register((ipam, _options, done) => {
      ipam.setSchemaErrorFormatter(refuseBySchema)
      const options = { store, blocks, charges, trends, now, newUid, deadlineMs, probe }
      void ipam.register(ipamRoutes, { prefix: '/ipam/v1', ...options })
      done()
    })
    void api.register(resourceRoutes, {
      prefix: '/apis',
      store,
      kinds,
      now,
      newUid,
      newSecret,
      deadlineMs,
      dependents: { nodes: endpointsOfNodes(store, blocks) },
      watches: {
        store,
        onStopping,
        shares: new Shares(watchesMax),
        bookmarkIntervalMs: dependencies.bookmarkIntervalMs ?? bookmarkIntervalMs,
      },
    })
    done()
  })
}

/**
 * Redirects `/docs/yaml` to the document in JSON, which is valid YAML. The page of the documentation does not need YAML, and printing it
 * would hold up other requests for longer than anything else.
 */
function sendJsonForYaml({ routeOptions }: FastifyRequest, reply: FastifyReply, done: () => void): void {
  if (routeOptions.url === '/docs/yaml') void reply.redirect('/openapi.json')
  else done()
}

/** The request id that the caller chose, if it is fit for a log. */
function validRequestId({ 'x-request-id': header }: IncomingHttpHeaders): string | undefined {
  return typeof header === 'string' && /^[\w.:-]{1,128}$/.test(header) ? header : undefined
}

/** Sends the request id and {@link safeHeaders} with every response. */
function sendHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id).headers(safeHeaders)
    done()
  })
}

/** Serves requests with `Expect`, which Node would refuse without a Status. A server may ignore it (RFC 9110 section 10.1.1). */
function ignoreExpectations(app: FastifyInstance): void {
  app.server.on('checkExpectation', (request, response) => {
    app.server.emit('request', request, response)
  })
}
