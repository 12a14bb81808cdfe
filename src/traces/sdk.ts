import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { diag, DiagLogLevel, type Tracer } from '@opentelemetry/api'
import {
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { ReportingExporter, type TraceLogger } from './exporting.ts'
import type { SamplerSettings, TraceProtocol, TraceSettings } from './settings.ts'

/** The SDK of OpenTelemetry as far as it is used. */
export interface Sdk {
  readonly tracer: Tracer
  /** Sends what is waiting, and ends; gives up after {@link closeMs}. */
  readonly close: () => Promise<void>
}

/** A collector that does not answer must not hold up the stop of a server. */
const closeMs = 2_000

/** Starts the SDK. Requests that send spans are made by `outsideOfTraces`. */
export async function startSdk(
  settings: TraceSettings,
  version: string,
  logger: TraceLogger,
  outsideOfTraces: (work: () => void) => void,
): Promise<Sdk> {
  const problems: string[] = []
  const note = (problem: string): void => void problems.push(problem)
  const ignore = (): void => undefined
  const noting = { error: note, warn: note, info: ignore, debug: ignore, verbose: ignore }
  // The packages say here which variables they cannot use. Later, they would say for each batch of spans that it failed.
  diag.setLogger(noting, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
  const exporter = new ReportingExporter(await openExporter(settings.protocol), logger, outsideOfTraces)
  const provider = new TracerProvider({
    resource: resourceOf(version),
    sampler: samplerOf(settings.sampler),
    spanProcessors: [new BatchSpanProcessor({ exporter, ...settings.batch })],
  })
  diag.disable()
  for (const problem of problems) logger.warn({ problem }, 'a setting of the traces cannot be used')
  return {
    tracer: provider.getTracer('ippoold', version),
    close: async () => {
      await Promise.race([provider.shutdown().catch(ignore), sleep(closeMs, undefined, { ref: false })])
    },
  }
}

/** Each reads the variables for endpoint, headers, timeout, compression and certificates itself. */
async function openExporter(protocol: TraceProtocol): Promise<SpanExporter> {
  switch (protocol) {
    case 'http/protobuf':
      return new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter()
    case 'http/json':
      return new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter()
    case 'grpc':
      return new (await import('@opentelemetry/exporter-trace-otlp-grpc')).OTLPTraceExporter()
  }
}

function samplerOf({ name, ratio }: SamplerSettings): Sampler {
  switch (name) {
    case 'always_on':
      return new AlwaysOnSampler()
    case 'always_off':
      return new AlwaysOffSampler()
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio)
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() })
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() })
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) })
  }
}

/** The server as the sender of spans. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` take precedence. */
function resourceOf(version: string): ReturnType<typeof resourceFromAttributes> {
  return resourceFromAttributes({
    'service.name': 'ippoold',
    'service.version': version,
    'service.instance.id': randomUUID(),
    'host.name': hostname(),
  }).merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }))
}
