import t from 'tap'
import { readTraceSettings } from '../../src/traces/index.ts'

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }

for (const [name, environment] of Object.entries({
  'nothing is set': {},
  'only other variables are set': { OTEL_SERVICE_NAME: 'ipam', OTEL_TRACES_SAMPLER: 'always_on' },
  'the endpoint is empty': { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' },
  'OpenTelemetry is disabled': { ...endpoint, OTEL_SDK_DISABLED: 'True' },
  'traces go nowhere': { ...endpoint, OTEL_TRACES_EXPORTER: 'none' },
})) {
  t.test(`no traces are wanted if ${name}`, (t) => {
    t.strictSame(readTraceSettings(environment), { settings: undefined, problems: [] })
    t.end()
  })
}

t.test('an endpoint is enough: traces are recorded unless the caller says otherwise, and sent by protobuf', (t) => {
  t.strictSame(readTraceSettings(endpoint), {
    settings: {
      endpoint: 'http://collector:4318/',
      protocol: 'http/protobuf',
      sampler: { name: 'parentbased_always_on', ratio: 1 },
      batch: {},
    },
    problems: [],
  })
  t.end()
})

for (const [name, environment, want] of [
  [
    'a variable for traces comes first',
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://other/v1/traces' },
    { endpoint: 'https://other/v1/traces' },
  ],
  [
    'it is enough',
    { OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://other/' },
    { endpoint: 'https://other/' },
  ],
  [
    'a password is not shown',
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://u:secret@host/a?key=secret' },
    { endpoint: 'http://host/a' },
  ],
  ['another protocol', { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, { protocol: 'http/json' }],
  [
    'a protocol for traces comes first',
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' },
    { protocol: 'grpc' },
  ],
  [
    'gRPC has targets that are no URL',
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    { endpoint: 'collector:4317' },
  ],
  [
    'a sampler by ratio',
    { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' },
    { sampler: { name: 'traceidratio', ratio: 0.25 } },
  ],
  [
    'a queue',
    { OTEL_BSP_MAX_QUEUE_SIZE: '4096', OTEL_BSP_SCHEDULE_DELAY: '100' },
    { batch: { maxQueueSize: 4096, scheduledDelayMillis: 100 } },
  ],
  ['being enabled', { OTEL_SDK_DISABLED: 'false', OTEL_TRACES_EXPORTER: 'otlp' }, {}],
] as const) {
  t.test(name, (t) => {
    const { settings, problems } = readTraceSettings({ ...endpoint, ...environment })
    t.match(settings, want)
    t.strictSame(problems, [])
    t.end()
  })
}

for (const [name, value, expected] of [
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'http', 'one of http/protobuf, http/json, grpc'],
  ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'thrift', 'one of http/protobuf, http/json, grpc'],
  ['OTEL_TRACES_EXPORTER', 'zipkin', 'otlp or none'],
  [
    'OTEL_TRACES_SAMPLER',
    'xray',
    'one of parentbased_always_on, parentbased_always_off, parentbased_traceidratio, always_on, always_off, traceidratio',
  ],
  ['OTEL_TRACES_SAMPLER_ARG', '1.5', 'a number from 0 to 1'],
  ['OTEL_TRACES_SAMPLER_ARG', 'half', 'a number from 0 to 1'],
  ['OTEL_BSP_MAX_QUEUE_SIZE', '0', 'a whole number above 0'],
  ['OTEL_BSP_SCHEDULE_DELAY', '1.5', 'a whole number above 0'],
] as const) {
  t.test(`${name}=${value} is told, and counts as unset`, (t) => {
    const { settings, problems } = readTraceSettings({ ...endpoint, [name]: value })
    t.strictSame(problems, [`${name}: "${value}" is not used; give ${expected}`])
    t.strictSame(settings, readTraceSettings(endpoint).settings)
    t.end()
  })
}

t.test('without an endpoint that can be used, there are no traces', (t) => {
  t.strictSame(readTraceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }), {
    settings: undefined,
    problems: ['OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" is not used; give a URL such as http://collector:4318'],
  })
  t.end()
})
