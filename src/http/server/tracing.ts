import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { SpanIds } from '../../datastore/index.ts'
import { isWatch } from '../resources/index.ts'
import { onceClosed } from '../wire/index.ts'
import { healthProbes } from './request-log.ts'

/** Makes traces of requests. */
export interface RequestTracer {
  /** Begins to trace a request that has arrived. `waitedMs` is how long it has waited at the gate, `route` the pattern of its path. */
  begin(request: {
    readonly id: string
    readonly method: string
    readonly route: string | undefined
    readonly scheme: string
    readonly httpVersion: string
    readonly headers: IncomingHttpHeaders
    readonly waitedMs: number
  }): RequestTrace
}

/** The trace of a request. */
export interface RequestTrace {
  readonly ids: SpanIds
  /** False if only its ids are made, because the trace is not recorded. */
  readonly isRecorded: boolean
  /** The value of the header `traceresponse`. */
  readonly traceresponse: string
  /** Notes how long the request has waited at the gate in all; what is new has just ended. */
  waitedAtGate(waitedMs: number): void
  /** Calls `work`. What it does, also later, belongs to the trace. */
  enter(work: () => void): void
  /** Ends it. `status` is undefined if the client has gone before it got an answer. */
  end(answer: { readonly status: number | undefined; readonly reason: string | undefined }): void
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The trace of the request; undefined if there is none. */
    trace?: RequestTrace
  }
}

/**
 * Traces each request but those of probes. Its lines in the log have the ids of its span, and so has the header `traceresponse` of its answer.
 * The trace of a watch ends when its answer begins. Call it at the root, before anything else works on requests.
 */
export function traceRequests(app: FastifyInstance, tracer: RequestTracer): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { id, method, routeOptions, protocol: scheme, raw } = request
    const route = routeOptions.url
    if (healthProbes.has(route)) {
      done()
      return
    }
    const { headers, httpVersion, gateCall } = raw
    const waitedMs = gateCall?.waitedMs ?? 0
    const trace = tracer.begin({ id, method, route, scheme, httpVersion, headers, waitedMs })
    request.trace = trace
    const { traceId, spanId } = trace.ids
    // These names are of OpenTelemetry, so that programs which show logs find the trace.
    request.log = request.log.child({ trace_id: traceId, span_id: spanId })
    reply.log = request.log
    void reply.header('traceresponse', trace.traceresponse)
    onceClosed(reply.raw, () => endTrace(request, reply, reply.raw.writableEnded))
    trace.enter(done)
  })
  app.addHook('preHandler', enterTrace)
  app.addHook('onSend', (request, reply, payload, done) => {
    if (isWatch(request.query)) endTrace(request, reply, true)
    done(null, payload)
  })
}

/**
 * Goes on with the traces of calls that have waited at the gate: what let them begin may have been done for another call. Call it after the
 * hook at which they wait.
 */
export function traceAfterGate(app: FastifyInstance): void {
  app.addHook('preHandler', (request, reply, done) => {
    request.trace?.waitedAtGate(request.raw.gateCall?.waitedMs ?? 0)
    enterTrace(request, reply, done)
  })
}

function enterTrace({ trace }: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  if (trace === undefined) done()
  else trace.enter(done)
}

function endTrace({ trace, changeNote }: FastifyRequest, { statusCode }: FastifyReply, isAnswered: boolean): void {
  trace?.end({
    status: isAnswered ? statusCode : undefined,
    reason: statusCode < 400 ? undefined : changeNote?.reason,
  })
}
