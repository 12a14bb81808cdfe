/** Traces of requests, with OpenTelemetry. Nothing of it is loaded unless the environment names a place to send them to. */
export { openTraces } from './open.ts'
export { readTraceSettings } from './settings.ts'
