import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { stringify } from 'yaml'
import { type Collector, type Span, startCollector } from '../support/collector.ts'
import { temporaryFolder } from '../support/etcd.ts'
import { type Answer, HttpClient } from '../support/http-client.ts'
import { addressesIn, createPool, startIppoold } from '../support/ippoold.ts'
import { newKey, startIssuer } from '../support/issuer.ts'
import { samplesIn } from '../support/metrics.ts'
import { until } from '../support/until.ts'

t.setTimeout(280_000)

/** The trace of a caller, and its span there. */
const caller = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }

function traceparent(traceId = caller.traceId, flags = '01'): Readonly<Record<string, string>> {
  return { traceparent: `00-${traceId}-${caller.spanId}-${flags}` }
}

/** A server that sends spans to a collector soon, and has an audit log. */
async function start(t: Test, env: Readonly<Record<string, string>> = {}) {
  const collector = await startCollector(t)
  const auditLog = join(await temporaryFolder(t), 'audit.log')
  const ippoold = await startIppoold(t, {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      IPPOOLD_AUDIT_LOG: auditLog,
      ...env,
    },
  })
  const [server] = ippoold.servers
  if (server === undefined) throw new Error('There is a server.')
  await createPool(ippoold.call, 'blue', { cidr: '10.1.0.0/24' })
  return { ...ippoold, server, collector, auditLog }
}

/** Waits for the span of a request, and returns all of its trace. */
function traceOf({ find }: Collector, traceId: string): Promise<readonly Span[]> {
  return find(`the trace ${traceId}`, (spans) => {
    const of = spans.filter((span) => span.traceId === traceId)
    return of.some(({ kind }) => kind === 2) ? of : undefined
  })
}

/** The trace that an answer names. */
function traceIn({ headers }: Answer): { readonly traceId: string; readonly spanId: string; readonly flags: string } {
  const [, traceId = '', spanId = '', flags = ''] =
    /^00-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/.exec(String(headers['traceresponse'])) ?? []
  return { traceId, spanId, flags }
}

/** The lines of the log of a server that are about a request. */
function linesAbout(output: string, requestId: unknown): readonly Readonly<Record<string, unknown>>[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    .filter((line) => line['requestId'] === requestId)
}

