import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'

/** The log that hears about tracing itself. */
export interface TraceLogger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

/** The least time between two lines about a collector that takes no spans. */
const silenceMs = 60_000

/**
 * Passes spans on, and logs when they cannot be sent, and when they can again. Spans are dropped then; requests do not notice. A collector
 * that fails again and again gets a line a minute.
 */
export class ReportingExporter implements SpanExporter {
  readonly #exporter: SpanExporter
  readonly #logger: TraceLogger
  /** Calls a function so that the requests which it sends belong to no trace. */
  readonly #outsideOfTraces: (work: () => void) => void
  #isFailing = false
  #reportedAtMs = -Infinity
  #failedSpans = 0

  constructor(exporter: SpanExporter, logger: TraceLogger, outsideOfTraces: (work: () => void) => void) {
    this.#exporter = exporter
    this.#logger = logger
    this.#outsideOfTraces = outsideOfTraces
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#outsideOfTraces(() => {
      this.#exporter.export(spans, (result) => {
        this.#report(spans.length, result)
        done(result)
      })
    })
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.()
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown()
  }

  #report(spans: number, { code, error }: ExportResult): void {
    if (code === ExportResultCode.SUCCESS) {
      if (this.#isFailing) this.#logger.info({ dropped: this.#failedSpans }, 'spans can be sent again')
      this.#isFailing = false
      this.#failedSpans = 0
      return
    }
    this.#failedSpans += spans
    const now = performance.now()
    if (now - this.#reportedAtMs < silenceMs) return
    this.#reportedAtMs = now
    this.#isFailing = true
    const problem = error?.message || 'the collector gave no reason'
    this.#logger.warn({ problem, dropped: this.#failedSpans }, 'spans cannot be sent; they are dropped')
  }
}
