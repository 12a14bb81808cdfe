import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { until } from './until.ts'

/** A value of OTLP in JSON. */
interface AnyValue {
  readonly stringValue?: string
  readonly intValue?: number | string
  readonly boolValue?: boolean
}

interface KeyValue {
  readonly key: string
  readonly value: AnyValue
}

interface SentSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly KeyValue[]
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly status: { readonly code?: number }
}

/** What a server sends in one request, as OTLP in JSON has it. */
interface SentSpans {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] }
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[]
  }[]
}

type Values = Readonly<Record<string, string | number | boolean | undefined>>

/** A span that has arrived. */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  /** Empty for the first span of a trace. */
  readonly parent: string
  readonly name: string
  readonly kind: number
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Values
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly isError: boolean
  readonly resource: Values
}

/** A request that has arrived, with its body. */
export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** A place that takes spans by OTLP over HTTP. */
export interface Collector {
  readonly url: string
  readonly received: readonly Received[]
  /** The spans that came as JSON. */
  spans(): readonly Span[]
  /** Waits until `select` finds something in the spans. */
  find<Found>(what: string, select: (spans: readonly Span[]) => Found | undefined): Promise<Found>
  /** False: requests arrive, and get no answer. */
  isAnswering: boolean
}

/** Starts a collector that ends with the test. */
export async function startCollector(t: Test): Promise<Collector> {
  const received: Received[] = []
  const spans: Span[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const type = request.headers['content-type']
      received.push({ path: request.url ?? '', headers: request.headers, body })
      if (type === 'application/json') spans.push(...spansIn(JSON.parse(body.toString()) as SentSpans))
      if (collector.isAnswering) {
        response.setHeader('content-type', type ?? 'text/plain').end(type === 'application/json' ? '{}' : undefined)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const collector: Collector = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    spans: () => spans,
    find: (what, select) => until(what, () => select(spans)),
    isAnswering: true,
  }
  return collector
}

function spansIn({ resourceSpans }: SentSpans): readonly Span[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        traceId: span.traceId,
        spanId: span.spanId,
        parent: span.parentSpanId ?? '',
        name: span.name,
        kind: span.kind,
        startMs: Number(span.startTimeUnixNano) / 1e6,
        endMs: Number(span.endTimeUnixNano) / 1e6,
        attributes: valuesIn(span.attributes),
        links: span.links.map(({ traceId, spanId }) => ({ traceId, spanId })),
        isError: span.status.code === 2,
        resource: valuesIn(resource.attributes),
      })),
    ),
  )
}

function valuesIn(attributes: readonly KeyValue[]): Values {
  return Object.fromEntries(
    attributes.map(({ key, value: { stringValue, intValue, boolValue } }) => [
      key,
      stringValue ?? boolValue ?? (intValue === undefined ? undefined : Number(intValue)),
    ]),
  )
}