t.test('a call is a part of the trace of its caller; log, answer, audit and metrics name it', async (t) => {
  const { call, collector, server, auditLog } = await start(t, {
    OTEL_SERVICE_NAME: 'ipam',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-team=blue',
  })
  const body = { handle: 'secret-handle', node: 'n1', attributes: { pod: 'secret-pod' } }
  const answer = await call('POST', '/ipam/v1/assign', body, undefined, traceparent())
  t.equal(answer.status, 201)
  const { traceId, spanId, flags } = traceIn(answer)
  t.strictSame({ traceId, flags }, { traceId: caller.traceId, flags: '01' })

  const spans = await traceOf(collector, traceId)
  const span = (name: string): Span | undefined => spans.find((one) => one.name === name)
  const served = span('POST /ipam/v1/assign')
  t.match(served, { spanId, parent: caller.spanId, kind: 2, isError: false })
  t.match(served?.resource, { 'service.name': 'ipam', 'deployment.environment.name': 'test', 'service.version': /\d/ })
  t.strictSame(served?.attributes, {
    'http.request.method': 'POST',
    'http.route': '/ipam/v1/assign',
    'http.response.status_code': 201,
    'url.scheme': 'http',
    'network.protocol.version': '1.1',
    'ippoold.request_id': answer.headers['x-request-id'],
  })
  for (const name of ['queue', 'plan', 'commit']) t.equal(span(name)?.parent, spanId, name)
  const [commit, transaction] = [span('commit'), span('transaction')]
  t.equal(transaction?.parent, commit?.spanId)
  t.match(transaction?.links, [{ traceId, spanId: commit?.spanId }])
  t.match(commit?.links, [{ traceId, spanId: transaction?.spanId }])
  for (const { startMs, endMs, name } of spans) {
    t.ok(startMs >= (served?.startMs ?? Infinity) && endMs >= startMs && endMs <= (served?.endMs ?? 0) + 1, name)
  }
  t.ok(collector.received.every(({ path, headers }) => path === '/v1/traces' && headers['x-team'] === 'blue'))
  const sent = collector.received.map(({ body: text }) => text.toString()).join('\n')
  t.notMatch(sent, /secret-|10\.1\.0\./, 'no handle, no attribute and no address is sent')
  t.equal(addressesIn(answer).length, 1)

  const requestId = answer.headers['x-request-id']
  const lines = await until('the line', () => {
    const found = linesAbout(server.output(), requestId)
    return found.length > 0 ? found : undefined
  })
  t.match(lines, [{ msg: 'change', trace_id: traceId, span_id: spanId }])
  const event = (await readFile(auditLog, 'utf8')).split('\n').find((line) => line.includes(String(requestId)))
  t.match(JSON.parse(event ?? '{}'), { annotations: { 'ippoold.io/trace-id': traceId } })

  const accept = 'application/openmetrics-text'
  const metrics = await (await request(`${server.url}/metrics`, { headers: { accept } })).body.text()
  const exemplars = metrics.split('\n').filter((line) => line.includes(`trace_id="${traceId}"`))
  t.match(exemplars, [
    /^ippoold_request_duration_seconds_bucket\{.*route="\/ipam\/v1\/assign"\} \d+ # \{.*\} [\d.]+ [\d.]+$/,
  ])
  t.match(exemplars[0], `span_id="${spanId}"`)
  const plain = await (await request(`${server.url}/metrics`)).body.text()
  t.notMatch(plain, /trace_id/, 'the format of Prometheus has no exemplars')
  t.ok(samplesIn(plain).get('ippoold_request_duration_seconds_count{method="POST",route="/ipam/v1/assign"}'))
})

t.test('an error has its trace; one of the server is an error of the span', async (t) => {
  const { call, collector, server } = await start(t)
  const taken = { handle: 'a', addresses: ['10.1.0.7'] }
  await call('POST', '/ipam/v1/assign', taken)
  const refused = await call('POST', '/ipam/v1/assign', { ...taken, handle: 'b' }, undefined, traceparent())
  t.equal(refused.status, 409)
  t.equal(traceIn(refused).traceId, caller.traceId)
  const [span] = (await traceOf(collector, caller.traceId)).filter(({ kind }) => kind === 2)
  t.match(span, { isError: false, attributes: { 'http.response.status_code': 409, 'ippoold.reason': 'AddressInUse' } })
  t.match(linesAbout(server.output(), refused.headers['x-request-id']), [
    { trace_id: caller.traceId, reason: 'AddressInUse' },
  ])

  const unknown = await call('GET', '/nowhere')
  const [other] = (await traceOf(collector, traceIn(unknown).traceId)).filter(({ kind }) => kind === 2)
  t.match(other, { name: 'GET', parent: '', attributes: { 'http.response.status_code': 404 } })
  t.notOk(other !== undefined && 'http.route' in other.attributes)
})

t.test('a caller decides whether its trace is recorded, and the server for those without one', async (t) => {
  const { call, collector, server } = await start(t, { OTEL_TRACES_SAMPLER: 'parentbased_always_off' })
  const unsampled = '1af7651916cd43dd8448eb211c80319c'
  const quiet = await call('POST', '/ipam/v1/assign', { handle: 'a' }, undefined, traceparent(unsampled, '00'))
  t.match(traceIn(quiet), { traceId: unsampled, flags: '00' })
  const own = await call('POST', '/ipam/v1/assign', { handle: 'b' })
  t.equal(traceIn(own).flags, '00')
  const recorded = await call('POST', '/ipam/v1/assign', { handle: 'c' }, undefined, traceparent())
  t.equal(traceIn(recorded).flags, '01')
  const malformed = { traceparent: '00-nonsense-01' }
  t.equal(traceIn(await call('POST', '/ipam/v1/assign', { handle: 'd' }, undefined, malformed)).flags, '00')
  await traceOf(collector, caller.traceId)
  await server.stop()
  t.strictSame([...new Set(collector.spans().map(({ traceId }) => traceId))], [caller.traceId])
  t.match(
    linesAbout(server.output(), quiet.headers['x-request-id']),
    [{ trace_id: unsampled }],
    'its id is logged all the same',
  )
})

