import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { ClientRequest, IncomingMessage } from 'node:http'
import { defaultTextMapSetter, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import type { RequestSpan } from './request-span.ts'
import type { WallClock } from './wall-clock.ts'

/**
 * Makes spans of the calls that the server sends to others by HTTP while it serves a request, such as for the keys of an issuer of tokens,
 * and sends `traceparent` with them. Node tells of these calls itself. Returns what ends it.
 * @see https://nodejs.org/api/diagnostics_channel.html#built-in-channels
 */
export function traceOutgoingCalls(current: () => RequestSpan | undefined, clock: WallClock): () => void {
  const propagator = new W3CTraceContextPropagator()
  const spans = new WeakMap<ClientRequest, Span>()

  const begin = (message: unknown): void => {
    const [request, call] = [current(), memberOf(message, 'request')]
    if (request === undefined || !(call instanceof ClientRequest)) return
    const { method, protocol, host } = call
    const attributes = {
      'http.request.method': method,
      'url.scheme': protocol.replace(':', ''),
      'server.address': host,
    }
    const span = request.beginPart(method, performance.now(), { kind: SpanKind.CLIENT, attributes })
    spans.set(call, span)
    const headers: Record<string, string> = {}
    propagator.inject(trace.setSpan(ROOT_CONTEXT, span), headers, defaultTextMapSetter)
    for (const [name, value] of Object.entries(headers)) call.setHeader(name, value)
  }
  const end = (message: unknown): void => {
    const [call, response, error] = [
      memberOf(message, 'request'),
      memberOf(message, 'response'),
      memberOf(message, 'error'),
    ]
    const span = call instanceof ClientRequest ? spans.get(call) : undefined
    if (span?.isRecording() !== true) return
    const status = response instanceof IncomingMessage ? response.statusCode : undefined
    if (status !== undefined) span.setAttribute('http.response.status_code', status)
    if (status === undefined || status >= 400) {
      span.setAttribute('error.type', status === undefined ? nameOf(error) : String(status))
      span.setStatus({ code: SpanStatusCode.ERROR })
    }
    span.end(clock.at(performance.now()))
  }
  const listeners = [
    ['http.client.request.created', begin],
    ['http.client.response.finish', end],
    ['http.client.request.error', end],
  ] as const
  for (const [channel, listener] of listeners) subscribe(channel, listener)
  return () => {
    for (const [channel, listener] of listeners) unsubscribe(channel, listener)
  }
}

function memberOf(message: unknown, name: string): unknown {
  return typeof message === 'object' && message !== null ? Reflect.get(message, name) : undefined
}

/** The code of an error of the system, such as `ECONNREFUSED`, or its class. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'error'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
