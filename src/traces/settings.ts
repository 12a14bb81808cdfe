/** The protocols by which spans are sent. */
export type TraceProtocol = (typeof protocols)[number]

const protocols = ['http/protobuf', 'http/json', 'grpc'] as const

/** Decides which traces are recorded. */
export interface SamplerSettings {
  readonly name: SamplerName
  /** The share of traces that a sampler by ratio records, from 0 to 1. */
  readonly ratio: number
}

type SamplerName = (typeof samplers)[number]

const samplers = [
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
  'always_on',
  'always_off',
  'traceidratio',
] as const

/** How spans wait to be sent; what is undefined has the default of the SDK. */
export interface BatchSettings {
  readonly maxQueueSize?: number
  readonly maxExportBatchSize?: number
  readonly scheduledDelayMillis?: number
  readonly exportTimeoutMillis?: number
}

/** How requests are traced. The packages that send spans read the other variables of OpenTelemetry themselves. */
export interface TraceSettings {
  /** The address that spans are sent to, for the log. It has no user or password. */
  readonly endpoint: string
  readonly protocol: TraceProtocol
  readonly sampler: SamplerSettings
  readonly batch: BatchSettings
}

/** The settings that were read, and the values among them that cannot be used. */
export interface TraceReading {
  /** Undefined if no traces are wanted. */
  readonly settings: TraceSettings | undefined
  readonly problems: readonly string[]
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads the variables of OpenTelemetry. Traces are wanted if `OTEL_EXPORTER_OTLP_ENDPOINT`, or the variable for traces only, is set, and
 * neither `OTEL_SDK_DISABLED` nor `OTEL_TRACES_EXPORTER` switches them off. A value that cannot be used counts as unset.
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function readTraceSettings(environment: Environment): TraceReading {
  const read = (name: string): string => environment[name]?.trim() ?? ''
  const isDisabled = read('OTEL_SDK_DISABLED').toLowerCase() === 'true' || read('OTEL_TRACES_EXPORTER') === 'none'
  const endpoint = namesOf('ENDPOINT').find((name) => read(name) !== '')
  if (endpoint === undefined || isDisabled) return { settings: undefined, problems: [] }
  const problems: string[] = []
  const refuse = (name: string, expected: string): void => {
    problems.push(`${name}: ${JSON.stringify(read(name))} is not used; give ${expected}`)
  }
  /** The value of the first of these variables that is set, if it is one of `values`. */
  const oneOf = <Value extends string>(names: readonly string[], values: readonly Value[]): Value | undefined => {
    const name = names.find((other) => read(other) !== '')
    if (name === undefined) return undefined
    const found = values.find((value) => value === read(name))
    if (found === undefined) refuse(name, `one of ${values.join(', ')}`)
    return found
  }
  const number = (name: string, isFit: (value: number) => boolean, expected: string): number | undefined => {
    if (read(name) === '') return undefined
    const value = Number(read(name))
    if (isFit(value)) return value
    refuse(name, expected)
    return undefined
  }
  const count = (name: string): number | undefined =>
    number(name, (value) => Number.isSafeInteger(value) && value > 0, 'a whole number above 0')
  const exporter = read('OTEL_TRACES_EXPORTER')
  if (exporter !== '' && exporter !== 'otlp') refuse('OTEL_TRACES_EXPORTER', 'otlp or none')
  const protocol = oneOf(namesOf('PROTOCOL'), protocols) ?? protocols[0]
  const url = urlOf(read(endpoint))
  // gRPC has targets that are no URLs, such as `collector:4317`.
  if (url === undefined && protocol !== 'grpc') {
    refuse(endpoint, 'a URL such as http://collector:4318')
    return { settings: undefined, problems }
  }
  const isShare = (value: number): boolean => value >= 0 && value <= 1
  const settings = {
    endpoint: url ?? read(endpoint),
    protocol,
    sampler: {
      name: oneOf(['OTEL_TRACES_SAMPLER'], samplers) ?? samplers[0],
      ratio: number('OTEL_TRACES_SAMPLER_ARG', isShare, 'a number from 0 to 1') ?? 1,
    },
    batch: definedOf({
      maxQueueSize: count('OTEL_BSP_MAX_QUEUE_SIZE'),
      maxExportBatchSize: count('OTEL_BSP_MAX_EXPORT_BATCH_SIZE'),
      scheduledDelayMillis: count('OTEL_BSP_SCHEDULE_DELAY'),
      exportTimeoutMillis: count('OTEL_BSP_EXPORT_TIMEOUT'),
    }),
  }
  return { settings, problems }
}

/** The variable for traces only, which takes precedence, and the one for all that is sent. */
function namesOf(what: 'ENDPOINT' | 'PROTOCOL'): readonly string[] {
  return [`OTEL_EXPORTER_OTLP_TRACES_${what}`, `OTEL_EXPORTER_OTLP_${what}`]
}

/** The URL without user, password and query; undefined if it is none of HTTP. */
function urlOf(text: string): string | undefined {
  const url = URL.parse(text)
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? `${url.origin}${url.pathname}` : undefined
}

/** The members that have a value. */
function definedOf(members: Readonly<Record<keyof BatchSettings, number | undefined>>): BatchSettings {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}