t.test('calls that share a transaction are linked to it, also if only some of them are recorded', async (t) => {
  const { server, collector } = await start(t, { OTEL_TRACES_SAMPLER: 'parentbased_always_off' })
  // More than a caller may have under way, so some of them wait at the gate.
  const numbers = Array.from({ length: 200 }, (_, number) => number)
  const client = new HttpClient(t, server.url, numbers.length)
  const traceId = (number: number): string => `${String(number).padStart(3, '0')}${caller.traceId.slice(3)}`
  const assign = (number: number) => {
    const flags = number % 2 === 0 ? '01' : '00'
    return client.call(
      'POST',
      '/ipam/v1/assign',
      { handle: `h${number}` },
      undefined,
      traceparent(traceId(number), flags),
    )
  }
  for (const { status } of await Promise.all(numbers.map(assign))) t.equal(status, 201)
  const recorded = numbers.filter((number) => number % 2 === 0).map(traceId)
  const spans = await collector.find('all traces', (all) => {
    const requests = all.filter(({ kind }) => kind === 2)
    return requests.length === recorded.length ? all : undefined
  })
  t.strictSame([...new Set(spans.map((span) => span.traceId))].sort(), recorded.sort())
  const committed = spans.filter(({ attributes }) => attributes['ippoold.outcome'] === 'committed')
  const transactions = committed.filter(({ name }) => name === 'transaction')
  const commits = committed.filter(({ name }) => name === 'commit')
  t.equal(commits.length, recorded.length)
  t.ok(transactions.length < commits.length, `${transactions.length} transactions carried ${commits.length} calls`)
  t.strictSame(
    transactions.flatMap(({ links }) => links.map((link) => link.spanId)).sort(),
    commits.map(({ spanId }) => spanId).sort(),
  )
  const carried = transactions.reduce((sum, { attributes }) => sum + Number(attributes['ippoold.operations']), 0)
  const waits = spans.filter(({ name }) => name === 'gate')
  t.ok(waits.length > 0, 'some have waited at the gate')
  for (const wait of waits) {
    const [parent] = spans.filter(({ spanId }) => spanId === wait.parent)
    t.match(parent, { traceId: wait.traceId, kind: 2 })
    t.ok(wait.startMs === parent?.startMs && wait.endMs <= parent.endMs, 'a request begins with its wait')
  }
  t.ok(carried >= commits.length, 'the number of operations counts those of calls that are not recorded, too')
})

t.test('health probes are not traced, and a watch is as long as it takes to begin', async (t) => {
  const { call, collector, server } = await start(t)
  t.notOk((await call('GET', '/livez')).headers['traceresponse'])
  const abort = new AbortController()
  const path = '/apis/projectcalico.org/v3/ippools?watch=true'
  const watch = await request(`${server.url}${path}`, { headers: traceparent(), signal: abort.signal })
  const [span] = (await traceOf(collector, caller.traceId)).filter(({ kind }) => kind === 2)
  t.match(span, { name: 'GET /apis/projectcalico.org/v3/ippools', attributes: { 'http.response.status_code': 200 } })
  watch.body.on('error', () => undefined)
  abort.abort()
  t.notOk(collector.spans().some(({ name }) => name.includes('livez')))
})

