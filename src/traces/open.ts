import type { TraceLogger } from './exporting.ts'
import { readTraceSettings } from './settings.ts'
import type { Traces } from './traces.ts'

/**
 * Starts to trace, if the variables of OpenTelemetry ask for it. Logs values that it cannot use: other programs have the same variables, so
 * none of them stops the start. Returns undefined, and has loaded nothing, if no traces are wanted.
 */
export async function openTraces(
  environment: Readonly<Record<string, string | undefined>>,
  { version, logger }: { readonly version: string; readonly logger: TraceLogger },
): Promise<Traces | undefined> {
  const { settings, problems } = readTraceSettings(environment)
  for (const problem of problems) logger.warn({ problem }, 'a setting of the traces cannot be used')
  if (settings === undefined) return undefined
  // Only here: without traces, neither the packages of OpenTelemetry nor the code that calls them is loaded.
  const { Traces } = await import('./traces.ts')
  const traces = await Traces.open(settings, version, logger)
  logger.info(
    { endpoint: settings.endpoint, protocol: settings.protocol, sampler: settings.sampler.name },
    'tracing requests',
  )
  return traces
}
