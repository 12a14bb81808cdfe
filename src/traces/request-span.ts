import type { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Attributes,
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api'
import type { SpanIds } from '../datastore/index.ts'
import type { WallClock } from './wall-clock.ts'

/** A request that has arrived. */
export interface ArrivedRequest {
  /** The request id. */
  readonly id: string
  readonly method: string
  /** The pattern of its path; undefined if no route has it. */
  readonly route: string | undefined
  readonly scheme: string
  readonly httpVersion: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Milliseconds for which it has waited at the gate. */
  readonly waitedMs: number
}

/** The end of a request: the status of its answer, undefined if its client has gone before; and the reason if it was refused. */
export interface RequestEnd {
  readonly status: number | undefined
  readonly reason: string | undefined
}

/** The parts that all spans share. */
export interface SpanSource {
  readonly tracer: Tracer
  readonly clock: WallClock
  /** The request that the code which runs now serves. */
  readonly current: AsyncLocalStorage<RequestSpan | undefined>
}

/** Methods that may be in the name of a span: others can be anything. */
const methods: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  ...['OPTIONS', 'CONNECT', 'TRACE'],
])

/**
 * The span of a request, by OpenTelemetry's conventions for HTTP servers, and those of its parts. It leaves out the path, the query and the
 * addresses of the conventions: they hold handles and assigned addresses. Times are on the clock of `performance.now`.
 */
export class RequestSpan {
  /** True if the trace is recorded. If not, there is only its id. */
  readonly isRecorded: boolean
  readonly ids: SpanIds
  readonly #span: Span
  readonly #context: Context
  readonly #source: SpanSource
  /** How long it has waited at the gate so far. */
  #gateMs = 0
  #isEnded = false

  /** `parent` has the span of the caller, if it sent one. */
  constructor(request: ArrivedRequest, parent: Context, source: SpanSource) {
    const { id, method, route, scheme, httpVersion, waitedMs } = request
    const { tracer, clock } = source
    const known = methods.has(method) ? method : '_OTHER'
    const now = performance.now()
    const verb = known === '_OTHER' ? 'HTTP' : known
    this.#source = source
    this.#span = tracer.startSpan(
      route === undefined ? verb : `${verb} ${route}`,
      {
        kind: SpanKind.SERVER,
        startTime: clock.at(now - waitedMs),
        attributes: {
          'http.request.method': known,
          ...(route !== undefined && { 'http.route': route }),
          'url.scheme': scheme,
          'network.protocol.version': httpVersion === '2.0' ? '2' : httpVersion,
          'ippoold.request_id': id,
        },
      },
      parent,
    )
    const { traceId, spanId } = this.#span.spanContext()
    this.ids = { traceId, spanId }
    this.isRecorded = this.#span.isRecording()
    this.#context = trace.setSpan(ROOT_CONTEXT, this.#span)
    this.waitedAtGate(waitedMs, now)
  }

  /** Notes how long the request has waited at the gate in all; what is new has just ended. */
  waitedAtGate(waitedMs: number, now = performance.now()): void {
    if (waitedMs > this.#gateMs) this.addPart('gate', now - (waitedMs - this.#gateMs), now)
    this.#gateMs = waitedMs
  }

  /** Calls `work`. What it does, also later, belongs to the request. */
  enter(work: () => void): void {
    this.#source.current.run(this, work)
  }

  /** The value of the header `traceresponse`, in the form of `traceparent`. */
  get traceresponse(): string {
    const { traceId, spanId, traceFlags } = this.#span.spanContext()
    return `00-${traceId}-${spanId}-0${traceFlags & TraceFlags.SAMPLED}`
  }

  /** Adds a part that is over. */
  addPart(name: string, startMs: number, endMs: number, attributes?: Attributes): void {
    if (this.isRecorded) this.beginPart(name, startMs, { attributes }).end(this.#source.clock.at(endMs))
  }

  /** Begins a part. `within` is another part that it belongs to. */
  beginPart(
    name: string,
    startMs: number,
    options: {
      readonly attributes?: Attributes | undefined
      readonly links?: Link[]
      readonly kind?: SpanKind
      readonly within?: Span
    } = {},
  ): Span {
    const { attributes = {}, links = [], kind = SpanKind.INTERNAL, within } = options
    const context = within === undefined ? this.#context : trace.setSpan(ROOT_CONTEXT, within)
    const startTime = this.#source.clock.at(startMs)
    return this.#source.tracer.startSpan(name, { kind, startTime, attributes, links }, context)
  }

  /** Ends the request. Does nothing once it is ended. */
  end({ status, reason }: RequestEnd): void {
    if (this.#isEnded) return
    this.#isEnded = true
    if (status === undefined) this.#span.setAttribute('error.type', 'client_gone')
    else this.#span.setAttribute('http.response.status_code', status)
    if (reason !== undefined) this.#span.setAttribute('ippoold.reason', reason)
    if (status !== undefined && status >= 500) {
      this.#span.setAttribute('error.type', reason ?? String(status))
      this.#span.setStatus({ code: SpanStatusCode.ERROR })
    }
    this.#span.end(this.#source.clock.at(performance.now()))
  }
}