t.test('calls to others carry the trace', async (t) => {
  const issuer = await startIssuer(t)
  const path = join(await temporaryFolder(t), 'authentication.yaml')
  const trusted = { url: issuer.url, certificateAuthority: issuer.authority, audiences: ['ippoold'] }
  const claimMappings = { username: { claim: 'sub', prefix: '' }, groups: { claim: 'groups', prefix: '' } }
  const configuration = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt: [{ issuer: trusted, claimMappings }],
  }
  await writeFile(path, stringify(configuration))
  const collector = await startCollector(t)
  const { call } = await startIppoold(t, {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      IPPOOLD_AUTH_CONFIG_FILE: path,
    },
  })
  // The server fetches the keys at its start, for no call. A token with a key that it does not know makes it fetch them again.
  await until('the keys', () => issuer.requests() >= 2 || undefined)
  const before = issuer.requests()
  t.ok(issuer.headers.every(({ traceparent: sent }) => sent === undefined))
  issuer.keys = [await newKey('second')]
  const authorization = `Bearer ${await issuer.sign({})}`
  const whoami = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const ask = () => call('POST', whoami, {}, undefined, { authorization, ...traceparent() })
  await until('the new key to count', async () => (await ask()).status === 201 || undefined)
  const sent = issuer.headers.slice(before).map((headers) => headers['traceparent'])
  const clients = await collector.find('the spans of the calls', (spans) => {
    const found = spans.filter(({ kind }) => kind === 3)
    return found.length >= sent.length ? found : undefined
  })
  t.equal(sent.length, 2)
  t.strictSame(
    clients.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`),
    sent,
  )
  for (const client of clients) {
    t.match(client, { name: 'GET', traceId: caller.traceId, isError: false })
    t.match(client.attributes, { 'server.address': 'localhost', 'http.response.status_code': 200 })
    await collector.find('the span of the request', (spans) =>
      spans.some(({ spanId, kind }) => spanId === client.parent && kind === 2) ? spans : undefined,
    )
  }
  t.notOk(
    collector.received.some(({ headers }) => 'traceparent' in headers),
    'sending spans is no part of a trace',
  )
})

t.test(
  'a server that stops sends the spans of its last calls, by protobuf unless another protocol is asked for',
  async (t) => {
    const { call, collector, server } = await start(t, {
      OTEL_BSP_SCHEDULE_DELAY: '600000',
      OTEL_EXPORTER_OTLP_PROTOCOL: '',
    })
    await call('POST', '/ipam/v1/assign', { handle: 'a' }, undefined, traceparent())
    t.strictSame(collector.received, [])
    t.match(await server.stop(), { code: 0 })
    t.match(collector.received, [{ path: '/v1/traces', headers: { 'content-type': 'application/x-protobuf' } }])
    const sent = Buffer.concat(collector.received.map(({ body }) => body))
    for (const bytes of [Buffer.from(caller.traceId, 'hex'), 'POST /ipam/v1/assign', 'transaction'])
      t.ok(sent.includes(bytes))
  },
)

t.test('a collector that is not there, or never answers, is told once, and changes nothing else', async (t) => {
  for (const kind of ['absent', 'silent']) {
    await t.test(kind, async (t) => {
      // Nobody listens at port 1.
      const endpoint = kind === 'absent' ? { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' } : {}
      const limits = {
        OTEL_EXPORTER_OTLP_TIMEOUT: '200',
        OTEL_BSP_MAX_QUEUE_SIZE: '64',
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '8',
      }
      const { call, collector, server } = await start(t, { ...endpoint, ...limits })
      collector.isAnswering = false
      const failures = (): number => server.output().match(/spans cannot be sent/g)?.length ?? 0
      for (let round = 0; round < 10 || failures() === 0; round++) {
        const calls = Array.from({ length: 20 }, (_, number) =>
          call('PUT', `/ipam/v1/handles/h${number}`, {}, undefined, traceparent()),
        )
        const startedMs = performance.now()
        for (const { status } of await Promise.all(calls)) t.ok(status === 200 || status === 201)
        t.ok(performance.now() - startedMs < 5_000, 'calls do not wait for the collector')
      }
      const exportsBefore = collector.received.length
      await call('GET', '/ipam/v1/addresses')
      if (kind === 'silent') {
        await until('more batches to fail', () => collector.received.length > exportsBefore + 2 || undefined)
      }
      t.equal(failures(), 1, 'the log has one line')
      if (kind === 'silent') {
        collector.isAnswering = true
        await traceOf(collector, traceIn(await call('GET', '/ipam/v1/addresses')).traceId)
        await until('the line', () => /spans can be sent again/.test(server.output()) || undefined)
        collector.isAnswering = false
        await call('GET', '/ipam/v1/addresses')
      }
      const stoppedMs = performance.now()
      t.match(await server.stop(), { code: 0 })
      t.ok(performance.now() - stoppedMs < 8_000, 'the stop does not wait for long')
    })
  }
})

t.test('spans are sent by gRPC if that is asked for', async (t) => {
  const chunks: Buffer[] = []
  const paths: unknown[] = []
  const receiver = createServer()
  receiver.on('stream', (stream, headers) => {
    paths.push(headers[':path'])
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      // One message without content: everything was accepted.
      stream.end(Buffer.alloc(5))
    })
  })
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  t.teardown(() => receiver.close())
  const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
  const grpc = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }
  const { call, server } = await start(t, grpc)
  await call('POST', '/ipam/v1/assign', { handle: 'a' }, undefined, traceparent())
  await server.stop()
  t.ok(paths.length > 0)
  t.ok(paths.every((path) => path === '/opentelemetry.proto.collector.trace.v1.TraceService/Export'))
  t.ok(Buffer.concat(chunks).includes(Buffer.from(caller.traceId, 'hex')))
  t.notMatch(server.output(), /spans cannot be sent/)
})

t.test('without an endpoint, no module of the SDK of OpenTelemetry is loaded', async (t) => {
  const hook = fileURLToPath(new URL('../support/loaded-modules.js', import.meta.url))
  const loaded = async (env: Readonly<Record<string, string>>): Promise<readonly string[]> => {
    const file = join(await temporaryFolder(t), 'loaded')
    const { call, server } = await start(t, { NODE_OPTIONS: `--import ${hook}`, IPPOOLD_TEST_LOADED: file, ...env })
    const answer = await call('POST', '/ipam/v1/assign', { handle: 'a' }, undefined, traceparent())
    t.equal(answer.headers['traceresponse'] !== undefined, env['OTEL_EXPORTER_OTLP_ENDPOINT'] === undefined)
    await server.stop()
    return (await readFile(file, 'utf8')).split('\n')
  }
  // The library of the metrics loads the API.
  const isOfTelemetry = (url: string): boolean =>
    /@opentelemetry\/(?!api\/)|src\/traces\/(?!(index|open|settings)\.ts)/.test(url)
  const without = await loaded({ OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_SERVICE_NAME: 'ipam' })
  t.strictSame(without.filter(isOfTelemetry), [])
  t.ok(
    without.some((url) => url.includes('node_modules/fastify/')),
    'the list is complete',
  )
  t.ok((await loaded({})).some(isOfTelemetry))
})

t.test('a setting of OpenTelemetry that cannot be used does not stop the start', async (t) => {
  const { server, call, collector } = await start(t, {
    OTEL_TRACES_SAMPLER: 'xray',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'brotli',
  })
  await call('GET', '/ipam/v1/addresses', undefined, undefined, traceparent())
  await traceOf(collector, caller.traceId)
  t.match(server.output(), /OTEL_TRACES_SAMPLER: \\"xray\\" is not used; give one of /)
  t.match(server.output(), /OTEL_EXPORTER_OTLP_COMPRESSION is invalid/)
})
