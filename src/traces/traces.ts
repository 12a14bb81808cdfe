import { AsyncLocalStorage } from 'node:async_hooks'
import { defaultTextMapGetter, ROOT_CONTEXT } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import type { OpenedStore, Probe } from '../datastore/index.ts'
import type { TraceLogger } from './exporting.ts'
import { OperationSpans } from './operation-spans.ts'
import { traceOutgoingCalls } from './outgoing-calls.ts'
import { type ArrivedRequest, RequestSpan, type SpanSource } from './request-span.ts'
import { type Sdk, startSdk } from './sdk.ts'
import type { TraceSettings } from './settings.ts'
import { traceStore } from './traced-store.ts'
import { WallClock } from './wall-clock.ts'

/** The traces of the requests of a server. */
export class Traces {
  readonly #sdk: Sdk
  readonly #source: SpanSource
  readonly #operations: OperationSpans
  readonly #propagator = new W3CTraceContextPropagator()
  readonly #stopOutgoing: () => void

  /** Starts the SDK of OpenTelemetry. */
  static async open(settings: TraceSettings, version: string, logger: TraceLogger): Promise<Traces> {
    const current = new AsyncLocalStorage<RequestSpan | undefined>()
    return new Traces(await startSdk(settings, version, logger, (work) => current.run(undefined, work)), current)
  }

  private constructor(sdk: Sdk, current: AsyncLocalStorage<RequestSpan | undefined>) {
    const clock = new WallClock()
    this.#sdk = sdk
    this.#source = { tracer: sdk.tracer, clock, current }
    this.#operations = new OperationSpans(clock)
    this.#stopOutgoing = traceOutgoingCalls(() => current.getStore(), clock)
  }

  /** Has to hear what the store does. */
  get probe(): Probe {
    return this.#operations.probe
  }

  /** Begins the span of a request: a child of the caller's, if that sent one in `traceparent`. */
  begin(request: ArrivedRequest): RequestSpan {
    this.#source.clock.follow()
    const parent = this.#propagator.extract(ROOT_CONTEXT, request.headers, defaultTextMapGetter)
    return new RequestSpan(request, parent, this.#source)
  }

  /** A store whose operations and reads belong to the request that they are for. */
  follow(store: OpenedStore): OpenedStore {
    return traceStore(store, this.#operations, () => this.#source.current.getStore())
  }

  /** Sends the spans that wait, for a few seconds at the most. */
  async close(): Promise<void> {
    this.#stopOutgoing()
    await this.#sdk.close()
  }
}
